"""What is spent of the policy's budgets, a counter for each and its period, kept exact by the claiming transaction.

The counters are locked by the very last statement of a claim, so that a blast's claims wait for one another's commits
and for nothing else; those of a budget that is used up do not lock it at all.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from language.spending import Charge, Filling, filling

_SPENT = """
SELECT budget, spent, is_used_up FROM spending
WHERE (budget, period) IN (SELECT * FROM unnest($1::text[], $2::text[]))
"""
# Locked in the order of their names. A charge that does not fit leaves its counter as it is, and is not returned.
_CHARGE = """
INSERT INTO spending (budget, period, spent, most)
SELECT budget, period, amount, most FROM unnest($1::text[], $2::text[], $3::numeric[], $4::numeric[])
  AS charges (budget, period, amount, most)
WHERE most IS NULL OR amount <= most ORDER BY budget
ON CONFLICT (budget, period) DO UPDATE SET
  spent = spending.spent + excluded.spent, most = coalesce(excluded.most, spending.most)
WHERE excluded.most IS NULL OR spending.spent + excluded.spent <= excluded.most
RETURNING budget, spent
"""
# Of many that find it used up, the first says so.
_USED_UP = """
INSERT INTO spending (budget, period, spent, most, is_used_up) VALUES ($1, $2, 0, $3, true)
ON CONFLICT (budget, period) DO UPDATE SET is_used_up = true WHERE NOT spending.is_used_up
RETURNING spent
"""
_REFUND = """
WITH mine AS (
  UPDATE messages m SET cost = NULL, charged = NULL
  FROM (SELECT cost, charged FROM messages WHERE key = $1 FOR NO KEY UPDATE) was WHERE m.key = $1
  RETURNING was.cost, was.charged
)
UPDATE spending s SET spent = s.spent - locked.cost
FROM (
  SELECT budget, period, mine.cost
  FROM mine, jsonb_each_text(mine.charged) taken JOIN spending ON (budget, period) = (taken.key, taken.value)
  WHERE mine.cost IS NOT NULL ORDER BY budget FOR NO KEY UPDATE OF spending
) locked
WHERE (s.budget, s.period) = (locked.budget, locked.period)
"""

CORRECTED = """
  UPDATE spending s SET spent = s.spent + locked.more
  FROM (
    SELECT budget, period, coalesce(recorded.cost, 0) - coalesce(before.cost, 0) AS more
    FROM recorded, before, jsonb_each_text(recorded.charged) taken
    JOIN spending ON (budget, period) = (taken.key, taken.value)
    WHERE recorded.cost IS DISTINCT FROM before.cost ORDER BY budget FOR NO KEY UPDATE OF spending
  ) locked
  WHERE (s.budget, s.period) = (locked.budget, locked.period)
"""
"""After an attempt was `recorded` with another cost than it had `before`, or with none."""


async def find_used_up(connection: Any, charges: Sequence[Charge]) -> tuple[Charge | None, bool]:
    """The first that does not fit by what is committed, unlocked; and whether that was said already."""
    held_to = [charge for charge in charges if not charge.is_free]
    if not held_to:
        return None, False
    rows = {row["budget"]: row for row in await connection.fetch(_SPENT, *_named(held_to))}
    for charge in held_to:
        row = rows.get(charge.budget.name)
        if not charge.fits(row["spent"] if row else Decimal(0)):
            return charge, bool(row and row["is_used_up"])
    return None, False


async def take(connection: Any, charges: Sequence[Charge]) -> tuple[Filling, ...] | Charge:
    """Take all of them: the last statement of a transaction. The one that does not fit: roll back to before it."""
    if not charges:
        return ()
    limits = [None if charge.is_free else charge.budget.limit for charge in charges]
    amounts = [charge.amount for charge in charges]
    rows = await connection.fetch(_CHARGE, *_named(charges), amounts, limits)
    spent = {row["budget"]: row["spent"] for row in rows}
    for charge in charges:
        if charge.budget.name not in spent:
            return charge
    return tuple(filling(charge, spent[charge.budget.name]) for charge in charges)


async def mark_used_up(connection: Any, charge: Charge) -> tuple[Filling, ...]:
    """Note that a message found it used up; told once a period."""
    spent = await connection.fetchval(_USED_UP, charge.budget.name, charge.period, charge.budget.limit)
    if spent is None:
        return ()
    return (Filling(charge.budget.name, charge.period, spent, charge.budget.limit, "used_up"),)


async def refund(connection: Any, key: str) -> None:
    """Give back what an earlier attempt at the message took, which is known not to have gone out."""
    await connection.execute(_REFUND, key)


def charged(charges: Sequence[Charge]) -> Mapping[str, str] | None:
    """The period of each budget, as the message keeps it."""
    return {charge.budget.name: charge.period for charge in charges} or None


def _named(charges: Sequence[Charge]) -> tuple[list[str], list[str]]:
    return [charge.budget.name for charge in charges], [charge.period for charge in charges]
