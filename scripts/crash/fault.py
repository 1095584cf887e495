"""What is done to the stack while customers are on their way."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from runtime.part import PartFailed
from scripts.crash.ground import Ground
from scripts.provider import Fault as ProviderFault

PARTS = ("postgres", "temporal", "api", "worker")
LULLS: tuple[ProviderFault, ...] = ("drop", "accept_then_drop", "too_many", "error_after_accept", "unavailable")
BACK_WITHIN = 60.0
MORE_AT_MOST = 2
HIT_WITHIN = 15.0
"""Seconds in which an armed point must be reached while customers are on their way."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`strike` harms the stack for about the given number of seconds and returns once everything is back.

    `arm` is called before customers are on their way.
    """

    name: str
    strike: Callable[[Ground, float], Awaitable[None]]
    arm: Callable[[Ground], Awaitable[None]] | None = None


def at_point(part: str, point: str, *, times: int = 2, spread: int = 40) -> Fault:
    """The part dies by its own hand at a named point, each time at one of the next `spread` hits."""

    async def arm(ground: Ground) -> None:
        nth = ground.chance.randint(spread // 4, spread)
        await ground.stack.restart(part, {"SOJOURN_FAILPOINTS": f"{point}:{nth}"})

    async def strike(ground: Ground, _over: float) -> None:
        await _death(ground, part, point)
        for _ in range(times - 1):
            if await _rearmed(ground, part, arm):
                await _death(ground, part, point)

    return Fault(point, strike, arm)


async def _rearmed(ground: Ground, part: str, arm: Callable[[Ground], Awaitable[None]]) -> bool:
    """False when it died at once: it takes work a moment before it says that it is ready."""
    try:
        await arm(ground)
    except PartFailed as failed:
        if "SIGKILL before it was ready" not in str(failed):
            raise
        ground.deaths.kills[part] += 1
        await ground.stack.start(part)
        return False
    return True


async def _death(ground: Ground, part: str, point: str) -> None:
    """Returns once the armed part has died and is back."""
    try:
        await ground.stack.recovered(part, after=ground.stack.pids.get(part, 0), within=HIT_WITHIN)
    except TimeoutError:
        ground.say(f"{point} was not reached any more")
        await ground.stack.restart(part)


def from_outside(part: str, *, times: int = 2) -> Fault:
    """kill -9, at moments by chance."""

    async def strike(ground: Ground, over: float) -> None:
        for _ in range(times):
            await asyncio.sleep(ground.chance.uniform(0.1, over / times))
            await kill(ground, [part])

    return Fault(part, strike)


def at_random(*, times: int = 5) -> Fault:
    """kill -9 of one or two parts at once, again and again, while the providers have their bad moments too."""

    async def strike(ground: Ground, over: float) -> None:
        for _ in range(times):
            await asyncio.sleep(ground.chance.uniform(0.1, over / times))
            ground.provider.fail(ground.chance.choice(LULLS), ground.chance.randint(1, 3))
            await kill(ground, some_parts(ground.chance))

    return Fault("random", strike)


def some_parts(chance: random.Random) -> list[str]:
    return chance.sample(PARTS, chance.choice((1, 2)))


async def kill(ground: Ground, parts: Sequence[str], *, again: Callable[[str], bool] = lambda part: False) -> None:
    """All in the same moment, and more often a part of which `again` is true; returns once all are back."""
    pid_by_part = {part: ground.stack.kill(part) for part in parts if part in ground.stack.pids}

    async def back(part: str, pid: int) -> None:
        await ground.stack.recovered(part, after=pid, within=BACK_WITHIN)
        for _ in range(MORE_AT_MOST):
            if not again(part) or part not in ground.stack.pids:
                return
            await ground.stack.recovered(part, after=ground.stack.kill(part), within=BACK_WITHIN)

    await asyncio.gather(*(back(part, pid) for part, pid in pid_by_part.items()))


FAULTS: tuple[Fault, ...] = (
    at_point("api", "api.committed"),
    at_point("api", "relay.signalled"),
    at_point("worker", "worker.claimed"),
    at_point("worker", "worker.called"),
    at_point("worker", "worker.recorded"),
    *(from_outside(part) for part in PARTS),
    at_random(),
)
