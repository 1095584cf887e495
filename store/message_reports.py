"""What becomes of messages after they went out: each report is taken once, raises the message's status, and is told to
the enrolment that sent it if that listens."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

import asyncpg

from language.channel import CHANNELS
from language.listening import Occurrence, listener
from language.message_event import ACTIVITY, GONE_WRONG, REPORTS, Report, event_name, outranks, reports_of
from store import ingest_read as read
from store import ingest_write as write
from store.database import Database
from store.ingest_journeys import Decisions, Enrolment, History
from store.ingest_listeners import Listeners
from store.ingest_people import Person
from store.retry import retried

IN_DOUBT = ("claimed", "unknown")
"""Statuses of messages that may have gone out; a report on one proves that it has."""

_WHOSE = "SELECT key, enrolment_id, customer_id FROM messages WHERE key = $1 OR provider_id = $1 ORDER BY key LIMIT 1"

_LOCK = "SELECT key, step, visit, channel, message, status FROM messages WHERE key = $1 FOR NO KEY UPDATE"

_TAKE = """
INSERT INTO message_events (event_id, message_key, report, details, at, occurred_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING RETURNING true
"""

_CHANGE = """
UPDATE messages SET status = $2::text, reason = CASE WHEN status = $2::text THEN reason ELSE $3 END,
    provider_id = coalesce(provider_id, $4), sent_at = coalesce(sent_at, $5),
    delivered_at = CASE WHEN $6 THEN coalesce(delivered_at, $5) ELSE delivered_at END
WHERE key = $1
"""

_DEFINITION = "SELECT definition FROM journey_versions WHERE journey = $1 AND version = $2"

_LATEST = """
SELECT key FROM messages
WHERE message = $1 AND ($2::bigint IS NULL OR customer_id = $2) AND channel = ANY($3) AND status = ANY($4)
ORDER BY coalesce(sent_at, created_at) DESC, created_at DESC, key DESC LIMIT 1
"""


class UntellableError(ValueError):
    """Nobody can say that of a message on this channel."""


@dataclass(frozen=True, slots=True)
class Told:
    """A report as it came. `event_id` is the reporter's own; `at` when it happened, if that was said (journey time)."""

    of: str
    report: Report
    event_id: str
    at: datetime | None = None
    details: dict[str, Any] = field(default_factory=dict)
    provider_id: str | None = None


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

    async def transaction() -> bool:
        async with db.pool.acquire() as connection, connection.transaction():
            return await Reporting(connection, clock, told).run()

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


@dataclass(frozen=True, slots=True)
class Reporting:
    """One transaction; locks are taken in the order customer, enrolment, message."""

    connection: Any
    clock: Callable[[], datetime]
    told: Told

    async def run(self) -> bool:
        whose = await self.connection.fetchrow(_WHOSE, self.told.of)
        if whose is None:
            return False
        person = await self._lock_customer(whose["customer_id"])
        enrolment = await read.lock_enrolment(self.connection, whose["enrolment_id"])
        message = await self.connection.fetchrow(_LOCK, whose["key"])
        _check(self.told.report, message["channel"])
        now = self.clock()
        occurred_at = min(self.told.at or now, now)
        if await self._take(message["key"], now, occurred_at) and await self._change(message, occurred_at):
            await self._tell(_occurrence(self.told, message, now, occurred_at), enrolment, person)
        return True

    async def _lock_customer(self, customer_id: int) -> Person:
        """The customer, or the one that it was merged into."""
        [row] = await read.lock_customers(self.connection, [customer_id], [customer_id])
        if row["merged_into"] is not None:
            return await self._lock_customer(row["merged_into"])
        person = Person(customer_id)
        person.load(row)
        return person

    async def _take(self, key: str, at: datetime, occurred_at: datetime) -> bool:
        """Whether it is the first time that this is said."""
        told = self.told
        row = (told.event_id, key, told.report, told.details, at, occurred_at)
        return bool(await self.connection.fetchval(_TAKE, *row))

    async def _change(self, message: asyncpg.Record, at: datetime) -> bool:
        """Whether the message went out at all; if so, its status follows the report, unless that is behind it."""
        status, told = message["status"], self.told
        status = "sent" if status in IN_DOUBT else status
        if status != "sent" and status not in REPORTS:
            return False
        raised = told.report if outranks(told.report, status) else status
        reason = told.details.get("reason") if raised in GONE_WRONG else None
        is_delivered = told.report == "delivered"
        await self.connection.execute(_CHANGE, message["key"], raised, reason, told.provider_id, at, is_delivered)
        return True

    async def _tell(self, occurrence: Occurrence, enrolment: Enrolment | None, person: Person) -> None:
        if occurrence.is_activity:
            person.see(occurrence.occurred_at)
            await write.write_customers(self.connection, [person], occurrence.at)
        if enrolment is None:
            return
        decisions = await self._decide(occurrence, enrolment, person)
        await write.write_enrolments(self.connection, decisions.enrolments)
        await write.write_deliveries(self.connection, decisions.deliveries)
        await write.write_refusals(self.connection, decisions.refusals)

    async def _decide(self, occurrence: Occurrence, enrolment: Enrolment, person: Person) -> Decisions:
        """What it means to the enrolment, judged as any event is, by the version that the enrolment runs."""
        journey, version = enrolment.journey, enrolment.version
        definition = await self.connection.fetchval(_DEFINITION, journey, version)
        known = listener(definition, version)
        elsewhere = await read.elsewhere(self.connection, [person.id]) if known.needs_journeys else {}
        decisions = Decisions(Listeners.only(known), History([enrolment], elsewhere=elsewhere), _nobody_enters)
        decisions.affect(enrolment, occurrence, person)
        return decisions


def _check(report: Report, channel: Any) -> None:
    if report not in reports_of(channel):
        raise UntellableError(f"A message by {channel} cannot be {report}; {', '.join(reports_of(channel))} can be.")


def _occurrence(told: Told, message: asyncpg.Record, at: datetime, occurred_at: datetime) -> Occurrence:
    about = {name: str(message[name]) for name in ("step", "visit", "channel", "message")}
    named = {name: about[name] for name in ("message", "step", "channel")}
    return Occurrence(
        name=event_name(message["channel"], told.report),
        properties={**told.details, **named},
        at=at,
        occurred_at=occurred_at,
        is_activity=told.report in ACTIVITY,
        about=about,
    )


def _nobody_enters() -> NoReturn:
    raise AssertionError("a report about a message enrols nobody")
