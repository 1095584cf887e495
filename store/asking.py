"""Messages of which nothing final was heard: whose turn it is to be asked after, and what was learnt."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from language.twilio_report import failure_event_id
from language.unheard import Learnt, Unheard
from store.address_words import AddressWord, take_words
from store.database import Database
from store.message_reports import take_reports
from store.reporting import Told
from store.waker import DELIVERIES

FIRST = timedelta(minutes=5)
FIRST_MAIL = timedelta(hours=26)
"""SendGrid tries for a day to tell what it has to."""

MOST = 8
"""Times that a message is asked after: the gaps double, so the last comes some 21 hours after it went out."""

LONGEST_CALL = timedelta(minutes=5)
"""However long before `call_until` a call may have begun."""

GIVE_UP = timedelta(days=2)
GIVE_UP_MAIL = timedelta(days=10)

# By the wall clock: providers know no other. The first condition on `call_until` is the index's.
_SILENT = """
  SELECT key, first FROM messages
  JOIN unnest($1::text[], $2::text[], $3::interval[], $4::interval[]) AS by (of, name, first, give_up)
    ON of = channel AND name = coalesce(account, 'main')
  WHERE status = 'sent' AND provider IN ('twilio', 'sendgrid') AND provider_id IS NOT NULL
    AND call_until > clock_timestamp() - $5::interval
    AND call_until BETWEEN clock_timestamp() - give_up AND clock_timestamp() - first
"""

# Taking moves the next time on, so nobody else takes the same meanwhile.
_TAKE = f"""
UPDATE messages m SET asks = asks + 1, ask_at = clock_timestamp() + due.first * 2 ^ asks
FROM (
  {_SILENT} AND asks < $6 AND (ask_at IS NULL OR ask_at <= clock_timestamp())
  ORDER BY call_until LIMIT $7 FOR NO KEY UPDATE OF messages SKIP LOCKED
) due WHERE m.key = due.key
RETURNING m.key, channel, account, provider, provider_id, recipient, call_until - $8::interval AS called_at
"""

_COUNT = f"SELECT count(*) FROM ({_SILENT} LIMIT $6) silent"

_PUT_BACK = """
UPDATE messages SET asks = greatest(asks - 1, 0), ask_at = clock_timestamp() + $2::interval
WHERE key = $1 AND status = 'sent'
"""


class SilenceLedger:
    """See `activities.asking.Silences`. `clock` is the journeys'."""

    def __init__(self, db: Database, clock: Callable[[], datetime], *, first: timedelta = FIRST) -> None:
        self._db, self._clock, self._first = db, clock, first

    async def take(self, accounts: Sequence[tuple[str, str]], most: int) -> list[Unheard]:
        rows = await self._db.pool.fetch(_TAKE, *self._silent(accounts), MOST, most, LONGEST_CALL)
        return [Unheard(**row) for row in rows]

    async def count(self, accounts: Sequence[tuple[str, str]], most: int) -> int:
        return int(await self._db.pool.fetchval(_COUNT, *self._silent(accounts), most))

    async def learn(self, unheard: Unheard, learnt: Learnt) -> None:
        if learnt.dead or learnt.opted_out:
            await take_words(self._db, self._clock, [_word(unheard, learnt)])
        told = Told(unheard.key, learnt.report, learnt.event_id, details=learnt.details)
        await take_reports(self._db, self._clock, [told])  # what nobody can say of the channel changes nothing
        await self._db.pool.execute(f"NOTIFY {DELIVERIES}")

    async def put_back(self, key: str, after: timedelta) -> None:
        await self._db.pool.execute(_PUT_BACK, key, after)

    def _silent(self, accounts: Sequence[tuple[str, str]]) -> tuple[Any, ...]:
        channels = [channel for channel, _ in accounts]
        firsts = [FIRST_MAIL if channel == "email" else self._first for channel in channels]
        give_ups = [GIVE_UP_MAIL if channel == "email" else GIVE_UP for channel in channels]
        return channels, [account for _, account in accounts], firsts, give_ups, max(GIVE_UP, GIVE_UP_MAIL)


def _word(unheard: Unheard, learnt: Learnt) -> AddressWord:
    """As the report would have said it."""
    return AddressWord(
        event_id=failure_event_id(unheard.provider_id),
        channel=unheard.channel,
        address=unheard.recipient,
        source=unheard.provider,
        evidence=learnt.opted_out or learnt.dead or "",
        dead=learnt.dead,
        consent="opted_out" if learnt.opted_out else None,
        of=unheard.key,
    )
