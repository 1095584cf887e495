"""Taking coupons, and warning before a pool runs dry."""

from typing import Protocol

import structlog
from prometheus_client import Gauge
from temporalio import activity

from language.port import Answer, TakeCoupon

LOW = 100
WARN_AT = (LOW, LOW // 10, 0)
"""So many codes left, or fewer, are worth a line in the log; each once, until the pool is filled again."""

LEFT = Gauge("sojourn_coupons_left", f"Codes left in a pool, counted up to {LOW + 1}.", ["pool"])

log = structlog.get_logger()


class Coupons(Protocol):
    """Where pools are kept."""

    async def take(self, deed: TakeCoupon) -> Answer: ...

    async def left(self, pool: str, at_most: int) -> int: ...


class CouponActivities:
    def __init__(self, coupons: Coupons) -> None:
        self._coupons = coupons
        self._warned_by_pool: dict[str, int] = {}

    @activity.defn
    async def take_coupon(self, deed: TakeCoupon) -> Answer:
        """Take a code, once; whoever asks again under the same key gets the same code."""
        answer = await self._coupons.take(deed)
        if answer.verdict in ("done", "refused"):
            await self._watch(deed.pool)
        return answer

    async def _watch(self, pool: str) -> None:
        left = await self._coupons.left(pool, LOW + 1)
        LEFT.labels(pool).set(left)
        warned, reached = self._warned_by_pool.get(pool, 0), sum(left <= bound for bound in WARN_AT)
        self._warned_by_pool[pool] = reached
        if reached > warned:
            log.warning("coupons.low", pool=pool, left=left)
