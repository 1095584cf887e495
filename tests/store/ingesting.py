"""Events, journeys and a clock for tests of the ingest."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from language.program import Compiled
from store.database import Database, EncodedJson
from store.ingest_event import IncomingEvent, Kind
from store.versions import publish_versions

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
DAY = timedelta(days=1)
_numbers = itertools.count(1)


class Clock:
    """Journey time that stands still until it is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, length: timedelta) -> None:
        self.now += length


async def publish_journey(db: Database, **definition: Any) -> int:
    """A journey as a dict; without steps it waits for ever. Returns its version."""
    definition.setdefault("steps", [{"wait": "365d"}])
    text = orjson.dumps(definition).decode()
    compiled = Compiled(journey=definition["journey"], title="", definition=text, digest=text)
    return (await publish_versions(db, [compiled], at=NOW))[0].version


def track(
    name: str, user_id: str | None = "u1", properties: dict[str, Any] | None = None, **more: Any
) -> IncomingEvent:
    return event("track", name, user_id=user_id, properties=properties, is_activity=True, **more)


def identify(user_id: str | None = "u1", traits: dict[str, Any] | None = None, **more: Any) -> IncomingEvent:
    return event("identify", "identify", user_id=user_id, traits=traits or {}, properties=traits, **more)


def alias(user_id: str, previous_id: str) -> IncomingEvent:
    return event("alias", "alias", user_id=user_id, previous_id=previous_id)


def event(
    kind: Kind, name: str, *, properties: dict[str, Any] | None = None, message_id: str | None = None, **more: Any
) -> IncomingEvent:
    return IncomingEvent(
        source="backend",
        message_id=message_id or f"m{next(_numbers)}",
        kind=kind,
        name=name,
        properties=properties or {},
        encoded=EncodedJson(orjson.dumps(properties or {})),
        **more,
    )


async def customer_of(db: Database, kind: str, value: str) -> Any:
    return await db.pool.fetchrow(
        "SELECT c.* FROM customers c JOIN identifiers i ON i.customer_id = c.id WHERE kind = $1 AND value = $2",
        kind,
        value,
    )


async def enrolments(db: Database) -> list[Any]:
    return list(await db.pool.fetch("SELECT * FROM enrolments ORDER BY id"))


async def deliveries(db: Database, enrolment_id: int) -> list[Any]:
    return list(await db.pool.fetch("SELECT * FROM deliveries WHERE enrolment_id = $1 ORDER BY seq", enrolment_id))


async def verdicts(db: Database) -> list[tuple[str, str]]:
    rows = await db.pool.fetch("SELECT journey, reason FROM verdicts ORDER BY id")
    return [(row["journey"], row["reason"]) for row in rows]
