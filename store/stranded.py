"""Messages that were claimed and never recorded, whose turn it is to be resolved; and those of ended enrolments."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from language.sending import Draft, Stranded
from store.database import Database

PATIENCE = timedelta(minutes=10)
"""Whoever claimed it, or comes after, resolves it sooner than that as a rule."""

OLD = timedelta(days=1)

_OVER = """
CASE WHEN state <> 'active' THEN 'the enrolment had ended: ' || coalesce(outcome, 'unknown')
  WHEN left_at IS NOT NULL THEN 'the step had been left' END
"""

# By the wall clock, as `call_until`. Taking moves the next time on, so nobody else takes the same meanwhile; the gaps
# grow with the message's age.
_TAKE = f"""
UPDATE messages m SET ask_at = clock_timestamp() + greatest($3::interval, (clock_timestamp() - call_until) / 4)
FROM (
  SELECT messages.key, {_OVER} AS over FROM messages
  JOIN unnest($1::text[], $2::interval[]) AS by (name, settle) ON name = channel
  JOIN enrolments e ON e.id = enrolment_id
  LEFT JOIN steps ON steps.enrolment_id = e.id AND steps.step = messages.step AND steps.visit = messages.visit
  WHERE messages.status = 'claimed' AND call_until + settle + $3 < clock_timestamp()
    AND (ask_at IS NULL OR ask_at <= clock_timestamp())
  ORDER BY messages.created_at LIMIT $4 FOR NO KEY UPDATE OF messages SKIP LOCKED
) due WHERE m.key = due.key
RETURNING m.*, due.over, call_until + $5::interval < clock_timestamp() AS is_old
"""

# What a run does when it ends or leaves a step (`store.progress`), for those that came to an end otherwise. In a storm
# a hundred thousand wait and hardly one is over: a page of them is looked at, the next page next time.
_LET_GO = f"""
WITH page AS MATERIALIZED (
  SELECT key, enrolment_id, step, visit, created_at FROM messages
  WHERE status = $1 AND (created_at, key) > ($2, $3) ORDER BY created_at, key LIMIT $4
), over AS MATERIALIZED (
  SELECT page.key, {_OVER} AS reason FROM page JOIN enrolments e ON e.id = page.enrolment_id
  LEFT JOIN steps ON steps.enrolment_id = e.id AND steps.step = page.step AND steps.visit = page.visit
  WHERE e.state = 'ended' OR e.state = 'active' AND left_at IS NOT NULL
), own AS MATERIALIZED (
  SELECT messages.key, over.reason FROM messages JOIN over USING (key)
  WHERE status = $1 FOR NO KEY UPDATE OF messages SKIP LOCKED
), let_go AS (
  UPDATE messages SET status = 'suppressed', reason = own.reason FROM own WHERE messages.key = own.key RETURNING true
)
SELECT (SELECT count(*) FROM let_go) AS many, created_at, key FROM page ORDER BY created_at DESC, key DESC LIMIT 1
"""
_BEGINNING = (datetime.min.replace(tzinfo=UTC), "")


class StrandedMessages:
    """See `activities.sweeping.Strandings`."""

    def __init__(self, db: Database, *, patience: timedelta = PATIENCE) -> None:
        self._db, self._patience = db, patience
        self._looked_at = {"held": _BEGINNING, "released": _BEGINNING}

    async def take(self, settle_by_channel: Mapping[str, timedelta], most: int) -> list[Stranded]:
        channels, settles = list(settle_by_channel), list(settle_by_channel.values())
        rows = await self._db.pool.fetch(_TAKE, channels, settles, self._patience, most, OLD)
        return [
            Stranded(
                row["key"],
                row["customer_id"],
                row["channel"],
                row["message_class"],
                row["attempt"],
                Draft(
                    row["recipient"],
                    row["sender"],
                    row["subject"],
                    row["body"],
                    row["html"],
                    row["segments"],
                    content=row["content"] or {},
                ),
                row["call_until"],
                row["account"],
                row["over"],
                row["is_old"],
            )
            for row in rows
        ]

    async def let_go(self, most: int) -> int:
        return sum([await self._let_go(status, most) for status in self._looked_at])

    async def _let_go(self, status: str, most: int) -> int:
        row = await self._db.pool.fetchrow(_LET_GO, status, *self._looked_at[status], most)
        self._looked_at[status] = (row["created_at"], row["key"]) if row else _BEGINNING
        return int(row["many"]) if row else 0
