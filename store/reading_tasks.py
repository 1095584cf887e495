"""Tasks as people see them: newest first, as they stand at a moment of journey time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from store.database import Database
from store.reading_page import Number, Page, decode_cursor, page

_PLACE: TypeAdapter[tuple[int]] = TypeAdapter(tuple[Number])
_NEWEST = (2**63 - 1,)

# `$1` is now. What has run out or is of no use any more is so at once; its run writes that down when it goes on.
STATE = """
CASE WHEN t.state NOT IN ('open', 'claimed') THEN t.state
     WHEN t.due_at <= least($1, e.ended_at) THEN 'expired'
     WHEN e.state <> 'active' THEN 'cancelled' ELSE t.state END
"""

_SHOWN = f"""
SELECT t.id, t.enrolment_id, t.customer_id, t.journey, t.step, t.visit, t.task, t.title, t.values, t.results,
    t.escalations, t.created_at, t.due_at, t.claimed_by, t.claimed_at, t.result, t.note, t.completed_by,
    shown.state, coalesce(whose.team, t.team) AS team,
    whose.team IS NOT NULL OR coalesce(t.due_at <= shown.until, false) AS is_overdue,
    CASE WHEN shown.state NOT IN ('open', 'claimed') THEN shown.until END AS closed_at
FROM {{tasks}} t JOIN enrolments e ON e.id = t.enrolment_id
CROSS JOIN LATERAL (
    SELECT {STATE} AS state, coalesce(t.closed_at, least(t.due_at, e.ended_at, $1::timestamptz)) AS until
) AS shown
LEFT JOIN LATERAL (
    SELECT "to" AS team FROM jsonb_to_recordset(t.escalations) AS escalation (at timestamptz, "to" text)
    WHERE at <= shown.until ORDER BY at DESC LIMIT 1
) AS whose ON true
"""

_LIST = f"""
{_SHOWN}
WHERE t.id < $2
  AND ($3::text IS NULL OR shown.state = $3) AND ($4::text IS NULL OR coalesce(whose.team, t.team) = $4)
  AND ($5::text IS NULL OR t.journey = $5) AND ($6::text IS NULL OR t.task = $6)
ORDER BY t.id DESC LIMIT $7
"""

# One customer's tasks are few: OFFSET 0 makes the planner fetch them first, whatever it guesses.
_OF_CUSTOMER = "(SELECT * FROM tasks WHERE customer_id = ANY($8::bigint[]) OFFSET 0)"

# The index's own words, so that the few open ones are found among all that ever were.
_OPEN = "(SELECT * FROM tasks WHERE state IN ('open', 'claimed'))"

_GET = f"{_SHOWN} WHERE t.id = $2".format(tasks="tasks")


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task as it stands. `team` is whose it is now, `escalations` are `{at, to}`, `closed_at` is set when it is done
    or came to nothing, `is_overdue` says that it was escalated or its time was up before that."""

    id: int
    enrolment_id: int
    customer_id: int
    journey: str
    step: str
    visit: int
    task: str
    title: str
    values: dict[str, Any]
    results: list[str]
    escalations: list[dict[str, Any]]
    created_at: datetime
    due_at: datetime | None
    claimed_by: str | None
    claimed_at: datetime | None
    result: str | None
    note: str | None
    completed_by: str | None
    state: str
    team: str
    is_overdue: bool
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """What is None does not matter. `customer_ids`: a customer's family."""

    state: str | None = None
    team: str | None = None
    journey: str | None = None
    task: str | None = None
    customer_ids: Sequence[int] | None = None


async def list_tasks(
    db: Database, wanted: TaskFilter, now: datetime, *, cursor: str | None = None, limit: int = 50
) -> Page[TaskRecord]:
    """Raises BadCursorError."""
    before = decode_cursor(cursor, _PLACE) if cursor else _NEWEST
    asked = (wanted.state, wanted.team, wanted.journey, wanted.task)
    tasks, further = _narrowest(wanted)
    rows = await db.pool.fetch(_LIST.format(tasks=tasks), now, *before, *asked, limit + 1, *further)
    return page([TaskRecord(**row) for row in rows], limit, lambda it: (it.id,))


def _narrowest(wanted: TaskFilter) -> tuple[str, list[list[int]]]:
    """Where to look, so that an index leaves little to look through."""
    if wanted.customer_ids is not None:
        return _OF_CUSTOMER, [list(wanted.customer_ids)]
    return _OPEN if wanted.state in ("open", "claimed") else "tasks", []


async def get_task(db: Database, task_id: int, now: datetime) -> TaskRecord | None:
    row = await db.pool.fetchrow(_GET, now, task_id)
    return TaskRecord(**row) if row else None
