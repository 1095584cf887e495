"""Enrolments as people read them back: newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from store.database import Database
from store.reading_page import Moment, Number, Page, decode_cursor, page

STATES = ("active", "ending", "ended")
MOST_VISITS = 200

_PLACE: TypeAdapter[tuple[datetime, int]] = TypeAdapter(tuple[Moment, Number])
_NEWEST = (datetime(9999, 1, 1, tzinfo=UTC), 0)

_COLUMNS = """
e.id, e.customer_id, e.journey, e.version, e.key, e.arm, e.start, e.state, e.outcome, e.reason, e.step, e.stage,
e.started_at, e.ended_at, e.paused_at, e.goal_at, e.goal_value::float8 AS goal_value,
(SELECT waits_until FROM steps WHERE enrolment_id = e.id AND step = e.step AND left_at IS NULL AND e.state = 'active'
 ORDER BY visit DESC LIMIT 1) AS waits_until
"""

_PLAIN = """
SELECT * FROM enrolments
WHERE {which} AND (started_at, id) < ($1, $2) AND state = ANY($3::text[])
  AND ($4::text IS NULL OR journey = $4) AND ($5::text IS NULL OR key = $5) AND ($6::text IS NULL OR outcome = $6)
ORDER BY started_at DESC, id DESC LIMIT $7
"""

# Journey by journey and state by state, each newest first, so that one index serves every list of this kind.
_BY_JOURNEY = """
SELECT own.* FROM (
    SELECT DISTINCT journey FROM journey_versions WHERE $4::text IS NULL OR journey = $4
) AS one CROSS JOIN unnest($3::text[]) AS wanted (state) CROSS JOIN LATERAL (
    SELECT * FROM enrolments
    WHERE journey = one.journey AND state = wanted.state AND (started_at, id) < ($1, $2)
      AND ($5::text IS NULL OR key = $5) AND ($6::text IS NULL OR outcome = $6)
    ORDER BY started_at DESC, id DESC LIMIT $7
) AS own ORDER BY own.started_at DESC, own.id DESC LIMIT $7
"""

_GET = f"SELECT {_COLUMNS} FROM enrolments e WHERE e.id = $1"

_VISITS = """
SELECT * FROM (
    SELECT step, visit, verb, entered_at, left_at, waits_until, result, number FROM steps
    WHERE enrolment_id = $1 ORDER BY number DESC LIMIT $2
) AS latest ORDER BY number
"""


@dataclass(frozen=True, slots=True)
class EnrolmentRecord:
    """`waits_until` is set while the enrolment waits in `step` for a moment."""

    id: int
    customer_id: int
    journey: str
    version: int
    key: str
    arm: str | None
    start: dict[str, Any]
    state: str
    outcome: str | None
    reason: str | None
    step: str | None
    stage: str | None
    started_at: datetime
    ended_at: datetime | None
    paused_at: datetime | None
    goal_at: datetime | None
    goal_value: float | None
    waits_until: datetime | None


@dataclass(frozen=True, slots=True)
class VisitRecord:
    step: str
    visit: int
    verb: str
    entered_at: datetime
    left_at: datetime | None
    waits_until: datetime | None
    result: dict[str, Any] | None
    number: int


@dataclass(frozen=True, slots=True)
class EnrolmentFilter:
    """What is None does not matter. `customer_ids`: a customer's family. `key` '' are enrolments without a key."""

    journey: str | None = None
    state: str | None = None
    customer_ids: Sequence[int] | None = None
    key: str | None = None
    outcome: str | None = None


async def list_enrolments(
    db: Database, wanted: EnrolmentFilter, *, cursor: str | None = None, limit: int = 50
) -> Page[EnrolmentRecord]:
    """Raises BadCursorError."""
    before = decode_cursor(cursor, _PLACE) if cursor else _NEWEST
    states = [wanted.state] if wanted.state else list(STATES)
    statement, further = _statement(wanted)
    query = f"SELECT {_COLUMNS} FROM ({statement}) AS e ORDER BY e.started_at DESC, e.id DESC"
    asked = (states, wanted.journey, wanted.key, wanted.outcome)
    rows = await db.pool.fetch(query, *before, *asked, limit + 1, *further)
    return page([EnrolmentRecord(**row) for row in rows], limit, lambda it: (it.started_at, it.id))


def _statement(wanted: EnrolmentFilter) -> tuple[str, list[Any]]:
    if wanted.customer_ids is not None:
        return _PLAIN.format(which="customer_id = ANY($8::bigint[])"), [list(wanted.customer_ids)]
    if wanted.key:
        return _PLAIN.format(which="key <> '' AND key = $8"), [wanted.key]
    return _BY_JOURNEY, []


async def get_enrolment(db: Database, enrolment_id: int) -> EnrolmentRecord | None:
    row = await db.pool.fetchrow(_GET, enrolment_id)
    return EnrolmentRecord(**row) if row else None


async def list_visits(db: Database, enrolment_id: int) -> list[VisitRecord]:
    """The latest `MOST_VISITS` visits of steps, in their order."""
    return [VisitRecord(**row) for row in await db.pool.fetch(_VISITS, enrolment_id, MOST_VISITS)]
