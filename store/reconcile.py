"""What the reconciler asks of PostgreSQL. Its times (`checked_at`, `nudged_at`) are wall time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from language.delivery import Delivery
from language.steps import waiting_verbs
from store.database import Database
from store.outbox import BROKEN, pending

# An enrolment is first looked at one whole period after it was first noticed: most have ended by then.
_NOTICE = """
UPDATE enrolments SET checked_at = now() FROM (
    SELECT id FROM enrolments WHERE checked_at IS NULL AND state <> 'ended' LIMIT $1 FOR UPDATE SKIP LOCKED
) own WHERE enrolments.id = own.id
"""

# Those whose start still waits are the relay's business.
_DUE = """
UPDATE enrolments SET checked_at = now() FROM (
    SELECT id FROM enrolments
    WHERE checked_at < now() - $1::interval AND state <> 'ended' AND reason IS DISTINCT FROM $3
        AND NOT EXISTS (
            SELECT FROM deliveries WHERE enrolment_id = enrolments.id AND kind = 'start' AND relayed_at IS NULL
        )
    ORDER BY checked_at LIMIT $2 FOR UPDATE SKIP LOCKED
) own WHERE enrolments.id = own.id
RETURNING enrolments.id AS enrolment_id, customer_id, journey, version, key, arm, started_at, start, state, outcome,
          step, run_id, seen_seq
"""

_CLOSE = """
WITH own AS (
    UPDATE enrolments SET state = 'ended' WHERE id = $1 AND state = 'ending' RETURNING id, outcome
), let_go AS (
    UPDATE messages SET status = 'suppressed', reason = 'the enrolment had ended: ' || coalesce(own.outcome, 'unknown')
    FROM own WHERE messages.enrolment_id = own.id AND messages.status IN ('held', 'released')
)
DELETE FROM deliveries USING own WHERE enrolment_id = own.id
"""

_RELEASE = """
UPDATE enrolments SET run_id = NULL
WHERE id = $1 AND state = 'active' AND run_id IS NOT DISTINCT FROM $2 RETURNING true
"""

_VERDICT = """
INSERT INTO verdicts (customer_id, enrolment_id, journey, step, verdict, reason, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
"""

_RESTARTS = """
SELECT count(*) FROM verdicts
WHERE customer_id = $1 AND enrolment_id = $2 AND verdict = 'restarted' AND step IS NOT DISTINCT FROM $3
"""

_BREAK = "UPDATE enrolments SET reason = $2 WHERE id = $1 AND state <> 'ended'"

_TRACE = """
SELECT step, visit, verb, entered_at, left_at, waits_until, result, kept FROM steps WHERE enrolment_id = $1
ORDER BY entered_at, visit
"""

# The newest delivery alone shows a run all it may have missed: it brings nothing new, or a gap. Those that the relay
# still holds back follow when this one is acknowledged.
_NUDGE = """
WITH lagging AS (
    SELECT d.enrolment_id, max(d.seq) AS seq, max(d.relayed_at) AS relayed_at
    FROM deliveries d JOIN enrolments e ON e.id = d.enrolment_id
    WHERE e.state <> 'ended' AND d.seq > e.seen_seq AND d.relayed_at IS NOT NULL AND e.reason IS DISTINCT FROM $3
    GROUP BY d.enrolment_id
    HAVING bool_and(d.relayed_at < now() - ($1::interval[])[1])
    ORDER BY max(d.relayed_at) LIMIT $2
), own AS (
    SELECT e.id, lagging.seq FROM enrolments e JOIN lagging ON lagging.enrolment_id = e.id
    WHERE greatest(lagging.relayed_at, e.nudged_at)
        < now() - ($1::interval[])[least(e.nudges + 1, cardinality($1::interval[]))]
    FOR UPDATE OF e SKIP LOCKED
), counted AS (
    UPDATE enrolments SET nudges = nudges + 1, nudged_at = now() FROM own WHERE enrolments.id = own.id
)
UPDATE deliveries SET relayed_at = NULL, relay_until = NULL FROM own
WHERE deliveries.enrolment_id = own.id AND deliveries.seq = own.seq
"""


@dataclass(frozen=True, slots=True)
class Open:
    """An enrolment that has not ended, as its row says."""

    enrolment_id: int
    customer_id: int
    journey: str
    version: int
    key: str
    arm: str | None
    started_at: datetime
    start: dict[str, Any]
    state: str
    outcome: str | None
    step: str | None
    run_id: str | None
    seen_seq: int


@dataclass(frozen=True, slots=True)
class Trace:
    """Where an enrolment stood: its last visit, how often each step was visited, what steps left (by step id).

    `heard_until` is when its last wait was over; later events are new to the next wait. `kept` is what its run had kept
    with that last visit (`language.state.Kept`).
    """

    step: str
    entered_at: datetime
    left_at: datetime | None
    waits_until: datetime | None
    visits: dict[str, int] = field(default_factory=dict)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    heard_until: datetime | None = None
    kept: dict[str, Any] | None = None


class Reconciliation:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def nudge(self, after: Sequence[timedelta], *, limit: int = 100) -> int:
        """Let the relay send once more to enrolments whose runs have not acknowledged what was relayed.

        `after` are the waits before the first, second … nudge, the last one for all further. Returns how many.
        """
        return _count(await self._db.pool.execute(_NUDGE, list(after), limit, BROKEN))

    async def take_due(self, period: timedelta, limit: int) -> list[Open]:
        """Open enrolments not checked for `period`, at most `limit`, each to one caller."""
        await self._db.pool.execute(_NOTICE, 1000)
        rows = await self._db.pool.fetch(_DUE, period, limit, BROKEN)
        return [Open(**row) for row in rows]

    async def close(self, enrolment: Open) -> None:
        """Its end was decided and nobody is left to carry it out."""
        await self._db.pool.execute(_CLOSE, enrolment.enrolment_id)

    async def release(self, enrolment: Open) -> bool:
        """Take an enrolment from its dead run; false when it is another's or over meanwhile."""
        return bool(await self._db.pool.fetchval(_RELEASE, enrolment.enrolment_id, enrolment.run_id))

    async def note(self, enrolment: Open, verdict: str, *, at: datetime, reason: str) -> None:
        await self._db.pool.execute(_VERDICT, *_verdict(enrolment, verdict, reason, at))

    async def restarts(self, enrolment: Open) -> int:
        """How often it was restarted at the step where it stands."""
        count = await self._db.pool.fetchval(_RESTARTS, enrolment.customer_id, enrolment.enrolment_id, enrolment.step)
        return int(count)

    async def mark_broken(self, enrolment: Open, *, at: datetime, reason: str) -> None:
        """Leave it open, but to a person."""

        await self._db.pool.execute(_BREAK, enrolment.enrolment_id, BROKEN)
        await self.note(enrolment, BROKEN, at=at, reason=reason)

    async def trace(self, enrolment: Open) -> Trace | None:
        """None when no step was ever entered."""
        rows = await self._db.pool.fetch(_TRACE, enrolment.enrolment_id)
        return trace_of([dict(row) for row in rows], enrolment.step) if rows else None

    async def pending(self, enrolment: Open) -> tuple[Delivery, ...]:
        return await pending(self._db.pool, enrolment.enrolment_id, enrolment.seen_seq)


def trace_of(rows: Sequence[Mapping[str, Any]], step: str | None) -> Trace:
    """What the visits of an enrolment say, oldest first, of one that stands in `step`.

    Its last visit is the one with the highest number: a visit counted twice would pass for one whose message went out.
    """
    here = [row for row in rows if row["step"] == step]
    last = max(here, key=lambda row: row["visit"]) if here else rows[-1]
    visits = {row["step"]: row["visit"] for row in sorted(rows, key=lambda row: row["visit"])}
    results = {row["step"]: row["result"] for row in rows if row["result"] is not None}
    waits = [row for row in rows if row["left_at"] and row["verb"] in waiting_verbs()]
    heard_until = min(waits[-1]["left_at"], waits[-1]["waits_until"] or waits[-1]["left_at"]) if waits else None
    standing = last["step"], last["entered_at"], last["left_at"], last["waits_until"]
    return Trace(*standing, visits, results, heard_until, last["kept"])


def _verdict(enrolment: Open, verdict: str, reason: str, at: datetime) -> tuple[Any, ...]:
    one = enrolment
    return (one.customer_id, one.enrolment_id, one.journey, one.step, verdict, reason, at)


def _count(status: str) -> int:
    return int(status.split()[-1])
