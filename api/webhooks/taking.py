"""What webhooks have said is taken: first what it means for addresses, then what became of the messages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from api.parts import Parts
from api.problem import Problem
from runtime.metrics import WEBHOOK_REPORTS
from store.address_words import AddressWord, take_words
from store.ingest_queue import AWAY, Unavailable
from store.message_reports import take_reports
from store.reporting import Told

log = structlog.get_logger()


@dataclass(slots=True)
class Said:
    """By one request of a provider."""

    words: list[AddressWord] = field(default_factory=list)
    reports: list[Told] = field(default_factory=list)


async def take(parts: Parts, provider: str, said: Said) -> Sequence[str]:
    """What became of each report, once everything is stored; said again, it changes nothing. Raises Unavailable while
    PostgreSQL is away, and Problem 500 if some of it could not be stored: the rest is, and providers come again."""
    is_whole = await _take_words(parts, said.words)
    taken = await _take_reports(parts, said.reports)
    parts.waker.wake()
    if said.words:
        parts.teller.wake()
    for result in taken:
        WEBHOOK_REPORTS.labels(provider, result).inc()
    if not is_whole or "failed" in taken:
        raise Problem(500, "Not all of it could be stored", "Send it again: what is stored is not stored twice.")
    return taken


async def _take_words(parts: Parts, words: Sequence[AddressWord]) -> bool:
    """Whether all of them are stored; the rest of them are, whatever is wrong with one."""
    if not words:
        return True
    try:
        with may_be_away():
            await take_words(parts.db, parts.clock, words)
    except Exception as error:
        _bear(error, len(words))
        half = len(words) // 2
        return len(words) > 1 and all([await _take_words(parts, some) for some in (words[:half], words[half:])])
    return True


async def _take_reports(parts: Parts, told: Sequence[Told]) -> list[str]:
    """What became of each; `failed` where one alone could not be stored."""
    if not told:
        return []
    try:
        with may_be_away():
            return list(await take_reports(parts.db, parts.clock, told))
    except Exception as error:
        _bear(error, len(told))
        half = len(told) // 2
        if len(told) == 1:
            return ["failed"]
        return await _take_reports(parts, told[:half]) + await _take_reports(parts, told[half:])


@contextmanager
def may_be_away() -> Iterator[None]:
    """PostgreSQL's trouble within is for the provider to wait for: raises Unavailable."""
    try:
        yield
    except AWAY as error:
        if isinstance(error, ValueError):  # asyncpg's word for a value that it cannot encode
            raise
        raise Unavailable(f"PostgreSQL is away ({type(error).__name__})") from error


def _bear(error: Exception, number: int) -> None:
    """Only its kind is logged, as its text may quote a customer."""
    if isinstance(error, Unavailable):
        raise error
    if number == 1:
        log.error("webhook.not_stored", error=type(error).__name__)
