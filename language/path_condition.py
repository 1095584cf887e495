"""Whether a condition is true on a path, as far as that depends on nothing but what steps have left."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

from language.channel import CHANNELS
from language.ending import Result
from language.expression import Expression
from language.message_event import reports_of

MOST_ALTERNATIVES = 256
UNKNOWN: tuple[Result, ...] = ()
"""In place of what a step may have left: nobody can tell."""

_KNOWN = frozenset({"outcome", "result", "by"})
_NOT_SENT = ("suppressed", "undeliverable", "expired", "failed", "held_out", "unknown", "cancelled")


def decide(expression: Expression, left: Mapping[str, tuple[Result, ...]]) -> bool | None:
    """True or false if it is so whatever of `left` is the case; None: it may be either.

    `left` are the alternatives of what each step passed has left; a step that was not passed has left nothing.
    """
    if not expression.roots <= {"steps"} or any(len(path) < 2 for path in expression.paths):
        return None
    named = sorted({path[1] for path in expression.paths})
    if any(name in left and not _is_told(expression, name, left[name]) for name in named):
        return None
    alternatives = [tuple(_alternatives(expression, name, left)) for name in named]
    verdicts: set[bool] = set()
    combined = product(*alternatives)
    for results in islice(combined, MOST_ALTERNATIVES):
        told = {name: result for name, result in zip(named, results, strict=True) if result is not None}
        verdicts.add(expression.evaluate({"steps": told}) is True)
    is_all = next(combined, None) is None
    return verdicts.pop() if is_all and len(verdicts) == 1 else None


def _is_told(expression: Expression, name: str, results: tuple[Result, ...]) -> bool:
    """Whether the alternatives tell all that the expression asks of this step."""
    asked = {path[2] for path in expression.paths if path[1] == name and len(path) > 2}
    return bool(results) and all(
        field in _KNOWN or (field in CHANNELS and all(field in result or "skipped" in result for result in results))
        for field in asked
    )


def _alternatives(expression: Expression, name: str, left: Mapping[str, tuple[Result, ...]]) -> Iterator[Result | None]:
    if name not in left:
        yield None
        return
    asked = {path[2] for path in expression.paths if path[1] == name and len(path) > 2}
    for result in left[name]:
        channels = [channel for channel in result if channel in CHANNELS]
        wanted = [
            channel for channel in channels if channel in asked or (channel == channels[0] and "outcome" in asked)
        ]
        for statuses in product(*(_statuses(channel, result[channel]["status"]) for channel in wanted)):
            yield _with_statuses(result, channels, dict(zip(wanted, statuses, strict=True)))


def _statuses(channel: Any, status: str) -> tuple[str, ...]:
    """A message that went out may be told of by now; one that did not has one of several reasons."""
    match status:
        case "sent" if channel != "voice":
            return (status, *reports_of(channel), *_NOT_SENT)
        case "sent" | "suppressed":
            return ("sent", *_NOT_SENT) if status == "sent" else _NOT_SENT
    return (status,)


def _with_statuses(result: Result, channels: Sequence[str], status_by_channel: Mapping[str, str]) -> Result:
    told = {channel: {"status": status} for channel, status in status_by_channel.items()}
    first = status_by_channel.get(channels[0]) if channels else None
    mirrors = first is not None and result.get("outcome") == result[channels[0]]["status"]
    return {**result, **told, **({"outcome": first} if mirrors else {})}
