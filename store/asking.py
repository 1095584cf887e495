"""Messages of which nothing final was heard: whose turn it is to be asked after, and what was learnt."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from language.message_event import Report
from store.address_words import take_words
from store.database import Database
from store.message_reports import report
from store.twilio_words import words_of_failure
from store.waker import DELIVERIES

FIRST = timedelta(minutes=5)
MOST = 8
"""Times that a message is asked after: the gaps double, so the last comes some 21 hours after it went out."""

GIVE_UP = timedelta(days=2)

# By the wall clock: providers know no other. Taking moves the next time on, so nobody else takes the same meanwhile.
_TAKE = """
UPDATE messages SET asks = asks + 1, ask_at = clock_timestamp() + $3::interval * 2 ^ asks
WHERE key IN (
  SELECT key FROM messages
  WHERE status = 'sent' AND provider = 'twilio' AND provider_id IS NOT NULL AND channel = ANY($1::text[])
    AND call_until BETWEEN clock_timestamp() - $5::interval AND clock_timestamp() - $3::interval
    AND asks < $4 AND (ask_at IS NULL OR ask_at <= clock_timestamp())
  ORDER BY call_until LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING key, channel, account, provider_id
"""

_WHITHER = "SELECT provider_id, channel, recipient FROM messages WHERE key = $1"

_PUT_BACK = """
UPDATE messages SET asks = greatest(asks - 1, 0), ask_at = clock_timestamp() + $2::interval
WHERE key = $1 AND status = 'sent'
"""


class SilenceLedger:
    """Whose messages these are is said by `messages`. `clock` is the journeys'."""

    def __init__(self, db: Database, clock: Callable[[], datetime], *, first: timedelta = FIRST) -> None:
        self._db, self._clock, self._first = db, clock, first

    async def take(self, channels: Sequence[str], most: int) -> list[tuple[str, str, str | None, str]]:
        """Key, channel, account and the provider's id of those due, taken for whoever asks."""
        rows = await self._db.pool.fetch(_TAKE, channels, most, self._first, MOST, GIVE_UP)
        return [tuple(row) for row in rows]

    async def learn(self, key: str, what: Report, event_id: str, details: dict[str, object]) -> None:
        if what == "failed":
            await self._heed(key, details.get("code"))
        await report(self._db, self._clock, key, what, event_id=event_id, details=details)
        await self._db.pool.execute(f"NOTIFY {DELIVERIES}")

    async def _heed(self, key: str, code: object) -> None:
        """What the failure means for the number: that first, as when it is told."""
        row = await self._db.pool.fetchrow(_WHITHER, key)
        words = words_of_failure(row["provider_id"], code, row["channel"], row["recipient"], of=key)
        await take_words(self._db, self._clock, words)

    async def put_back(self, key: str, after: timedelta) -> None:
        await self._db.pool.execute(_PUT_BACK, key, after)
