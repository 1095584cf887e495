"""The outbox: deliveries that wait for Temporal, and the leases under which relays hand them over.

A delivery is kept until Temporal has it *and* its run has acknowledged it, and a while longer: what a run absorbed from
PostgreSQL is forgotten when its workflow task fails, and must then be there to be read again, or come as a signal.

The lease of an enrolment is the `relay_until` of its oldest waiting delivery. Whoever wants to relay an enrolment must
lease that row, whatever came in after it, so that never more than one call for an enrolment is under way. All of an
enrolment's deliveries have its urgency.
Row locks are only ever tried (SKIP LOCKED), never waited for: these statements cannot deadlock with anybody.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from language.delivery import Delivery
from language.urgency import USUAL
from store.database import Database

LEASE = timedelta(seconds=10)
KEEP = timedelta(minutes=1)
"""How long an acknowledged delivery is kept after it was relayed: longer than any workflow task can take."""

MARK_AGAIN = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Seconds between tries to mark a row that is locked: only for a moment, unless its holder hangs."""

BROKEN = "broken"
"""The `reason` of an open enrolment that could not be restarted; cleared, it is tried again."""

PAGE_ROWS = 500
PAGE_BYTES = 700_000
"""What goes to a workflow at once: Temporal refuses payloads over 2 MB, and warns above 256 kB."""

WINDOW = 500
"""How many deliveries may be on their way to a run that has not acknowledged them. Signals to a run without a worker
would pile up, and the worker that returns has to take in all of them within one workflow task, or begins again for
ever. What is held back, the run reads from PostgreSQL with its next write; once it has, it is relayed too."""

# Leases and marks may be forgotten in a crash, so their transactions do not wait for the disk.
_NO_FLUSH = "set_config('synchronous_commit', 'off', true) = 'off'"

_DELIVER = """
INSERT INTO deliveries (enrolment_id, seq, kind, payload, urgency)
SELECT id, $2::bigint, $3::text, $4::jsonb, urgency FROM enrolments WHERE id = $1
"""

# The first waiting row of each enrolment of that urgency after $1, found one by one along the index however long the
# queues are.
_HEADS = """
    (SELECT enrolment_id, seq, relay_until FROM deliveries
     WHERE relayed_at IS NULL AND urgency = $4 AND enrolment_id > $1 ORDER BY enrolment_id, seq LIMIT 1)
    UNION ALL
    SELECT next.* FROM head CROSS JOIN LATERAL (
        SELECT enrolment_id, seq, relay_until FROM deliveries
        WHERE relayed_at IS NULL AND urgency = $4 AND enrolment_id > head.enrolment_id
        ORDER BY enrolment_id, seq LIMIT 1
    ) next
"""

# How far a run has read is looked up for one after the other: a join might read all enrolments at every turn.
_LEASE = f"""
WITH RECURSIVE head AS ({_HEADS}),
free AS (
    SELECT enrolment_id, seq FROM head
    WHERE (relay_until IS NULL OR relay_until < now())
      AND seq <= (SELECT seen_seq FROM enrolments WHERE id = enrolment_id) + {WINDOW} LIMIT $2
), own AS (
    SELECT enrolment_id, seq FROM deliveries JOIN free USING (enrolment_id, seq)
    WHERE relayed_at IS NULL AND (relay_until IS NULL OR relay_until < now())
    FOR UPDATE OF deliveries SKIP LOCKED
), leased AS (
    UPDATE deliveries SET relay_until = now() + $3 FROM own
    WHERE deliveries.enrolment_id = own.enrolment_id AND deliveries.seq = own.seq
    RETURNING deliveries.enrolment_id, deliveries.seq, deliveries.kind
)
SELECT e.id AS enrolment_id, leased.seq AS first_seq, $4::smallint AS urgency,
       e.customer_id, e.journey, e.version, e.key, e.arm, e.started_at,
       CASE WHEN leased.kind = 'start' THEN e.start END AS start, page.payloads
FROM leased JOIN enrolments e ON e.id = leased.enrolment_id
CROSS JOIN LATERAL (
    SELECT jsonb_agg(payload ORDER BY seq) AS payloads FROM (
        SELECT seq, payload, sum(octet_length(payload::text)) OVER (ORDER BY seq) AS bytes FROM (
            SELECT seq, payload FROM deliveries
            WHERE urgency = $4 AND enrolment_id = leased.enrolment_id AND seq >= leased.seq AND relayed_at IS NULL
            ORDER BY seq LIMIT {PAGE_ROWS}
        ) waiting
    ) measured WHERE bytes <= {PAGE_BYTES} OR seq = leased.seq
) page
WHERE {_NO_FLUSH}
ORDER BY e.id
"""

# Of one snapshot: what is to be marked, what could be, and whether more came after it.
_MARK = f"""
WITH sent AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[]) AS sent(enrolment_id, up_to, urgency)
), waiting AS (
    SELECT seq <= up_to AS is_sent FROM deliveries JOIN sent USING (urgency, enrolment_id) WHERE relayed_at IS NULL
), marked AS (
    UPDATE deliveries SET relayed_at = now(), relay_until = NULL
    FROM (
        SELECT enrolment_id, seq FROM deliveries JOIN sent USING (urgency, enrolment_id)
        WHERE seq <= up_to AND relayed_at IS NULL
        FOR UPDATE OF deliveries SKIP LOCKED
    ) own
    WHERE deliveries.enrolment_id = own.enrolment_id AND deliveries.seq = own.seq
    RETURNING true
)
SELECT EXISTS (SELECT FROM waiting WHERE NOT is_sent) AS has_more,
       (SELECT count(*) FROM waiting WHERE is_sent) > (SELECT count(*) FROM marked) AS is_left
WHERE {_NO_FLUSH}
"""

_DEFER = """
UPDATE deliveries SET relay_until = now() + $3
FROM (
    SELECT enrolment_id, seq FROM deliveries
    JOIN unnest($1::bigint[], $2::bigint[]) AS lease(enrolment_id, seq) USING (enrolment_id, seq)
    WHERE relayed_at IS NULL
    FOR UPDATE OF deliveries SKIP LOCKED
) own
WHERE deliveries.enrolment_id = own.enrolment_id AND deliveries.seq = own.seq
"""

_CHECK = """
UPDATE enrolments SET checked_at = 'epoch'
WHERE id = $1 AND state <> 'ended' AND reason IS DISTINCT FROM $2 RETURNING true
"""

_PENDING = f"""
SELECT payload FROM (
    SELECT seq, payload, sum(octet_length(payload::text)) OVER (ORDER BY seq) AS bytes,
           row_number() OVER (ORDER BY seq) AS place
    FROM (
        SELECT seq, payload FROM deliveries WHERE enrolment_id = $1 AND seq > $2 ORDER BY seq LIMIT {PAGE_ROWS}
    ) pending
) measured WHERE bytes <= {PAGE_BYTES} OR place = 1 ORDER BY seq
"""

_PURGE = """
WITH own AS (
    SELECT d.enrolment_id, d.seq FROM deliveries d JOIN enrolments e ON e.id = d.enrolment_id
    WHERE e.state = 'ended' OR (d.seq <= e.seen_seq AND d.relayed_at < now() - $1::interval)
    LIMIT $2 FOR UPDATE OF d SKIP LOCKED
)
DELETE FROM deliveries USING own WHERE deliveries.enrolment_id = own.enrolment_id AND deliveries.seq = own.seq
"""

_WAITING = "SELECT count(*) FROM deliveries WHERE relayed_at IS NULL"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A leased enrolment and the oldest of its waiting deliveries, in order. `start` is set when they begin it."""

    enrolment_id: int
    first_seq: int
    urgency: int
    customer_id: int
    journey: str
    version: int
    key: str
    arm: str | None
    started_at: datetime
    start: dict[str, Any] | None
    payloads: list[dict[str, Any]]

    @property
    def last_seq(self) -> int:
        return int(self.payloads[-1]["seq"])

    def deliveries(self) -> tuple[Delivery, ...]:
        return tuple(Delivery.model_validate(payload) for payload in self.payloads)


class Outbox:
    def __init__(self, db: Database, *, lease: timedelta = LEASE) -> None:
        self._db = db
        self._lease = lease

    async def lease(self, limit: int, *, urgency: int = USUAL, after: int = 0) -> list[Waiting]:
        """Lease at most `limit` enrolments of this urgency with ids above `after`, in the order of their ids."""
        rows = await self._db.pool.fetch(_LEASE, after, limit, self._lease, urgency)
        return [Waiting(**row) for row in rows]

    async def mark_relayed(self, sent: Sequence[Waiting]) -> bool:
        """Temporal has these. True when more came for one of them meanwhile.

        A row that somebody else just looks at is tried again: unmarked, it would go to Temporal once more when its
        lease has run out, and what came after it would wait so long."""
        ids, up_to = [one.enrolment_id for one in sent], [one.last_seq for one in sent]
        for delay in MARK_AGAIN:
            [mark] = await self._db.pool.fetch(_MARK, ids, up_to, [one.urgency for one in sent])
            if not mark["is_left"]:
                break
            await asyncio.sleep(delay)
        return bool(mark["has_more"])

    async def defer(self, leased: Iterable[Waiting], delay: timedelta = timedelta(0)) -> None:
        """Give leases back; nobody relays these enrolments before `delay` has passed."""
        heads = [(one.enrolment_id, one.first_seq) for one in leased]
        await self._db.pool.execute(_DEFER, [one for one, _ in heads], [seq for _, seq in heads], delay)

    async def ask_for_check(self, enrolment_id: int) -> bool:
        """Let the reconciler look at it first: it is open, and no workflow runs. False when it has ended or is broken,
        so that no reconciler will."""
        return bool(await self._db.pool.fetchval(_CHECK, enrolment_id, BROKEN))

    async def purge(self, *, older_than: timedelta = KEEP, limit: int = 5000) -> int:
        """Delete deliveries that nobody can need any more; returns how many, at most `limit`."""
        status = await self._db.pool.execute(_PURGE, older_than, limit)
        return int(status.split()[-1])

    async def waiting(self) -> int:
        """How many deliveries wait for Temporal."""
        return int(await self._db.pool.fetchval(_WAITING))


async def deliver(connection: Any, enrolment_id: int, delivery: Delivery) -> None:
    """Put in a delivery whose `seq` was counted by this transaction."""
    payload = delivery.model_dump(mode="json", exclude_none=True)
    await connection.execute(_DELIVER, enrolment_id, delivery.seq, delivery.kind, payload)


async def pending(connection: Any, enrolment_id: int, after_seq: int) -> tuple[Delivery, ...]:
    """The deliveries past `after_seq`, relayed or not, oldest first; so many as may go to a workflow at once."""
    rows = await connection.fetch(_PENDING, enrolment_id, after_seq)
    return tuple(Delivery.model_validate(row["payload"]) for row in rows)
