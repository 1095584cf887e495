"""Who wrote to us, and to which of our messages that is the answer."""

from dataclasses import dataclass

from language.channel import Channel
from language.message_event import REPORTS
from store.database import Database
from store.reporting import IN_DOUBT

# The message that the answer names, or the newest that went to this number.
_ANSWERED = """
SELECT key, customer_id FROM messages
WHERE recipient = $1 AND channel = $2 AND status = ANY($4::text[])
ORDER BY coalesce(provider_id = $3, false) DESC, coalesce(sent_at, created_at) DESC, key DESC LIMIT 1
"""

# A customer has a user id or an anonymous id, or is merged into one that has.
_NAMES = """
SELECT kind, value FROM identifiers
WHERE customer_id = (SELECT coalesce(merged_into, id) FROM customers WHERE id = coalesce($1,
    (SELECT customer_id FROM identifiers WHERE kind = 'phone' AND value = $2)))
  AND kind IN ('user_id', 'anonymous_id')
ORDER BY kind DESC, value LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who has this number: whoever was written to there last, or is known by it. `answers` is that message's key."""

    answers: str | None
    user_id: str | None = None
    anonymous_id: str | None = None

    @property
    def is_known(self) -> bool:
        return self.user_id is not None or self.anonymous_id is not None


async def find_writer(db: Database, channel: Channel, number: str, *, replied_to: str | None = None) -> Writer:
    """`replied_to` is the provider's id of our message, where an answer names it."""
    statuses = ["sent", *REPORTS, *IN_DOUBT]
    answered = await db.pool.fetchrow(_ANSWERED, number, channel, replied_to, statuses)
    key, customer_id = (answered["key"], answered["customer_id"]) if answered else (None, None)
    named = await db.pool.fetchrow(_NAMES, customer_id, number)
    return Writer(key, **{named["kind"]: named["value"]}) if named else Writer(key)
