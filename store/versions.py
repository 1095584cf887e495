"""Published versions of journeys. A version never changes once it is there; publishing adds one."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from language.program import Compiled
from store.database import Database
from store.retry import retried

CHANNEL = "sojourn_versions"
"""Notified, in the publishing transaction, whenever a version is added."""

LOCK_SPACE = 0x50_6A

_LOCK = "SELECT pg_advisory_xact_lock($1, hashtext($2))"
_NEWEST = """
SELECT version, digest, state FROM journey_versions WHERE journey = $1 ORDER BY version DESC LIMIT 1
"""
_ARCHIVE = "UPDATE journey_versions SET state = 'archived' WHERE journey = $1 AND state = 'live'"
_ADD = """
INSERT INTO journey_versions
    (journey, version, digest, definition, messages, destinations, title, owner, state, published_at, published_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'live', $9, $10)
"""
_READ = "SELECT journey, version, title, digest, definition FROM journey_versions WHERE journey = $1 AND version = $2"


@dataclass(frozen=True, slots=True)
class Published:
    """The version that is live now; `is_new` is false when it was live before."""

    journey: str
    version: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Version:
    journey: str
    version: int
    title: str
    digest: str
    definition: str


async def publish_versions(
    db: Database, journeys: Sequence[Compiled], *, at: datetime, by: str | None = None
) -> list[Published]:
    """Make these journeys live, all or none; one whose newest version is live with the same digest stays as it is.

    `at` is journey time, `by` says who. Enrolments keep the version they began with.
    """

    async def transaction() -> list[Published]:
        async with db.pool.acquire() as connection, connection.transaction():
            return [await _publish(connection, one, at, by) for one in sorted(journeys, key=lambda it: it.journey)]

    return await retried(transaction)


async def _publish(connection: Any, compiled: Compiled, at: datetime, by: str | None) -> Published:
    await connection.execute(_LOCK, LOCK_SPACE, compiled.journey)
    newest = await connection.fetchrow(_NEWEST, compiled.journey)
    if newest is not None and (newest["digest"], newest["state"]) == (compiled.digest, "live"):
        return Published(compiled.journey, newest["version"], is_new=False)
    version = 1 if newest is None else newest["version"] + 1
    await connection.execute(_ARCHIVE, compiled.journey)
    await connection.execute(_ADD, *_columns(compiled, version), at, by)
    await connection.execute(f"NOTIFY {CHANNEL}")
    return Published(compiled.journey, version, is_new=True)


def _columns(compiled: Compiled, version: int) -> tuple[Any, ...]:
    named = (compiled.journey, version, compiled.digest, compiled.definition)
    return (*named, compiled.messages, compiled.destinations, compiled.title, compiled.owner)


class Versions:
    """Reads versions, the last `keep` of them from memory."""

    def __init__(self, db: Database, *, keep: int = 256) -> None:
        self._db = db
        self._keep = keep
        self._known: OrderedDict[tuple[str, int], Version] = OrderedDict()

    async def get(self, journey: str, version: int) -> Version:
        """Raises KeyError when it was never published."""
        name = (journey, version)
        if name not in self._known:
            self._known[name] = _version(await self._db.pool.fetchrow(_READ, journey, version), name)
            if len(self._known) > self._keep:
                self._known.popitem(last=False)
        self._known.move_to_end(name)
        return self._known[name]


def _version(row: asyncpg.Record | None, name: tuple[str, int]) -> Version:
    if row is None:
        raise KeyError(f"version {name[1]} of {name[0]} was never published")
    return Version(**row)
