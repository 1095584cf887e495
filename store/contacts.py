"""What a customer got before, for caps to count: read in the claiming transaction, while the customer is locked."""

from datetime import datetime
from typing import Any

from language.cap import REFUSED, Contact

# Over all who were merged into the customer, should a message still be theirs. A later attempt does not count itself.
CONTACTS = """
SELECT claimed_at, channel, message_class, topic, enrolment_id || '/' || step || '/' || visit AS step FROM messages
WHERE customer_id = ANY(ARRAY(SELECT $1::bigint UNION ALL SELECT id FROM customers WHERE merged_into = $1))
  AND claimed_at > $2 AND key <> $3 AND status <> ALL($4::text[])
"""


async def read_contacts(connection: Any, customer_id: int, *, since: datetime, but: str) -> tuple[Contact, ...]:
    """The messages claimed after `since` (journey time) and not refused, all but the one with the key `but`."""
    rows = await connection.fetch(CONTACTS, customer_id, since, but, sorted(REFUSED))
    return tuple(Contact(*row) for row in rows)
