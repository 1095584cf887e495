"""Journeys as people read them back: what is published, and how those inside fare."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from store.database import Database
from store.reading_page import Page, Word, decode_cursor, page

MOST_VERSIONS = 200

_PLACE: TypeAdapter[tuple[str]] = TypeAdapter(tuple[Word])

# The live version speaks for a journey; where none is live, the newest.
_JOURNEYS = """
SELECT DISTINCT ON (journey) journey, version, title, owner, state, published_at, definition
FROM journey_versions WHERE journey > $1 AND ($3::text IS NULL OR journey = $3)
ORDER BY journey, state <> 'live', version DESC LIMIT $2
"""

_FARES = """
SELECT journey, state, outcome, count(*) AS people, count(paused_at) FILTER (WHERE state = 'active') AS paused,
    count(goal_at) AS conversions, coalesce(sum(goal_value), 0)::float8 AS value
FROM enrolments WHERE journey = ANY($1::text[]) GROUP BY journey, state, outcome
"""

_MESSAGES = """
SELECT e.journey, m.channel, m.status, count(*) AS messages
FROM messages m JOIN enrolments e ON e.id = m.enrolment_id WHERE e.journey = ANY($1::text[])
GROUP BY e.journey, m.channel, m.status
"""

_VERSIONS = """
SELECT version, state, digest, published_at, published_by, coalesce(people, 0) AS people
FROM journey_versions LEFT JOIN (
    SELECT version, count(*) AS people FROM enrolments WHERE journey = $1 AND state IN ('active', 'ending')
    GROUP BY version
) AS inside USING (version)
WHERE journey = $1 ORDER BY version DESC LIMIT $2
"""

_STANDINGS = """
SELECT step, count(*) AS people, count(paused_at) AS paused FROM enrolments
WHERE journey = $1 AND state = 'active' AND step IS NOT NULL GROUP BY step
"""


@dataclass(slots=True)
class JourneyRecord:
    """The version that speaks for a journey, and counts of enrolments and messages.

    `messages` are counts by channel and status.
    """

    journey: str
    version: int
    title: str
    owner: str | None
    state: str
    published_at: datetime
    definition: str
    by_state: dict[str, int] = field(default_factory=lambda: {"active": 0, "ending": 0, "ended": 0})
    by_outcome: dict[str, int] = field(default_factory=dict)
    paused: int = 0
    conversions: int = 0
    value: float = 0.0
    messages: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """`people`: enrolments of this version that have not ended."""

    version: int
    state: str
    digest: str
    published_at: datetime
    published_by: str | None
    people: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How many active enrolments stand in a step, and how many of them are paused."""

    step: str
    people: int
    paused: int


async def list_journeys(db: Database, *, cursor: str | None = None, limit: int = 50) -> Page[JourneyRecord]:
    """By id. Raises BadCursorError."""
    after = decode_cursor(cursor, _PLACE)[0] if cursor else ""
    found = [JourneyRecord(**row) for row in await db.pool.fetch(_JOURNEYS, after, limit + 1, None)]
    read = page(found, limit, lambda it: (it.journey,))
    await _count(db, read.items)
    return read


async def get_journey(db: Database, journey: str) -> JourneyRecord | None:
    found = [JourneyRecord(**row) for row in await db.pool.fetch(_JOURNEYS, "", 1, journey)]
    await _count(db, found)
    return found[0] if found else None


async def list_versions(db: Database, journey: str) -> list[VersionRecord]:
    """The newest `MOST_VERSIONS`, newest first."""
    return [VersionRecord(**row) for row in await db.pool.fetch(_VERSIONS, journey, MOST_VERSIONS)]


async def list_standings(db: Database, journey: str) -> dict[str, Standing]:
    """Where people are, by step."""
    return {row["step"]: Standing(**row) for row in await db.pool.fetch(_STANDINGS, journey)}


async def _count(db: Database, records: Sequence[JourneyRecord]) -> None:
    record_by_journey = {record.journey: record for record in records}
    for row in await db.pool.fetch(_FARES, list(record_by_journey)):
        _add_fare(record_by_journey[row["journey"]], row)
    for row in await db.pool.fetch(_MESSAGES, list(record_by_journey)):
        record_by_journey[row["journey"]].messages.setdefault(row["channel"], {})[row["status"]] = row["messages"]


def _add_fare(record: JourneyRecord, row: Any) -> None:
    record.by_state[row["state"]] = record.by_state.get(row["state"], 0) + row["people"]
    if row["outcome"] is not None:
        record.by_outcome[row["outcome"]] = record.by_outcome.get(row["outcome"], 0) + row["people"]
    record.paused += row["paused"]
    record.conversions += row["conversions"]
    record.value += row["value"]
