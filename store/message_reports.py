"""What becomes of messages after they went out: each report is taken once, raises the message's status, and is told to
the enrolment that sent it if that listens."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from language.channel import CHANNELS
from language.message_event import REPORTS, Report, reports_of
from store.database import Database
from store.reporting import IN_DOUBT, Reporting, Taken, Told
from store.retry import retried

TOGETHER = 200
"""Reports that one transaction takes: their customers' sends wait for it."""

_CHANNEL = "SELECT channel FROM messages WHERE key = $1 OR provider_id = $1 ORDER BY key LIMIT 1"

_LATEST = """
SELECT key FROM messages
WHERE message = $1 AND ($2::bigint IS NULL OR customer_id = $2) AND channel = ANY($3) AND status = ANY($4)
ORDER BY coalesce(sent_at, created_at) DESC, created_at DESC, key DESC LIMIT 1
"""


class UntellableError(ValueError):
    """Nobody can say that of a message on this channel."""


async def report(
    db: Database,
    clock: Callable[[], datetime],
    key_or_provider_id: str,
    report: Report,
    *,
    event_id: str,
    at: datetime | None = None,
    details: dict[str, Any] | None = None,
    provider_id: str | None = None,
) -> bool:
    """Take one report; false when there is no such message. Wake the relay afterwards. The same `event_id` again
    changes nothing. `clock` is the journeys'; `provider_id` is the provider's id, for a message found by our key.

    Raises UntellableError.
    """
    told = Told(key_or_provider_id, report, event_id, at, details or {}, provider_id)
    [taken] = await take_reports(db, clock, [told])
    if taken == "untellable":
        channel = await db.pool.fetchval(_CHANNEL, key_or_provider_id)
        raise UntellableError(f"A message by {channel} cannot be {report}; {', '.join(reports_of(channel))} can be.")
    return taken != "unknown"


async def take_reports(db: Database, clock: Callable[[], datetime], told: Sequence[Told]) -> list[Taken]:
    """Take any number of reports, in transactions of a few; what became of each. Wake the relay afterwards."""
    taken: list[Taken] = []
    for start in range(0, len(told), TOGETHER):
        taken += await _take(db, clock, told[start : start + TOGETHER])
    return taken


async def _take(db: Database, clock: Callable[[], datetime], told: Sequence[Told]) -> list[Taken]:
    async def transaction() -> list[Taken]:
        async with db.pool.acquire() as connection, connection.transaction():
            return await Reporting(connection, clock).run(told)

    return await retried(transaction)


async def latest_message(
    db: Database,
    message: str,
    customer_id: int | None = None,
    *,
    report: Report | None = None,
    via: str | None = None,
) -> str | None:
    """The key of the newest message of this id that went out: by `via`, and on a channel of which `report` can be told,
    as far as these are given."""
    channels = [it for it in CHANNELS if via in (None, it) and (report is None or report in reports_of(it))]
    key: str | None = await db.pool.fetchval(_LATEST, message, customer_id, channels, ["sent", *REPORTS, *IN_DOUBT])
    return key
