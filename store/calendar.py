"""Enrol whom the calendar brings: page by page, each page and how far it went in one transaction."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from language.calendar import DEFAULT_TIME, CalendarStanding, EnrolDue, cron_zone, days_around, due, occurrence
from language.journey import Start
from language.listening import Entry, Listener, listener
from language.time_zone import TimeZones, customer_zone
from store import ingest_read as read
from store import ingest_write as write
from store.database import Database
from store.ingest_ids import draw
from store.ingest_journeys import Decisions, History, Refusal, standings
from store.ingest_listeners import LIVE, Listeners
from store.ingest_people import Person
from store.policies import PolicyShelf
from store.retry import retried

PAGE = 500
"""Customers in one transaction."""

TOO_LATE = "its day or hour came too long ago to start this journey (`late`)"

_LIVE_VERSION = "SELECT version, published_at FROM journey_versions WHERE journey = $1 AND state = 'live'"
_LIVE_CALENDARS = """
SELECT journey, version, title, definition FROM journey_versions
WHERE state = 'live' AND definition ~ '"(date|every)":' ORDER BY journey
"""
_FORGET = "DELETE FROM calendars WHERE journey = $1 AND start <> ALL($2::text[])"
_BEGIN = """
INSERT INTO calendars (journey, start, done_until) SELECT $1, unnest($2::text[]), $3 ON CONFLICT DO NOTHING
"""
_LOCK = "SELECT * FROM calendars WHERE journey = $1 ORDER BY start FOR UPDATE"
_ADVANCE = """
UPDATE calendars SET done_until = $3, until = $4, customer_id = $5, next_at = $6 WHERE journey = $1 AND start = $2
"""

_OF_THESE_DAYS = """
SELECT id, traits, time_zone, locale, last_seen_at FROM customers
WHERE id > $1 AND merged_into IS NULL AND substr(traits ->> $3, 6, 5) = ANY($4::text[]) ORDER BY id LIMIT $2
"""
_OF_THEN = """
SELECT id, traits, time_zone, locale, last_seen_at FROM customers
WHERE id > $1 AND merged_into IS NULL AND first_seen_at <= $3 ORDER BY id LIMIT $2
"""
_ONCE = """
INSERT INTO event_ids (hash) SELECT unnest($1::bytea[]) ON CONFLICT DO NOTHING RETURNING hash
"""


Alike = tuple[Start, ...]
"""Starts that are due at the same moments."""


class LiveCalendar(NamedTuple):
    """A live version of a journey that starts by the calendar."""

    journey: str
    version: int
    title: str


async def live_calendars(db: Database) -> list[LiveCalendar]:
    """Those whose calendars have to run."""
    rows = await db.pool.fetch(_LIVE_CALENDARS)
    return [
        LiveCalendar(row["journey"], row["version"], row["title"])
        for row in rows
        if listener(row["definition"], row["version"]).definition.calendar_starts
    ]


class Mark(NamedTuple):
    """A row of `calendars`: what is done, and the window (done_until, until] that is being worked on."""

    done_until: datetime
    until: datetime | None = None
    customer_id: int = 0
    next_at: datetime | None = None

    def finished(self) -> "Mark":
        return Mark(self.until or self.done_until, next_at=self.next_at)

    def note(self, moments: Iterable[datetime]) -> "Mark":
        """The same, knowing these moments to come."""
        known = [*moments, *([self.next_at] if self.next_at else [])]
        return self._replace(next_at=min(known, default=None))


class Candidate(NamedTuple):
    """A customer for whom the start is due at `moment`; `zone` is the customer's."""

    person: Person
    moment: datetime
    zone: ZoneInfo


class Calendars:
    """See `activities.calendar.Calendars`. Any number may be asked at once: they take turns."""

    def __init__(self, db: Database, *, page: int = PAGE) -> None:
        self._db = db
        self._page = page
        self._listeners = Listeners()
        self._shelf = PolicyShelf(db)

    async def enrol_page(self, order: EnrolDue, clock: Callable[[], datetime]) -> CalendarStanding:
        """Decide about one page of those who are due. `clock` is the journeys'."""
        zones = (await self._shelf.policy()).time_zones

        async def attempt() -> CalendarStanding:
            async with self._db.pool.acquire() as connection, connection.transaction():
                tick = Tick(connection, self._listeners, zones, clock, order.look_every, self._page)
                return await tick.run(order.journey, order.at)

        return await retried(attempt)


@dataclass(slots=True)
class Tick:
    """One transaction. `run` decides about the next page, or finds that all are done."""

    connection: Any
    listeners: Listeners
    zones: TimeZones
    clock: Callable[[], datetime]
    look_every: timedelta
    page: int
    enrolled: int = 0

    async def run(self, journey: str, at: datetime) -> CalendarStanding:
        """Done is what has come as far as `at`, when this was asked for."""
        live = await self._live(journey)
        starts = by_text(live[0].definition.calendar_starts) if live else {}
        await self.connection.execute(_FORGET, journey, list(starts))
        if live is None or not starts:
            return CalendarStanding(is_done=True)
        await self.connection.execute(_BEGIN, journey, list(starts), live[1])
        now, looks = self.clock(), []
        for row in await self.connection.fetch(_LOCK, journey):
            alike, mark = starts[row["start"]], Mark(*(row[name] for name in Mark._fields))
            if mark.done_until < at:
                mark = await self._advance(live[0], alike, mark, now)
            if mark.done_until < at:
                return CalendarStanding(is_done=False, look_at=now, enrolled=self.enrolled)
            looks.append(self._look_at(alike[0], mark, now))
        return CalendarStanding(is_done=True, look_at=min(looks), enrolled=self.enrolled)

    async def _live(self, journey: str) -> tuple[Listener, datetime] | None:
        """The live version, and since when it is live: earlier moments are none of its business."""
        row = await self.connection.fetchrow(_LIVE_VERSION, journey)
        await self.listeners.refresh(self.connection, await self.connection.fetchval(LIVE))
        return (self.listeners.of(journey, row["version"]), row["published_at"]) if row else None

    def _look_at(self, start: Start, mark: Mark, now: datetime) -> datetime:
        """When something is due next; where dates may become known meanwhile, not later than `look_every` from now."""
        soon = now + self.look_every
        return mark.next_at or soon if start.every is not None else min(soon, mark.next_at or soon)

    async def _advance(self, live: Listener, alike: Alike, mark: Mark, now: datetime) -> Mark:
        """Decide about the next page of customers, and write down how far that went."""
        start = alike[0]
        mark = begun(start, mark, now)
        if mark.until is not None:
            rows = await self._candidates(start, mark, mark.until)
            mark = await self._decide_page(live, alike, mark, rows)
            is_last = len(rows) < self.page
            mark = mark.finished() if is_last else mark._replace(customer_id=rows[-1]["id"])
        if start.every is not None and mark.until is None:
            mark = mark._replace(next_at=start.every.next_after(mark.done_until, cron_zone(start)))
        await self.connection.execute(_ADVANCE, live.journey, text_of(start), *mark)
        return mark

    async def _candidates(self, start: Start, mark: Mark, until: datetime) -> list[Any]:
        if start.every is not None:
            return list(await self.connection.fetch(_OF_THEN, mark.customer_id, self.page, until))
        days = days_around(mark.done_until, until + self.look_every)
        return list(await self.connection.fetch(_OF_THESE_DAYS, mark.customer_id, self.page, start.trait, days))

    async def _decide_page(self, live: Listener, alike: Alike, mark: Mark, rows: list[Any]) -> Mark:
        assert mark.until is not None
        found = [candidate for row in rows for candidate in self._due(alike[0], mark, row)]
        now_due = [it for it in found if it.moment <= mark.until]
        await self._enrol(live, alike[0], await self._fitting(alike, now_due))
        return mark.note(it.moment for it in found if it.moment > mark.until)

    def _due(self, start: Start, mark: Mark, row: Mapping[str, Any]) -> list[Candidate]:
        """When the start is due for this customer, also soon after `until`."""
        assert mark.until is not None
        person = Person(row["id"])
        person.load(row)
        if start.every is not None:
            return [Candidate(person, mark.until, cron_zone(start))]
        zone = customer_zone(person.traits, person.time_zone, self.zones).zone
        moments = due(start, person.traits, zone, mark.done_until, mark.until + self.look_every)
        return [Candidate(person, moment, zone) for moment in moments]

    async def _fitting(self, alike: Alike, found: list[Candidate]) -> list[Candidate]:
        """Those for whom one of the `where` is true."""
        wheres = [start.where for start in alike if start.where is not None]
        if len(wheres) < len(alike) or not found:
            return found
        needs_journeys = any("journeys" in where.roots for where in wheres)
        elsewhere = await read.elsewhere(self.connection, {it.person.id for it in found}) if needs_journeys else {}
        scopes = (
            {"profile": it.person.profile, "journeys": standings(elsewhere.get(it.person.id, ()), None)} for it in found
        )
        return [it for it, scope in zip(found, scopes, strict=True) if any(where.is_true(scope) for where in wheres)]

    async def _enrol(self, live: Listener, start: Start, found: list[Candidate]) -> None:
        """Each once for ever; locks go in the order event ids, customers, enrolments."""
        connection = self.connection
        by_hash = {once(live.journey, start, it): it for it in found}
        rows = await connection.fetch(_ONCE, sorted(by_hash)) if by_hash else ()
        fresh = [by_hash[row["hash"]] for row in rows]
        ids = {it.person.id for it in fresh}
        if not ids:
            return
        kept = {row["id"] for row in await read.lock_customers(connection, ids, ()) if row["merged_into"] is None}
        history = History(
            await read.lock_enrolments(connection, kept, [live.journey], None),
            await read.past(connection, kept, [live.journey]),
        )
        new_ids = await draw(connection, "enrolments", len(fresh))
        decisions = Decisions(self.listeners, history, new_ids.pop)
        for candidate in sorted(fresh, key=lambda it: (it.person.id, it.moment)):
            if candidate.person.id in kept:
                self._decide(decisions, live, start, candidate)
        await write.write_enrolments(connection, decisions.enrolments)
        await write.write_deliveries(connection, decisions.deliveries)
        await write.write_refusals(connection, decisions.refusals)
        self.enrolled += sum(it.is_new for it in decisions.enrolments)

    def _decide(self, decisions: Decisions, live: Listener, start: Start, candidate: Candidate) -> None:
        came = occurrence(start, candidate.moment, candidate.zone, self.clock())
        if came.occurred_at < came.at - live.late:
            decisions.refusals.append(Refusal(candidate.person.id, live.journey, TOO_LATE, came.at))
        else:
            decisions.admit(live, Entry("", missing_key=False), came, candidate.person)


def begun(start: Start, mark: Mark, now: datetime) -> Mark:
    """With the window to work on. Of several moments of an `every` that passed meanwhile, the last is made up for:
    nobody wants a week's broadcasts at once. None passed: all is done up to now."""
    if mark.until is not None:
        return mark
    if start.every is None:
        return Mark(mark.done_until, now)
    last = start.every.last_between(mark.done_until, now, cron_zone(start))
    return Mark(mark.done_until, last) if last else Mark(now)


def by_text(starts: Iterable[Start]) -> dict[str, Alike]:
    """Those that differ only in `where` go together."""
    found: dict[str, Alike] = {}
    for start in starts:
        found[text_of(start)] = (*found.get(text_of(start), ()), start)
    return found


def text_of(start: Start) -> str:
    """What tells one start of a journey from another, and stays the same over its versions."""
    if start.every is not None:
        return f"every {start.every.source} {cron_zone(start).key}"
    return f"date {start.trait} {start.at or DEFAULT_TIME}"


def once(journey: str, start: Start, candidate: Candidate) -> bytes:
    """What a customer gets once: of a date its day, whatever the hour and the zone; of an `every` its moment."""
    what = (
        candidate.moment.isoformat()
        if start.every is not None
        else f"{start.trait} {candidate.moment.astimezone(candidate.zone).date()}"
    )
    said = f"calendar\0{journey}\0{candidate.person.id}\0{what}"
    return hashlib.blake2b(said.encode(), digest_size=16).digest()
