"""Customers as people read them back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from store.database import Database

KINDS = ("user_id", "anonymous_id", "email", "phone")


class CustomerName(NamedTuple):
    """How a customer is named from outside. `kind` None: `value` is our own id."""

    kind: str | None
    value: str


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    """`family` are the ids under which this customer's rows may stand: its own, then those merged into it."""

    id: int
    traits: dict[str, Any]
    time_zone: str | None
    locale: str | None
    first_seen_at: datetime
    last_seen_at: datetime | None
    family: list[int]
    identifiers: list[dict[str, str]]


_FIND = """
WITH RECURSIVE upward AS (
    SELECT id, merged_into FROM customers
    WHERE id = CASE WHEN $1::text IS NULL THEN $3::bigint
                    ELSE (SELECT customer_id FROM identifiers WHERE kind = $1 AND value = $2) END
    UNION SELECT c.id, c.merged_into FROM customers c JOIN upward ON c.id = upward.merged_into
), customer AS (
    SELECT * FROM customers WHERE id = (SELECT id FROM upward WHERE merged_into IS NULL)
), family AS (
    SELECT id FROM customer
    UNION SELECT c.id FROM customers c JOIN family ON c.merged_into = family.id
)
SELECT id, traits, time_zone, locale, first_seen_at, last_seen_at,
    array(SELECT family.id FROM family ORDER BY family.id <> customer.id, family.id) AS family,
    coalesce((
        SELECT jsonb_agg(jsonb_build_object('kind', kind, 'value', value) ORDER BY kind DESC, value)
        FROM identifiers WHERE customer_id IN (SELECT family.id FROM family)
    ), '[]') AS identifiers
FROM customer
"""


def parse_name(text: str) -> CustomerName:
    """`42`, or `user_id:…`, `anonymous_id:…`, `email:…`, `phone:…`. Raises ValueError with a remedy."""
    kind, separator, value = text.partition(":")
    if separator and kind in KINDS and value.strip():
        return CustomerName(kind, _as_stored(kind, value))
    if text.isascii() and text.isdecimal() and len(text) < 19:
        return CustomerName(None, text)
    raise ValueError(f"name a customer by our own id (a number) or by {', '.join(f'{kind}:…' for kind in KINDS)}")


def _as_stored(kind: str, value: str) -> str:
    match kind:
        case "email":
            return value.strip().lower()
        case "phone" if value.startswith(" "):  # what a plus sign becomes in a query that was not encoded
            return f"+{value.strip()}"
        case "phone":
            return value.strip()
    return value


async def find_customer(db: Database, name: CustomerName) -> CustomerRecord | None:
    """The customer of that name; whoever was merged is found as who they became."""
    own_id = int(name.value) if name.kind is None else None
    row = await db.pool.fetchrow(_FIND, name.kind, name.value, own_id)
    return CustomerRecord(**row) if row else None
