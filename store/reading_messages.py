"""Messages as people read them back: newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from store.database import Database
from store.reading_page import Moment, Page, Word, decode_cursor, page

FREQUENT = ("sent", "delivered", "opened", "clicked")
"""Statuses that an index of the others leaves out."""

_PLACE: TypeAdapter[tuple[datetime, str]] = TypeAdapter(tuple[Moment, Word])
_NEWEST = (datetime(9999, 1, 1, tzinfo=UTC), "")

_COLUMNS = """
m.key, m.enrolment_id, m.customer_id, e.journey, m.step, m.visit, m.channel, m.message, m.message_class, m.topic,
m.recipient, m.sender, m.subject, m.status, m.reason, m.provider, m.provider_id, m.attempt,
m.created_at, m.claimed_at, m.sent_at, m.delivered_at, m.segments, m.cost::float8 AS cost
"""

_LIST = f"""
SELECT {_COLUMNS} FROM {{messages}} m
CROSS JOIN LATERAL (SELECT journey FROM enrolments WHERE id = m.enrolment_id OFFSET 0) e
WHERE (m.created_at, m.key) < ($1, $2)
  AND ($3::bigint IS NULL OR m.enrolment_id = $3) AND ($4::text IS NULL OR e.journey = $4)
  AND ($5::text IS NULL OR m.channel = $5) AND ($6::text IS NULL OR m.status = $6)
  AND ($7::text IS NULL OR m.message = $7)
ORDER BY m.created_at DESC, m.key DESC LIMIT $8
"""

# One customer's or enrolment's messages are few: OFFSET 0 makes the planner fetch them first, whatever it guesses.
_OF_CUSTOMER = "(SELECT * FROM messages WHERE customer_id = ANY($9::bigint[]) OFFSET 0)"
_OF_ENROLMENT = "(SELECT * FROM messages WHERE enrolment_id = $3 OFFSET 0)"

# The index's own words, so that what is rare among millions of messages is found by it.
_NOT_SENT = f"(SELECT * FROM messages WHERE status = $6 AND status NOT IN {FREQUENT})"

_GET = f"""
SELECT {_COLUMNS}, m.body, m.html, m.content,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('report', report, 'at', at, 'occurred_at', occurred_at,
    'details', details) ORDER BY id), '[]') FROM message_events WHERE message_key = m.key) AS events
FROM messages m JOIN enrolments e ON e.id = m.enrolment_id WHERE m.key = $1
"""


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A row of `messages` with its journey. In lists without texts, `content` and `events`."""

    key: str
    enrolment_id: int
    customer_id: int
    journey: str
    step: str
    visit: int
    channel: str
    message: str
    message_class: str
    topic: str | None
    recipient: str | None
    sender: str | None
    subject: str | None
    status: str
    reason: str | None
    provider: str | None
    provider_id: str | None
    attempt: int
    created_at: datetime
    claimed_at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    segments: int | None
    cost: float | None
    body: str | None = None
    html: str | None = None
    content: dict[str, Any] | None = None
    events: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What is None does not matter. `customer_ids`: a customer's family."""

    customer_ids: Sequence[int] | None = None
    enrolment_id: int | None = None
    journey: str | None = None
    channel: str | None = None
    status: str | None = None
    message: str | None = None


async def list_messages(
    db: Database, wanted: MessageFilter, *, cursor: str | None = None, limit: int = 50
) -> Page[MessageRecord]:
    """Raises BadCursorError."""
    before = decode_cursor(cursor, _PLACE) if cursor else _NEWEST
    asked = (wanted.enrolment_id, wanted.journey, wanted.channel, wanted.status, wanted.message)
    messages, further = _narrowest(wanted)
    rows = await db.pool.fetch(_LIST.format(messages=messages), *before, *asked, limit + 1, *further)
    return page([MessageRecord(**row) for row in rows], limit, lambda it: (it.created_at, it.key))


def _narrowest(wanted: MessageFilter) -> tuple[str, list[list[int]]]:
    """Where to look, so that an index leaves little to look through."""
    if wanted.customer_ids is not None:
        return _OF_CUSTOMER, [list(wanted.customer_ids)]
    if wanted.enrolment_id is not None:
        return _OF_ENROLMENT, []
    if wanted.status is not None and wanted.status not in FREQUENT:
        return _NOT_SENT, []
    return "messages", []


async def get_message(db: Database, key: str) -> MessageRecord | None:
    row = await db.pool.fetchrow(_GET, key)
    return MessageRecord(**row) if row else None
