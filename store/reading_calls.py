"""Calls as people read them back: those that were last tried or settled come first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import TypeAdapter

from store.database import Database
from store.reading_page import Moment, Page, Word, decode_cursor, page

_PLACE: TypeAdapter[tuple[datetime, str]] = TypeAdapter(tuple[Moment, Word])
_NEWEST = (datetime(9999, 1, 1, tzinfo=UTC), "")

# What an enrolment has left behind is tried by nobody any more.
SHOWN = "CASE WHEN c.status IN ('claimed', 'held') AND e.state = 'ended' THEN 'cut_off' ELSE c.status END"

FROM = f"""
FROM {{calls}} c
LEFT JOIN LATERAL (SELECT journey, state FROM enrolments WHERE id = c.enrolment_id OFFSET 0) e ON true
CROSS JOIN LATERAL (
    SELECT {SHOWN} AS status, c.values IS NOT NULL AND e.journey IS NOT NULL
        AND EXISTS (SELECT FROM customers WHERE id = c.customer_id) AS is_kept
) AS shown
"""
"""`is_kept`: it is known what it told, and about whom."""

MATCHES = """
($1::text IS NULL OR c.destination = $1) AND ($2::text IS NULL OR e.journey = $2)
AND ($3::text IS NULL OR shown.status = $3) AND ($4::timestamptz IS NULL OR c.at >= $4)
"""

CAN_BE_ASKED = "shown.status IN ('refused', 'cut_off') AND coalesce(c.replay, 'refused') = 'refused'"

_COLUMNS = f"""
c.key, c.enrolment_id, c.customer_id, e.journey, split_part(c.key, '/', 2) AS step, split_part(c.key, '/', 3) AS visit,
c.destination, shown.status, c.reason, c.attempts, c.first_at, c.at, shown.is_kept AND {CAN_BE_ASKED} AS is_replayable,
CASE WHEN c.replay IS NOT NULL THEN jsonb_build_object('status', c.replay, 'reason', c.replay_reason, 'attempts',
    c.replay_attempts, 'asked_at', c.replay_asked_at, 'at', c.replayed_at) END AS replay
"""

_LIST = f"""
SELECT {_COLUMNS} {FROM} WHERE {MATCHES} AND ($5::text IS NULL OR coalesce(c.replay, 'none') = $5)
  AND (c.at, c.key) < ($6, $7) ORDER BY c.at DESC, c.key DESC LIMIT $8
"""

# One customer's calls are few: OFFSET 0 makes the planner fetch them first, whatever it guesses.
_OF_CUSTOMER = "(SELECT * FROM calls WHERE customer_id = ANY($9::bigint[]) OFFSET 0)"

# The indexes' own words, so that what is rare among all that were done is found by them.
_WAITING = "(SELECT * FROM calls WHERE replay = 'waiting')"
_REFUSED = "(SELECT * FROM calls WHERE status = 'refused' AND status <> 'done')"
_UNSETTLED = "(SELECT * FROM calls WHERE status IN ('claimed', 'held') AND status <> 'done')"

_GET = f"SELECT {_COLUMNS}, c.answer, c.values {FROM} WHERE c.key = $1".format(calls="calls")


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A row of `calls`. `status`: also `cut_off`, whose enrolment has ended before it was settled. `journey` is None
    where its enrolment is not known any more. `replay`: `status, reason, attempts, asked_at, at`. Lists leave `answer`
    and `values` out."""

    key: str
    enrolment_id: int
    customer_id: int
    journey: str | None
    step: str
    visit: str
    destination: str
    status: str
    reason: str | None
    attempts: int
    first_at: datetime
    at: datetime
    is_replayable: bool
    replay: dict[str, Any] | None
    answer: dict[str, Any] | None = None
    values: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CallFilter:
    """What is None does not matter. `since` is when it was last tried or settled; `replay` may be `none`;
    `customer_ids`: a customer's family."""

    destination: str | None = None
    journey: str | None = None
    status: str | None = None
    since: datetime | None = None
    replay: str | None = None
    customer_ids: Sequence[int] | None = None


async def list_calls(
    db: Database, wanted: CallFilter, *, cursor: str | None = None, limit: int = 50
) -> Page[CallRecord]:
    """Raises BadCursorError."""
    before = decode_cursor(cursor, _PLACE) if cursor else _NEWEST
    asked = (wanted.destination, wanted.journey, wanted.status, wanted.since, wanted.replay)
    calls, further = _narrowest(wanted)
    rows = await db.pool.fetch(_LIST.format(calls=calls), *asked, *before, limit + 1, *further)
    return page([CallRecord(**row) for row in rows], limit, lambda it: (it.at, it.key))


def _narrowest(wanted: CallFilter) -> tuple[str, list[list[int]]]:
    """Where to look, so that an index leaves little to look through."""
    if wanted.customer_ids is not None:
        return _OF_CUSTOMER, [list(wanted.customer_ids)]
    if wanted.status is None:
        return _WAITING if wanted.replay == "waiting" else "calls", []
    if wanted.status == "done":
        return "calls", []
    return _REFUSED if wanted.status == "refused" else _UNSETTLED, []


async def get_call(db: Database, key: str) -> CallRecord | None:
    row = await db.pool.fetchrow(_GET, key)
    if row is None:
        return None
    return CallRecord(**{**row, "values": orjson.loads(row["values"]) if row["values"] is not None else None})
