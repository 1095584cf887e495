"""A customer's whole story, in order of time, out of every table that holds a part of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from pydantic import TypeAdapter

from store.database import Database
from store.reading_calls import SHOWN
from store.reading_page import Moment, Number, Page, Word, decode_cursor, page

Kind = Literal[
    "event",
    "not_started",
    "goal_reached",
    "enrolment_started",
    "step_entered",
    "message",
    "message_delivered",
    "message_report",
    "step_left",
    "task_opened",
    "task_claimed",
    "task_completed",
    "coupon_taken",
    "call",
    "call_replayed",
    "consent",
    "verdict",
    "enrolment_paused",
    "enrolment_ended",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
Order = Literal["oldest", "newest"]

PASSING = ("send", "branch", "split", "set", "coupon", "start", "stop", "go_to")
"""Verbs of steps that take no time of their own: that they were left goes without saying."""

_PLACE: TypeAdapter[tuple[datetime, int, int, str]] = TypeAdapter(tuple[Moment, Number, Number, Word])
_ENDS: dict[Order, tuple[datetime, int, int, str]] = {
    "oldest": (datetime(1, 1, 1, tzinfo=UTC), 0, 0, ""),
    "newest": (datetime(9999, 1, 1, tzinfo=UTC), 0, 0, ""),
}

_CALLS = """
FROM calls c JOIN enrolments e ON e.id = c.enrolment_id
LEFT JOIN steps s ON s.enrolment_id = c.enrolment_id AND s.step = split_part(c.key, '/', 2)
    AND s.visit::text = split_part(c.key, '/', 3)
"""

# Each part of the story: at, rank and number among what happened at the same moment, enrolment, journey, step, details.
# What belongs to a visit of a step has the visit's number, so that steps which took no time stay in order.
_PARTS: dict[Kind, str] = {
    "event": """
SELECT received_at AS at, 0 AS rank, id AS number, '' AS ref, NULL::bigint AS enrolment_id, NULL AS journey,
    NULL AS step, jsonb_build_object('type', kind, 'name', name, 'properties', properties, 'occurred_at', occurred_at,
        'source', source) AS details
FROM events WHERE customer_id = family.id""",
    "not_started": """
SELECT at, 1, id, '', NULL, journey, NULL, jsonb_build_object('reason', reason)
FROM verdicts WHERE customer_id = family.id AND verdict = 'not_started'""",
    "goal_reached": """
SELECT goal_at AS at, 2, id, '', id, journey, NULL, jsonb_build_object('value', goal_value)
FROM enrolments WHERE customer_id = family.id AND goal_at IS NOT NULL""",
    "enrolment_started": """
SELECT started_at AS at, 4, id, '', id, journey, NULL,
    jsonb_build_object('key', key, 'version', version, 'start', start)
FROM enrolments WHERE customer_id = family.id""",
    "step_entered": f"""
SELECT entered_at AS at, 5, number * 4, '', e.id, journey, s.step, jsonb_build_object('verb', verb, 'visit', visit,
    'waits_until', waits_until, 'is_inside', left_at IS NULL AND e.state = 'active',
    'result', CASE WHEN verb IN {PASSING} THEN result END)
FROM enrolments e JOIN steps s ON s.enrolment_id = e.id WHERE e.customer_id = family.id""",
    "message": """
SELECT coalesce(sent_at, claimed_at, created_at) AS at, 5, coalesce(number, 0) * 4 + 1, m.key, m.enrolment_id, journey,
    m.step, jsonb_build_object('key', m.key, 'message', message, 'channel', channel, 'class', message_class,
        'status', status, 'reason', m.reason, 'is_sent', sent_at IS NOT NULL)
FROM messages m JOIN enrolments e ON e.id = m.enrolment_id
LEFT JOIN steps s ON s.enrolment_id = m.enrolment_id AND s.step = m.step AND s.visit = m.visit
WHERE m.customer_id = family.id""",
    "message_delivered": """
SELECT delivered_at AS at, 6, 0, m.key, m.enrolment_id, journey, m.step,
    jsonb_build_object('key', m.key, 'message', message, 'channel', channel)
FROM messages m JOIN enrolments e ON e.id = m.enrolment_id
WHERE m.customer_id = family.id AND delivered_at IS NOT NULL""",
    "message_report": """
SELECT v.at, 0, v.id, m.key, m.enrolment_id, journey, m.step, jsonb_build_object('key', m.key, 'message', message,
    'channel', channel, 'report', report, 'occurred_at', v.occurred_at, 'details', v.details)
FROM messages m JOIN enrolments e ON e.id = m.enrolment_id JOIN message_events v ON v.message_key = m.key
WHERE m.customer_id = family.id AND report <> 'delivered'""",
    "step_left": f"""
SELECT left_at AS at, 5, number * 4 + 3, '', e.id, journey, s.step,
    jsonb_build_object('verb', verb, 'visit', visit, 'is_cut_short', coalesce(left_at > ended_at, false),
        'result', CASE WHEN left_at > ended_at THEN NULL ELSE result END)
FROM enrolments e JOIN steps s ON s.enrolment_id = e.id
WHERE e.customer_id = family.id AND left_at IS NOT NULL AND verb NOT IN {PASSING}""",
    "task_opened": """
SELECT created_at AS at, 5, coalesce(number, 0) * 4 + 1, key, t.enrolment_id, journey, t.step,
    jsonb_build_object('id', id, 'task', task, 'title', title, 'team', team, 'due_at', due_at)
FROM tasks t LEFT JOIN steps s ON s.enrolment_id = t.enrolment_id AND s.step = t.step AND s.visit = t.visit
WHERE customer_id = family.id""",
    "task_claimed": """
SELECT claimed_at AS at, 0, id, 'claimed', enrolment_id, journey, step,
    jsonb_build_object('id', id, 'task', task, 'by', claimed_by)
FROM tasks WHERE customer_id = family.id AND claimed_at IS NOT NULL""",
    "task_completed": """
SELECT closed_at AS at, 0, id, 'completed', enrolment_id, journey, step,
    jsonb_build_object('id', id, 'task', task, 'by', completed_by, 'result', result, 'note', note)
FROM tasks WHERE customer_id = family.id AND state = 'done'""",
    "coupon_taken": """
SELECT taken_at AS at, 5, coalesce(number, 0) * 4 + 1, taken_key, c.enrolment_id, journey, s.step,
    jsonb_build_object('pool', pool, 'code', code)
FROM coupons c JOIN enrolments e ON e.id = c.enrolment_id
LEFT JOIN steps s ON s.enrolment_id = c.enrolment_id AND s.step = split_part(taken_key, '/', 2)
    AND s.visit::text = split_part(taken_key, '/', 3)
WHERE c.customer_id = family.id""",
    "call": f"""
SELECT c.at, 5, coalesce(number, 0) * 4 + 1, c.key, c.enrolment_id, journey, s.step,
    jsonb_build_object('key', c.key, 'destination', destination, 'status', {SHOWN}, 'reason', c.reason,
        'attempts', attempts)
{_CALLS} WHERE c.customer_id = family.id""",
    "call_replayed": f"""
SELECT coalesce(replayed_at, replay_asked_at) AS at, 6, 0, c.key, c.enrolment_id, journey, s.step,
    jsonb_build_object('key', c.key, 'destination', destination, 'status', replay, 'reason', replay_reason,
        'attempts', replay_attempts, 'asked_at', replay_asked_at)
{_CALLS} WHERE c.customer_id = family.id AND replay IS NOT NULL""",
    "consent": """
SELECT at, 7, id, '', NULL, NULL, NULL,
    jsonb_build_object('state', state, 'channel', channel, 'topic', topic, 'source', source, 'evidence', evidence)
FROM consents WHERE customer_id = family.id""",
    "verdict": """
SELECT at, 7, id, '', enrolment_id, nullif(journey, ''), step, jsonb_build_object('verdict', verdict, 'reason', reason)
FROM verdicts WHERE customer_id = family.id AND verdict <> 'not_started'""",
    "enrolment_paused": """
SELECT paused_at AS at, 7, id, '', id, journey, step, jsonb_build_object('reason', reason)
FROM enrolments WHERE customer_id = family.id AND paused_at IS NOT NULL""",
    "enrolment_ended": """
SELECT ended_at AS at, CASE outcome WHEN 'replaced' THEN 3 ELSE 8 END, id, '', id, journey, NULL,
    jsonb_build_object('key', key, 'outcome', outcome, 'reason', reason, 'state', state)
FROM enrolments WHERE customer_id = family.id AND ended_at IS NOT NULL""",
}

_STORY = """
SELECT story.* FROM unnest($1::bigint[]) AS family (id) CROSS JOIN LATERAL ({parts}) AS story
ORDER BY {order} LIMIT $6
"""

# `at` by itself as well: that is what an index knows.
_PART = """(
SELECT '{kind}' AS kind, at, rank::bigint AS rank, number::bigint AS number, ref, enrolment_id::bigint AS enrolment_id,
    journey::text AS journey, step::text AS step, details
FROM ({part}) AS part (at, rank, number, ref, enrolment_id, journey, step, details)
WHERE at {after}= $2 AND (at, rank::bigint, number::bigint, ref) {after} ($2, $3, $4, $5) ORDER BY {order} LIMIT $6
)"""


@dataclass(frozen=True, slots=True)
class TimelineRecord:
    """One thing that happened. What `details` hold depends on `kind`."""

    kind: Kind
    at: datetime
    rank: int
    number: int
    ref: str
    enrolment_id: int | None
    journey: str | None
    step: str | None
    details: dict[str, Any]

    @property
    def place(self) -> tuple[datetime, int, int, str]:
        return self.at, self.rank, self.number, self.ref


async def read_timeline(
    db: Database,
    family: Sequence[int],
    *,
    kinds: Collection[Kind] = KINDS,
    order: Order = "oldest",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[TimelineRecord]:
    """`family` are the ids under which the customer's rows may stand. Raises BadCursorError."""
    after = decode_cursor(cursor, _PLACE) if cursor else _ENDS[order]
    rows = await db.pool.fetch(_query(tuple(kinds) or KINDS, order), list(family), *after, limit + 1)
    return page([TimelineRecord(**row) for row in rows], limit, lambda it: it.place)


def _query(kinds: Sequence[Kind], order: Order) -> str:
    after, way = (">", "") if order == "oldest" else ("<", " DESC")
    by = ", ".join(f"{column}{way}" for column in ("at", "rank", "number", "ref"))
    parts = [
        _PART.format(kind=kind, part=part, after=after, order=by) for kind, part in _PARTS.items() if kind in kinds
    ]
    return _STORY.format(parts="UNION ALL".join(parts), order=by)
