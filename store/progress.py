"""What a run tells PostgreSQL about its enrolment, and how the enrolment stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from language.delivery import Delivery
from language.port import Progress
from store.outbox import pending

CLOCK_SKEW = timedelta(seconds=5)
"""Sooner than any attempt is given up."""

_COLUMNS = "id, customer_id, journey, version, key, start, state, outcome, paused_at, suspended_by, last_seq, seen_seq"

# One statement: the enrolment's row is taken, or nothing happens. UPDATE waits for a concurrent writer and then
# judges the row as that one left it. What that writer added to `deliveries` is not visible here, therefore unseen
# deliveries are read by a statement of their own. A task that nobody did and a message that was held come to nothing
# when their step is left, or the enrolment ends.
#
# An attempt that was given up, because its worker stood still, may write later than the one after it. What it says of
# where the run stands is then old; it was made well before, so clocks that differ a little do no harm. A run that takes
# the place of another may have other clocks.
_IS_OLD = f"run_id = $2 AND noted_at > $7::timestamptz + interval '{CLOCK_SKEW.total_seconds()} s'"

_LEFT = """
SELECT step, visit FROM unnest($8::text[], $9::int[], $12::timestamptz[]) AS trace (step, visit, left_at)
WHERE left_at IS NOT NULL"""

_WRITE = f"""
WITH own AS (
    UPDATE enrolments SET
        run_id = $2,
        seen_seq = greatest(seen_seq, $3),
        step = CASE WHEN {_IS_OLD} THEN step ELSE coalesce($4, step) END,
        stage = CASE WHEN last_seq > $3 OR ({_IS_OLD}) THEN stage ELSE coalesce($5, stage) END,
        state = CASE WHEN $6::text IS NULL THEN state ELSE 'ended' END,
        outcome = coalesce(outcome, $6),
        ended_at = CASE WHEN $6 IS NULL THEN ended_at ELSE coalesce(ended_at, $7) END,
        paused_at = CASE WHEN $15::text IS NULL OR ({_IS_OLD}) THEN paused_at ELSE coalesce(paused_at, $7) END,
        reason = CASE WHEN {_IS_OLD} THEN reason ELSE coalesce($15, reason) END,
        noted_at = CASE WHEN run_id = $2 THEN greatest(noted_at, $7) ELSE $7 END,
        nudges = 0
    WHERE id = $1 AND state <> 'ended' AND (run_id IS NULL OR run_id = $2)
    RETURNING {_COLUMNS}, {_IS_OLD} AS is_old
), traced AS (
    INSERT INTO steps (enrolment_id, step, visit, verb, entered_at, left_at, waits_until, result, kept)
    SELECT own.id, trace.* FROM own, unnest(
        $8::text[], $9::int[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::jsonb[],
        $16::jsonb[]
    ) AS trace WHERE NOT is_old
    ON CONFLICT (enrolment_id, step, visit) DO UPDATE SET
        left_at = coalesce(excluded.left_at, steps.left_at),
        waits_until = coalesce(excluded.waits_until, steps.waits_until),
        result = coalesce(excluded.result, steps.result),
        kept = excluded.kept
), settled AS (
    UPDATE tasks SET
        state = CASE WHEN due_at <= gone.at THEN 'expired' ELSE 'cancelled' END, closed_at = least(due_at, gone.at)
    FROM own CROSS JOIN LATERAL (
        SELECT coalesce((SELECT ended_at FROM enrolments before WHERE before.id = own.id), $7) AS at
    ) AS gone
    WHERE tasks.enrolment_id = own.id AND tasks.state IN ('open', 'claimed') AND (own.state = 'ended'
        OR NOT is_old AND (tasks.step, tasks.visit) IN ({_LEFT}))
), let_go AS (
    UPDATE messages SET status = 'suppressed', reason =
        CASE WHEN own.state = 'ended' THEN 'the enrolment had ended: ' || own.outcome ELSE 'the step had been left' END
    FROM own WHERE messages.enrolment_id = own.id AND messages.status IN ('held', 'released') AND (own.state = 'ended'
        OR NOT is_old AND (messages.step, messages.visit) IN ({_LEFT}))
), closed AS (
    DELETE FROM deliveries USING own WHERE deliveries.enrolment_id = own.id AND own.state = 'ended'
)
SELECT {_COLUMNS} FROM own
"""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An enrolment's row after a run wrote to it."""

    id: int
    customer_id: int
    journey: str
    version: int
    key: str
    start: dict[str, Any]
    state: str
    outcome: str | None
    paused_at: datetime | None
    suspended_by: int | None
    last_seq: int
    seen_seq: int


@dataclass(frozen=True, slots=True)
class EnrolmentStanding:
    """`enrolment` is None when another run has it, or it has ended, or there is none: nothing was written.

    `unseen` are deliveries past the run's own `seen_seq`, oldest first; more may follow once these are seen.
    """

    enrolment: Enrolment | None
    unseen: tuple[Delivery, ...] = ()

    @property
    def is_behind(self) -> bool:
        return bool(self.unseen)

    @property
    def taken(self) -> bool:
        return self.enrolment is None

    @property
    def paused(self) -> bool:
        return self.enrolment is not None and self.enrolment.paused_at is not None


async def write_progress(connection: Any, progress: Progress) -> EnrolmentStanding:
    """Write a run's progress, on an asyncpg connection or pool; inside a transaction it locks the enrolment's row.

    Repeating it changes nothing. An ended enrolment keeps no deliveries; others keep theirs for a while after they
    are acknowledged (`store.outbox.purge`), for a run that lost a workflow task may have to ask for them once more.
    """
    row = await connection.fetchrow(_WRITE, *_arguments(progress))
    if row is None:
        return EnrolmentStanding(None)
    enrolment = Enrolment(**row)
    if enrolment.state == "ended" or enrolment.last_seq <= progress.seen_seq:
        return EnrolmentStanding(enrolment)
    return EnrolmentStanding(enrolment, await pending(connection, enrolment.id, progress.seen_seq))


def _arguments(progress: Progress) -> tuple[Any, ...]:
    # The same visit may be entered and left in one progress; one row of a statement cannot be written twice.
    traces = {(trace.step, trace.visit): trace for trace in progress.traces}.values()
    return (
        progress.enrolment_id,
        progress.run_id,
        progress.seen_seq,
        progress.step,
        progress.stage,
        progress.ended_as,
        progress.at,
        [trace.step for trace in traces],
        [trace.visit for trace in traces],
        [trace.verb for trace in traces],
        [trace.entered_at for trace in traces],
        [trace.left_at for trace in traces],
        [trace.waits_until for trace in traces],
        [trace.result for trace in traces],
        progress.pause,
        [trace.kept for trace in traces],
    )
