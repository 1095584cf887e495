"""What a customer got before, for caps and the way out: read in the claiming transaction, while they are locked."""

from datetime import datetime
from typing import Any

from language.cap import REFUSED, Contact
from language.opt_out_offer import ANSWERS

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


# Of the last so many messages all are promotional, and since the first of them nothing was taken notice of.
IN_A_ROW = """
WITH family AS (SELECT $1::bigint AS id UNION ALL SELECT id FROM customers WHERE merged_into = $1), latest AS (
  SELECT message_class, claimed_at FROM messages
  WHERE customer_id IN (SELECT id FROM family) AND claimed_at IS NOT NULL AND key <> $3 AND status <> ALL($4::text[])
  ORDER BY claimed_at DESC, key DESC LIMIT $2
)
SELECT count(*) = $2 AND bool_and(message_class = 'promotional') AND NOT EXISTS (
  SELECT FROM messages m JOIN message_events e ON e.message_key = m.key
  WHERE m.customer_id IN (SELECT id FROM family) AND e.report = ANY($5::text[])
    AND e.at >= (SELECT min(claimed_at) FROM latest)
) FROM latest
"""


async def are_in_a_row(connection: Any, customer_id: int, *, many: int, but: str) -> bool:
    """Whether the last `many` messages that went out, or may have, are promotional and left without any notice."""
    return bool(await connection.fetchval(IN_A_ROW, customer_id, many, but, sorted(REFUSED), ANSWERS))
