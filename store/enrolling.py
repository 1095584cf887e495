"""Enrol a customer because somebody asks for it: the way into journeys that say `call: true`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from language.listening import Entry, Listener, Occurrence
from store import ingest_read as read
from store import ingest_write as write
from store.commands import CommandError
from store.database import Database
from store.ingest_ids import draw
from store.ingest_journeys import Decisions, History
from store.ingest_listeners import LIVE, Listeners
from store.ingest_people import Person
from store.retry import retried

_LIVE_VERSION = "SELECT version FROM journey_versions WHERE journey = $1 AND state = 'live'"

CALL = "Called"
"""The name of the fact that such an enrolment starts with."""


class EnrolmentRefusedError(CommandError):
    """The journey does not take this customer now."""


class NoSuchJourneyError(EnrolmentRefusedError):
    """No version of it is live."""


@dataclass(frozen=True, slots=True)
class Enrol:
    """`key` None: as the journey's `key` finds it in the properties."""

    journey: str
    customer_id: int
    key: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)


class Enroller:
    """`clock` is the journeys'. Wake the relay afterwards."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock
        self._enrolling = Enrolling()

    async def enrol(self, wanted: Enrol) -> int:
        """The new enrolment's id. Raises EnrolmentRefusedError; a refusal by the journey's rules is kept as a row."""

        async def attempt() -> Decisions:
            async with self._db.pool.acquire() as connection, connection.transaction():
                return await self._enrolling.decide(connection, wanted, self._clock())

        decisions = await retried(attempt)
        if decisions.refusals:
            raise EnrolmentRefusedError(f"The customer {decisions.refusals[0].reason}.")
        return next(enrolment.id for enrolment in decisions.enrolments if enrolment.is_new)


class Enrolling:
    """Enrols inside somebody else's transaction. Keep it: it remembers the journeys that it has read."""

    def __init__(self) -> None:
        self._listeners = Listeners()

    async def decide(self, connection: Any, wanted: Enrol, at: datetime) -> Decisions:
        """Enrol or refuse, at this journey time; either is written. Raises EnrolmentRefusedError, having written
        nothing, where the journey cannot be asked."""
        listener = await self._listener(connection, wanted.journey)
        person = await self._lock(connection, wanted.customer_id)
        key = _key(listener, wanted, person)
        history = History(
            await read.lock_enrolments(connection, [person.id], [listener.journey], None),
            await read.past(connection, [person.id], [listener.journey]),
        )
        ids = await draw(connection, "enrolments", 1)
        decisions = Decisions(self._listeners, history, ids.pop)
        decisions.admit(listener, Entry(key, False), _occurrence(wanted, at), person)
        await write.write_enrolments(connection, decisions.enrolments)
        await write.write_deliveries(connection, decisions.deliveries)
        await write.write_refusals(connection, decisions.refusals)
        return decisions

    async def _listener(self, connection: Any, journey: str) -> Listener:
        await self._listeners.refresh(connection, await connection.fetchval(LIVE))
        version = await connection.fetchval(_LIVE_VERSION, journey)
        if version is None:
            raise NoSuchJourneyError(f"No journey {journey} is live.")
        listener = self._listeners.of(journey, version)
        if not any(start.call for start in listener.definition.start):
            raise EnrolmentRefusedError(f"The journey {journey} is not started by a call; it would say `call: true`.")
        return listener

    async def _lock(self, connection: Any, customer_id: int) -> Person:
        [row] = await read.lock_customers(connection, [customer_id], [customer_id])
        if row["merged_into"] is not None:
            return await self._lock(connection, row["merged_into"])
        person = Person(customer_id)
        person.load(row)
        return person


def _key(listener: Listener, wanted: Enrol, person: Person) -> str:
    if listener.definition.key is None and wanted.key:
        raise EnrolmentRefusedError(f"The journey {listener.journey} has no key: leave `key` out.")
    key = wanted.key or listener.key_of(wanted.properties, person.profile)
    if key is None:
        raise EnrolmentRefusedError(f"The journey {listener.journey} has one enrolment per key: give `key`.")
    return key


def _occurrence(wanted: Enrol, at: datetime) -> Occurrence:
    return Occurrence(name=CALL, properties=wanted.properties, at=at, occurred_at=at)
