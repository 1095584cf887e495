"""Pools of coupons. A code is taken once, for good; codes are taken in their own order."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from language.port import Answer, TakeCoupon
from store.database import Database
from store.deeds import permitted
from store.facts import lock_customer
from store.retry import retried

_KNOWN = "SELECT code FROM coupons WHERE taken_key = $1"

# Those in others' hands are passed over. Where nothing else is left, they are waited for: one may be given back.
_TAKE = """
UPDATE coupons SET taken_key = $2, customer_id = $3, enrolment_id = $4, taken_at = $5
WHERE pool = $1 AND code = (
    SELECT code FROM coupons WHERE pool = $1 AND taken_key IS NULL ORDER BY code LIMIT 1 FOR NO KEY UPDATE {waiting}
)
RETURNING code
"""
_TAKE_FREE = _TAKE.format(waiting="SKIP LOCKED")
_TAKE_ANY = _TAKE.format(waiting="")

_IS_POOL = "SELECT EXISTS (SELECT FROM coupons WHERE pool = $1)"
_LEFT = "SELECT count(*) FROM (SELECT FROM coupons WHERE pool = $1 AND taken_key IS NULL LIMIT $2) AS counted"
_COUNTS = """
SELECT pool, count(*) FILTER (WHERE taken_key IS NULL) AS left, count(*) FILTER (WHERE taken_key IS NOT NULL) AS taken
FROM coupons GROUP BY pool ORDER BY pool
"""

_LOADING = "CREATE TEMPORARY TABLE loading (code text NOT NULL) ON COMMIT DROP"
# In order, so that two who load the same codes at once wait for each other in one direction.
_LOAD = "INSERT INTO coupons (pool, code) SELECT DISTINCT $1, code FROM loading ORDER BY code ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True)
class PoolRecord:
    """How many codes of a pool are left, and how many were taken."""

    pool: str
    left: int
    taken: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many codes are new, and how many were in the pool, or in the file, already."""

    new: int
    repeated: int


class Coupons:
    """The pools, as activities use them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def take(self, deed: TakeCoupon) -> Answer:
        """Answered by `{code}`; refused when the pool is empty or unknown."""

        async def transaction() -> Answer:
            async with self._db.pool.acquire() as connection, connection.transaction():
                customer_id = await lock_customer(connection, deed.customer_id)
                refusal = await permitted(connection, deed)
                known = await connection.fetchval(_KNOWN, deed.key)
                if known is not None:
                    return _taken(known)
                return refusal or await _take(connection, deed, customer_id)

        return await retried(transaction)

    async def left(self, pool: str, at_most: int) -> int:
        """How many codes are left, counted no further than `at_most`."""
        return int(await self._db.pool.fetchval(_LEFT, pool, at_most))


async def _take(connection: Any, deed: TakeCoupon, customer_id: int) -> Answer:
    for statement in (_TAKE_FREE, _TAKE_ANY):
        code = await connection.fetchval(
            statement, deed.pool, deed.key, customer_id, deed.progress.enrolment_id, deed.at
        )
        if code is not None:
            return _taken(code)
    is_pool = await connection.fetchval(_IS_POOL, deed.pool)
    reason = f"the pool {deed.pool} {'is empty' if is_pool else 'has never been loaded'}"
    return Answer(verdict="refused", reason=reason)


def _taken(code: str) -> Answer:
    return Answer(verdict="done", result={"code": code})


async def count_pools(db: Database) -> list[PoolRecord]:
    """All pools, in the order of their names."""
    return [PoolRecord(**row) for row in await db.pool.fetch(_COUNTS)]


async def load_codes(db: Database, pool: str, codes: Iterable[str]) -> Loaded:
    """Put codes into a pool, all or none; those that are in it already, taken or not, stay as they are."""
    async with db.pool.acquire() as connection, connection.transaction():
        await connection.execute(_LOADING)
        copied = await connection.copy_records_to_table("loading", records=((code,) for code in codes))
        inserted = await connection.execute(_LOAD, pool, timeout=None)
    total, new = int(copied.split()[-1]), int(inserted.split()[-1])
    return Loaded(new, total - new)
