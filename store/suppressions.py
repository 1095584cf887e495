"""The addresses that nothing is sent to any more, as people read them, and lift them."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from store.address_words import REPLY
from store.database import Database
from store.reading_page import Number, Page, decode_cursor, page

_PLACE: TypeAdapter[tuple[int]] = TypeAdapter(tuple[Number])
_NEWEST = (2**63 - 1,)

_COLUMNS = "id, channel, address, reason, source, at, lifted_at"

_LIST = f"""
SELECT {_COLUMNS} FROM suppressions
WHERE id < $1 AND ($2::text IS NULL OR channel = $2)
  AND ($3::text IS NULL OR address = CASE WHEN channel = 'email' THEN lower($3) ELSE $3 END)
ORDER BY id DESC LIMIT $4
"""

_LIFT = f"""
UPDATE suppressions SET lifted_at = CASE WHEN source = '{REPLY}' THEN lifted_at ELSE coalesce(lifted_at, $2) END
WHERE id = $1 RETURNING {_COLUMNS}
"""


@dataclass(frozen=True, slots=True)
class SuppressionRecord:
    """A row of `suppressions`."""

    id: int
    channel: str
    address: str
    reason: str
    source: str
    at: datetime
    lifted_at: datetime | None


async def list_suppressions(
    db: Database, *, channel: str | None = None, address: str | None = None, cursor: str | None = None, limit: int = 50
) -> Page[SuppressionRecord]:
    """Raises BadCursorError."""
    [before] = decode_cursor(cursor, _PLACE) if cursor else _NEWEST
    rows = await db.pool.fetch(_LIST, before, channel, address, limit + 1)
    return page([SuppressionRecord(**row) for row in rows], limit, lambda it: (it.id,))


async def lift_suppression(db: Database, id: int, *, at: datetime) -> SuppressionRecord | None:
    """The address as it stands then, None when there is no such row; lifted again, it stays as it was. So does a STOP,
    which START alone takes back."""
    row = await db.pool.fetchrow(_LIFT, id, at)
    return SuppressionRecord(**row) if row else None
