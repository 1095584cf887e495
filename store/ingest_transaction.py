"""One ingest transaction, phase by phase.

Locks are taken in the order event ids, identifiers, customers (by id), enrolments (by id). Identifiers that change
hands do so under the lock of the customer who has them.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from language.listening import Listener, Occurrence
from store import ingest_read as read
from store import ingest_write as write
from store.ingest_event import Accepted, IncomingEvent, Reject
from store.ingest_ids import Lent
from store.ingest_journeys import Decisions, History
from store.ingest_listeners import Listeners, goal_since
from store.ingest_merge import merge
from store.ingest_people import People, Person

TICK = timedelta(microseconds=1)
"""Events of one transaction are that far apart, so that their order can be read back from their times."""


class Overtaken(Exception):
    """Another transaction changed whose an identifier is: begin anew."""


class IngestTransaction:
    """Lives as long as one attempt; `run` stores everything or raises."""

    def __init__(
        self,
        connection: Any,
        clock: Callable[[], datetime],
        listeners: Listeners,
        customer_ids: Lent,
        enrolment_ids: Lent,
        *,
        in_demo_time: bool,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._listeners = listeners
        self._customer_ids = customer_ids
        self._enrolment_ids = enrolment_ids
        self._in_demo_time = in_demo_time
        self._placed: list[tuple[IncomingEvent, Person]] = []
        self._listening: dict[IncomingEvent, Sequence[Listener]] = {}
        self.has_deliveries = False

    async def run(self, events: Sequence[IncomingEvent], rejects: Sequence[Reject]) -> Accepted:
        fresh = await self._register(events)
        if fresh:
            await self._store(fresh)
        await write.write_quarantine(self._connection, rejects, self._clock())
        return Accepted(frozenset(fresh), len(events) - len(fresh), len(rejects))

    def keep_ids(self) -> None:
        """After the commit, and only then."""
        self._customer_ids.keep()
        self._enrolment_ids.keep()

    async def _register(self, events: Sequence[IncomingEvent]) -> list[IncomingEvent]:
        """Those of the events that were never accepted before, in their order."""
        event_by_hash: dict[bytes, IncomingEvent] = {}
        for event in events:
            event_by_hash.setdefault(event.hash, event)
        if not event_by_hash:
            return []
        registered = await read.register(self._connection, event_by_hash)
        await self._listeners.refresh(self._connection, registered.live)
        self._owners = registered.owners
        return [event for hash, event in event_by_hash.items() if hash in registered.fresh]

    async def _store(self, fresh: list[IncomingEvent]) -> None:
        people = await self._place(fresh)
        self._listening = {
            event: found for event in fresh if (found := self._listeners.concerned(event.name, event.is_activity))
        }
        await self._lock_customers(people)
        await self._merge(people)
        history = await self._history()
        await self._enrolment_ids.reserve(self._connection, sum(len(found) for found in self._listening.values()))
        times = self._times()
        for (event, person), (occurred_at, _) in zip(self._placed, times, strict=True):
            person.hear(event, occurred_at)
        decisions = self._decide(history, times)
        await self._write(people, decisions, times)

    async def _place(self, fresh: list[IncomingEvent]) -> People:
        """Find whose the events are; register the identifiers nobody had."""
        contested = read.contested(fresh, self._owners)
        owned = await read.user_ids(self._connection, contested) if contested else set()
        await self._customer_ids.reserve(self._connection, len(fresh))
        people = People(self._owners, {id for id, _ in owned}, self._customer_ids.take)
        placed = [(event, people.place(event)) for event in fresh]
        self._placed = [(event, person.final) for event, person in placed]
        if people.added and await write.add_identifiers(self._connection, people.added) < len(people.added):
            raise Overtaken
        return people

    async def _lock_customers(self, people: People) -> None:
        """Lock and load every stored customer these events concern; all must still be who they were."""
        known = {person.id: person for person in people.by_id.values() if not person.is_new}
        asked = {person.id for event, person in self._placed if _any_needs_profile(self._listening.get(event, ()))}
        rows = await read.lock_customers(self._connection, known, asked)
        if len(rows) < len(known) or any(row["merged_into"] is not None for row in rows):
            raise Overtaken
        for row in rows:
            known[row["id"]].load(row)
        await self._check_adopted(people)
        if people.moved:
            await write.move_identifiers(self._connection, people.moved)

    async def _check_adopted(self, people: People) -> None:
        """Now that they are locked: customers taken for nobody's must not have been given a user id meanwhile."""
        adopted = {person.id for person in people.adopted}
        if adopted:
            given = {(person.id, it.value) for it, person in people.added.items() if it.kind == "user_id"}
            if await read.user_ids(self._connection, adopted) - given:
                raise Overtaken

    async def _merge(self, people: People) -> None:
        for gone, person in people.merges:
            stays = person.final
            if not gone.is_new and stays.is_new:
                await write.write_customers(self._connection, [stays], self._clock())
                stays.is_new = False
            if not gone.is_new:
                self.has_deliveries |= await merge(self._connection, gone.id, stays.id, self._clock)
        stayed = {person.id: person for _, merged in people.merges if not (person := merged.final).is_new}
        for row in await read.lock_customers(self._connection, stayed, stayed) if stayed else ():
            stayed[row["id"]].load(row)

    async def _history(self) -> History:
        """Lock the enrolments that the events may touch, and read what the conditions need."""
        customer_ids = {person.id for event, person in self._placed if event in self._listening and not person.is_new}
        if not customer_ids:
            return History()
        connection, listeners = self._connection, {it for found in self._listening.values() for it in found}
        journeys = {it.journey for it in listeners}
        may_start = any(self._listeners.starting(event.name, event.is_activity) for event in self._listening)
        needs_elsewhere = any(it.needs_journeys for it in listeners)
        return History(
            await read.lock_enrolments(connection, customer_ids, journeys, self._goal_since()),
            await read.past(connection, customer_ids, journeys) if may_start else {},
            await read.elsewhere(connection, customer_ids) if needs_elsewhere else {},
        )

    def _goal_since(self) -> datetime | None:
        at = self._clock()
        since = [goal_since(found, event.name, event.is_activity, at) for event, found in self._listening.items()]
        return min((it for it in since if it), default=None)

    def _times(self) -> list[tuple[datetime, datetime]]:
        """When each event occurred and was received: now, after all locks, so that commits and times agree."""
        now = self._clock()
        times = []
        for place, (event, _) in enumerate(self._placed):
            at = now + place * TICK
            occurred_at = at if self._in_demo_time or event.occurred_at is None else min(event.occurred_at, at)
            times.append((occurred_at, at))
        return times

    def _decide(self, history: History, times: list[tuple[datetime, datetime]]) -> Decisions:
        decisions = Decisions(self._listeners, history, self._enrolment_ids.take)
        for (event, person), (occurred_at, at) in zip(self._placed, times, strict=True):
            if event in self._listening:
                decisions.decide(_occurrence(event, occurred_at, at), person)
        return decisions

    async def _write(self, people: People, decisions: Decisions, times: list[tuple[datetime, datetime]]) -> None:
        connection, at = self._connection, times[0][1]
        await write.write_customers(connection, _distinct(person for _, person in self._placed), at)
        await write.write_enrolments(connection, decisions.enrolments)
        await write.write_deliveries(connection, decisions.deliveries)
        await write.write_refusals(connection, decisions.refusals)
        await write.write_disputes(connection, people.disputed, at)
        await write.write_events(connection, self._placed, times)
        self.has_deliveries |= bool(decisions.deliveries)


def _any_needs_profile(listeners: Iterable[Listener]) -> bool:
    return any(it.needs_profile for it in listeners)


def _distinct(people: Iterable[Person]) -> list[Person]:
    return sorted(set(people), key=lambda it: it.id)


def _occurrence(event: IncomingEvent, occurred_at: datetime, at: datetime) -> Occurrence:
    return Occurrence.model_construct(
        name=event.name,
        properties=dict(event.properties),
        at=at,
        occurred_at=occurred_at,
        is_activity=event.is_activity,
    )
