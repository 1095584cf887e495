"""Messages that were claimed and never recorded, whose turn it is to be resolved; and those of ended enrolments."""

from collections.abc import Mapping
from datetime import timedelta

from language.sending import Draft, Stranded
from store.database import Database

PATIENCE = timedelta(minutes=10)
"""Whoever claimed it, or comes after, resolves it sooner than that as a rule."""

OLD = timedelta(days=1)

# By the wall clock, as `call_until`. Taking moves the next time on, so nobody else takes the same meanwhile; the gaps
# grow with the message's age.
_TAKE = """
UPDATE messages m SET ask_at = clock_timestamp() + greatest($3::interval, (clock_timestamp() - call_until) / 4)
FROM (
  SELECT messages.key, CASE
    WHEN state <> 'active' THEN 'the enrolment had ended: ' || coalesce(outcome, 'unknown')
    WHEN left_at IS NOT NULL THEN 'the step had been left'
  END AS over FROM messages
  JOIN unnest($1::text[], $2::interval[]) AS by (name, settle) ON name = channel
  JOIN enrolments e ON e.id = enrolment_id
  LEFT JOIN steps ON steps.enrolment_id = e.id AND steps.step = messages.step AND steps.visit = messages.visit
  WHERE messages.status = 'claimed' AND call_until + settle + $3 < clock_timestamp()
    AND (ask_at IS NULL OR ask_at <= clock_timestamp())
  ORDER BY messages.created_at LIMIT $4 FOR NO KEY UPDATE OF messages SKIP LOCKED
) due WHERE m.key = due.key
RETURNING m.*, due.over, call_until + $5::interval < clock_timestamp() AS is_old
"""

# What a run does when it ends (`store.progress`), for those that came to an end otherwise.
_LET_GO = """
UPDATE messages m SET status = 'suppressed', reason = 'the enrolment had ended: ' || coalesce(due.outcome, 'unknown')
FROM (
  SELECT messages.key, outcome FROM messages JOIN enrolments e ON e.id = enrolment_id
  WHERE messages.status IN ('held', 'released') AND e.state = 'ended'
  LIMIT $1 FOR NO KEY UPDATE OF messages SKIP LOCKED
) due WHERE m.key = due.key
"""


class StrandedMessages:
    """See `activities.sweeping.Strandings`."""

    def __init__(self, db: Database, *, patience: timedelta = PATIENCE) -> None:
        self._db, self._patience = db, patience

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
        return int((await self._db.pool.execute(_LET_GO, most)).split()[-1])
