"""Which arm of an experiment a customer has: drawn once, then kept, whatever becomes of the shares."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from language.lot import EVERYWHERE, HELD_OUT, draw, drawn_everywhere
from language.port import Answer, DrawArm
from language.winner import Count, winner
from store.database import Database
from store.deeds import permitted
from store.facts import lock_customer
from store.retry import retried

CONTROL = "control/"
"""What the names of experiments that hold customers out begin with."""

LOOK_AGAIN_AFTER = timedelta(minutes=1)

_ARM = "SELECT arm FROM arms WHERE customer_id = $1 AND experiment = $2"
_KEEP = """
INSERT INTO arms (customer_id, experiment, arm, drawn_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (customer_id, experiment) DO UPDATE SET arm = excluded.arm, drawn_at = excluded.drawn_at
"""
_CONTROL = "UPDATE enrolments SET arm = $2 WHERE id = $1 AND arm IS DISTINCT FROM $2"

_FOUND = "SELECT winner, checked_at FROM experiments WHERE journey = $1 AND experiment = $2"
_MEET = "INSERT INTO experiments (journey, experiment, checked_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
# Of several who want to look, one does; the others go on with what is known.
_LOOK = """
SELECT checked_at FROM experiments WHERE journey = $1 AND experiment = $2 AND checked_at <= $3
FOR UPDATE SKIP LOCKED
"""
_LOOKED = """
UPDATE experiments SET checked_at = $3, winner = $4::text,
    found_at = CASE WHEN $4 IS NOT NULL THEN $3::timestamptz END
WHERE journey = $1 AND experiment = $2
"""
# An enrolment counts for an arm if it was not over when the arm was drawn, unless it was held out; a goal reached
# before that is not the arm's doing.
_COUNTS = f"""
SELECT a.arm, count(*) AS enrolled, count(*) FILTER (WHERE e.goal_at >= a.drawn_at) AS converted
FROM arms a JOIN enrolments e ON e.customer_id = a.customer_id
WHERE a.experiment = $2 AND e.journey = $1 AND e.arm IS DISTINCT FROM '{HELD_OUT}'
    AND (e.ended_at IS NULL OR e.ended_at >= a.drawn_at) AND (e.goal_at IS NULL OR e.goal_at >= a.drawn_at)
GROUP BY a.arm
"""


class Arms:
    """See `activities.arms.Arms`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def draw_arm(self, deed: DrawArm) -> Answer:
        """The customer's arm; drawn if there is none, or none that is still among the shares."""
        won = await self._winner(deed) if deed.winner_by else None

        async def attempt() -> Answer:
            async with self._db.pool.acquire() as connection, connection.transaction():
                customer_id = await lock_customer(connection, deed.customer_id)
                return await permitted(connection, deed) or await _draw(connection, customer_id, deed, won)

        return await retried(attempt)

    async def _winner(self, deed: DrawArm) -> str | None:
        """The arm that has won, looked for at most once a minute of journey time."""
        found = await self._db.pool.fetchrow(_FOUND, deed.journey, deed.experiment)
        if found is None:
            await self._db.pool.execute(_MEET, deed.journey, deed.experiment, deed.at)
            return None
        if found["winner"] in deed.shares:
            return str(found["winner"])
        if found["checked_at"] > deed.at - LOOK_AGAIN_AFTER:
            return None
        return await self._look(deed)

    async def _look(self, deed: DrawArm) -> str | None:
        named = (deed.journey, deed.experiment)
        async with self._db.pool.acquire() as connection, connection.transaction():
            if await connection.fetchrow(_LOOK, *named, deed.at - LOOK_AGAIN_AFTER) is None:
                return None
            counts = _counted(await connection.fetch(_COUNTS, *named), deed.shares)
            best = winner(counts, deed.confidence, deed.at_least)
            await connection.execute(_LOOKED, *named, deed.at, best)
            return best


async def _draw(connection: Any, customer_id: int, deed: DrawArm, won: str | None) -> Answer:
    arm = await connection.fetchval(_ARM, customer_id, deed.experiment)
    if arm not in deed.shares:
        arm = won or draw(customer_id, deed.experiment, deed.shares, instead_of=arm or "")
        await connection.execute(_KEEP, customer_id, deed.experiment, arm, deed.at)
    if deed.experiment.startswith(CONTROL):
        await connection.execute(_CONTROL, deed.progress.enrolment_id, arm)
    return Answer(verdict="done", result={"arm": arm})


async def everywhere(
    connection: Any, customer_id: int, enrolment_id: int, arm: str | None, *, control: float, at: datetime
) -> bool:
    """Whether the customer, locked, is held out of all journeys; drawn and kept if there is no `arm` yet. The
    enrolment that this keeps a message from is marked by it."""
    if arm is None:
        arm = drawn_everywhere(customer_id, control)
        await connection.execute(_KEEP, customer_id, EVERYWHERE, arm, at)
    if arm == HELD_OUT:
        await connection.execute(_CONTROL, enrolment_id, HELD_OUT)
    return arm == HELD_OUT


def _counted(rows: list[Any], shares: Mapping[str, float]) -> dict[str, Count]:
    """Of every arm; one that nobody has yet counts nothing."""
    found = {row["arm"]: (row["enrolled"], row["converted"]) for row in rows}
    return {arm: found.get(arm, (0, 0)) for arm in shares}
