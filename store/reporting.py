"""One transaction that takes reports about messages, any number of them. Locks are taken in the order customers,
enrolments, messages, each sorted."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NoReturn

from language.channel import Channel
from language.listening import Occurrence, listener
from language.message_event import (
    ACTIVITY,
    GONE_WRONG,
    MACHINE_REPORTS,
    REPORTS,
    Report,
    event_name,
    outranks,
    reports_of,
)
from store import ingest_read as read
from store import ingest_write as write
from store.ingest_journeys import Decisions, Enrolment, History
from store.ingest_listeners import Listeners
from store.ingest_people import Person

IN_DOUBT = ("claimed", "unknown")
"""Statuses of messages that may have gone out; a report on one proves that it has."""

LET_GO = ("held", "released", "suppressed", "expired")
"""Those of messages that a look-up may have missed before; where there was an attempt, a report that bears the
provider's id, or comes from the device, proves the same."""

TICK = timedelta(microseconds=1)
"""Reports of one transaction are that far apart, so that their order can be read back from their times."""

END_OF_TIME = datetime.max.replace(tzinfo=UTC)

Taken = Literal["taken", "repeated", "proven", "unknown", "untellable"]
"""What became of a report. `proven`: only that the message went out; `unknown`: there is no such message;
`untellable`: nobody can say that of a message on this channel."""

_WHOSE = """
SELECT DISTINCT ON (said) said, key, enrolment_id, customer_id FROM (
  SELECT said, key, enrolment_id, customer_id, 0 AS rank FROM unnest($1::text[]) AS said JOIN messages ON key = said
  UNION ALL
  SELECT said, key, enrolment_id, customer_id, 1 FROM unnest($1::text[]) AS said JOIN messages ON provider_id = said
) found ORDER BY said, rank, key
"""

_LOCK = """
SELECT key, enrolment_id, customer_id, step, visit, channel, message, status, attempt, reason, provider_id, sent_at,
  delivered_at
FROM messages WHERE key = ANY($1::text[]) ORDER BY key FOR NO KEY UPDATE
"""

_TAKE = """
INSERT INTO message_events (event_id, message_key, report, details, at, occurred_at)
SELECT event_id, message_key, report, details, at, occurred_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::timestamptz[], $6::timestamptz[])
  WITH ORDINALITY AS told (event_id, message_key, report, details, at, occurred_at, place)
ORDER BY place ON CONFLICT DO NOTHING RETURNING event_id
"""

_CHANGE = """
UPDATE messages SET status = now.status, reason = now.reason, provider_id = now.provider_id, sent_at = now.sent_at,
    delivered_at = now.delivered_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
    AS now (key, status, reason, provider_id, sent_at, delivered_at)
WHERE messages.key = now.key
"""

_DEFINITIONS = """
SELECT journey, version, definition FROM journey_versions
JOIN unnest($1::text[], $2::int[]) AS wanted (journey, version) USING (journey, version)
"""


@dataclass(frozen=True, slots=True)
class Told:
    """A report as it came. `of`: the message's key, or its provider's id for it. `report` None: only that it went out.

    `event_id` is the reporter's own; `at` when it happened, if that was said (journey time). `by_machine`: a program
    has opened or clicked, not the customer; it is kept apart and means nothing more than that the message went out.
    `by_device`: only who has got the message can say so, though no provider's id comes with it.
    """

    of: str
    report: Report | None
    event_id: str
    at: datetime | None = None
    details: dict[str, Any] = field(default_factory=dict)
    provider_id: str | None = None
    by_machine: bool = False
    by_device: bool = False

    @property
    def row(self) -> str | None:
        """What it is called in `message_events`."""
        return MACHINE_REPORTS[self.report] if self.report and self.by_machine else self.report


@dataclass(slots=True, eq=False)
class Reported:
    """A row of `messages`, locked, as far as reports change it."""

    key: str
    enrolment_id: int
    customer_id: int
    step: str
    visit: int
    channel: Channel
    message: str
    status: str
    attempt: int
    reason: str | None
    provider_id: str | None
    sent_at: datetime | None
    delivered_at: datetime | None
    is_changed: bool = False

    @property
    def went_out(self) -> bool:
        return self.status == "sent" or self.status in REPORTS

    def prove(self, told: Told, at: datetime) -> None:
        """That somebody reports on it says that it went out, should that have been in doubt."""
        is_certain = told.provider_id is not None or told.by_device
        was_missed = self.status in LET_GO and self.attempt > 0 and is_certain
        if self.status in IN_DOUBT or was_missed:
            self.status, self.reason, self.is_changed = "sent", None, True
        if self.went_out and (self.sent_at is None or self.provider_id is None):
            self.sent_at = self.sent_at or at
            self.provider_id = self.provider_id or told.provider_id
            self.is_changed = True

    def follow(self, report: Report, reason: str | None, at: datetime) -> None:
        """The status rises, and never goes back."""
        if outranks(report, self.status):
            self.status, self.is_changed = report, True
            self.reason = reason if report in GONE_WRONG else None
        if report == "delivered" and self.delivered_at is None:
            self.delivered_at, self.is_changed = at, True


@dataclass(slots=True)
class Reporting:
    """Lives as long as one attempt. `clock` is the journeys'."""

    connection: Any
    clock: Callable[[], datetime]
    messages: dict[str, Reported] = field(default_factory=dict)
    people: dict[int, Person] = field(default_factory=dict)
    enrolments: dict[int, Enrolment] = field(default_factory=dict)

    async def run(self, told: Sequence[Told]) -> list[Taken]:
        """What became of each, in their order."""
        key_by_said = await self._lock(told)
        message_of = [self.messages.get(key_by_said.get(it.of, "")) for it in told]
        results = [_judge(it, message) for it, message in zip(told, message_of, strict=True)]
        now = self.clock()
        fresh = await self._take(told, message_of, results, now)
        occurrences: list[tuple[Occurrence, Reported]] = []
        for place in _in_order(told):
            it, message = told[place], message_of[place]
            if message is None or results[place] == "untellable":
                continue
            at = now + place * TICK
            occurred_at = min(it.at or at, at)
            message.prove(it, occurred_at)
            if it.report is not None and place in fresh and message.went_out and not it.by_machine:
                message.follow(it.report, it.details.get("reason"), occurred_at)
                occurrences.append((_occurrence(it.report, it.details, message, at, occurred_at), message))
            elif it.report is not None and place not in fresh:
                results[place] = "repeated"
        await self._write(occurrences, now)
        return results

    async def _lock(self, told: Sequence[Told]) -> dict[str, str]:
        """Everything that these reports concern; the keys of the messages, by what they were called."""
        whose = await self.connection.fetch(_WHOSE, sorted({it.of for it in told}))
        await self._lock_customers({row["customer_id"] for row in whose})
        enrolment_ids = sorted({row["enrolment_id"] for row in whose})
        self.enrolments = {it.id: it for it in await read.lock_enrolments_by_id(self.connection, enrolment_ids)}
        rows = await self.connection.fetch(_LOCK, sorted({row["key"] for row in whose}))
        self.messages = {row["key"]: Reported(**row) for row in rows}
        return {row["said"]: row["key"] for row in whose}

    async def _lock_customers(self, ids: Iterable[int]) -> None:
        """The customers, and those that they were merged into."""
        wanted = set(ids)
        into: dict[int, int] = {}
        while wanted:
            for row in await read.lock_customers(self.connection, wanted, wanted):
                person = self.people[row["id"]] = Person(row["id"])
                person.load(row)
                if row["merged_into"] is not None:
                    into[row["id"]] = row["merged_into"]
            wanted = set(into.values()) - self.people.keys()
        for gone, stays in into.items():
            self.people[gone].into = self.people[stays]

    async def _take(
        self, told: Sequence[Told], message_of: Sequence[Reported | None], results: Sequence[Taken], now: datetime
    ) -> set[int]:
        """The places of those that are said for the first time."""
        rows: dict[str, tuple[int, tuple[Any, ...]]] = {}
        for place in _in_order(told):
            it, message, at = told[place], message_of[place], now + place * TICK
            if message is not None and results[place] == "taken":
                row = (it.event_id, message.key, it.row, it.details, at, min(it.at or at, at))
                rows.setdefault(it.event_id, (place, row))
        if not rows:
            return set()
        columns = [list(column) for column in zip(*(row for _, row in rows.values()), strict=True)]
        return {rows[row["event_id"]][0] for row in await self.connection.fetch(_TAKE, *columns)}

    async def _write(self, occurrences: Sequence[tuple[Occurrence, Reported]], now: datetime) -> None:
        changed = [it for it in self.messages.values() if it.is_changed]
        if changed:
            rows = [(it.key, it.status, it.reason, it.provider_id, it.sent_at, it.delivered_at) for it in changed]
            await self.connection.execute(_CHANGE, *(list(column) for column in zip(*rows, strict=True)))
        for occurrence, message in occurrences:
            if occurrence.is_activity:
                self.people[message.customer_id].final.see(occurrence.occurred_at)
        decisions = await self._decide(occurrences)
        seen = [person for person in self.people.values() if person.is_seen]
        await write.write_customers(self.connection, seen, now)
        await write.write_enrolments(self.connection, decisions.enrolments)
        await write.write_deliveries(self.connection, decisions.deliveries)
        await write.write_refusals(self.connection, decisions.refusals)

    async def _decide(self, occurrences: Sequence[tuple[Occurrence, Reported]]) -> Decisions:
        """What it means to the enrolments, judged as any event is, by the version that each runs."""
        told = [(occurrence, it, message) for occurrence, message in occurrences if (it := self._sender(message))]
        versions = sorted({(enrolment.journey, enrolment.version) for _, enrolment, _ in told})
        rows = await self.connection.fetch(_DEFINITIONS, *([list(c) for c in zip(*versions, strict=True)] or [[], []]))
        known = [listener(row["definition"], row["version"]) for row in rows]
        customer_ids = {self.people[message.customer_id].final.id for _, _, message in told}
        needs_journeys = any(it.needs_journeys for it in known)
        elsewhere = await read.elsewhere(self.connection, customer_ids) if needs_journeys else {}
        concerned = {enrolment.id: enrolment for _, enrolment, _ in told}
        history = History(list(concerned.values()), elsewhere=elsewhere)
        decisions = Decisions(Listeners.only(*known), history, _nobody_enters)
        for occurrence, enrolment, message in told:
            decisions.affect(enrolment, occurrence, self.people[message.customer_id].final)
        return decisions

    def _sender(self, message: Reported) -> Enrolment | None:
        return self.enrolments.get(message.enrolment_id)


def _judge(told: Told, message: Reported | None) -> Taken:
    if message is None:
        return "unknown"
    if told.report is None:
        return "proven"
    return "taken" if told.report in reports_of(message.channel) else "untellable"


def _in_order(told: Sequence[Told]) -> list[int]:
    """Their places, what happened first before what happened later; what bears no time is the newest."""
    return sorted(range(len(told)), key=lambda place: (told[place].at or END_OF_TIME, place))


def _occurrence(
    report: Report, details: dict[str, Any], message: Reported, at: datetime, occurred_at: datetime
) -> Occurrence:
    named = {"message": message.message, "step": message.step, "channel": message.channel}
    return Occurrence(
        name=event_name(message.channel, report),
        properties={**details, **named},
        at=at,
        occurred_at=occurred_at,
        is_activity=report in ACTIVITY,
        about={**named, "visit": str(message.visit)},
    )


def _nobody_enters() -> NoReturn:
    raise AssertionError("a report about a message enrols nobody")
