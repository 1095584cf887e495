"""Since when customers are silent on WhatsApp, which takes free text for 24 hours after their last word."""

from store.database import Database

# A little less than 24 hours: the message is still to be taken and passed on.
IS_OPEN = """
WITH asked AS (SELECT customer_id, claimed_at - interval '23 hours 55 minutes' AS since FROM messages WHERE key = $1)
SELECT EXISTS (
  SELECT FROM asked, events e
  WHERE e.customer_id = asked.customer_id AND e.received_at > asked.since AND e.name = 'WhatsApp Received'
) OR EXISTS (
  SELECT FROM asked, messages m JOIN message_events v ON v.message_key = m.key
  WHERE m.recipient = $2 AND m.channel = 'whatsapp' AND v.report = 'answered' AND v.at > asked.since
)
"""


class WhatsappWindows:
    """By journey time, as everything that customers do."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def is_open(self, key: str, recipient: str) -> bool:
        """Whether free text could go to this number when the message with this key was claimed."""
        return bool(await self._db.pool.fetchval(IS_OPEN, key, recipient))
