"""How long after the HTTP answer the provider has the message, at a steady pace of events."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from scripts.benchmark.ground import Ground
from scripts.benchmark.throughput import BEGUN, track

PACES = (10, 20, 40)


async def measure(ground: Ground, *, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Milliseconds by pace. `wake`: an event wakes a waiting journey, which sends. `start`: one starts and sends."""
    figures: dict[str, Any] = {}
    for pace in PACES:
        for kind, drive in (("wake", _wake), ("start", _start)):
            others = ground.watch_others()
            waits = await drive(ground, ground.name(), pace, int(pace * seconds))
            figures[f"{kind}_at_{pace}_per_s"] = found = percentiles(waits) | {"cpus_of_others": others()}
            say(f"{pace} events/s, {kind}: {found}")
    return figures


async def _wake(ground: Ground, name: str, pace: int, size: int) -> list[float]:
    users = [f"{name}-{number}" for number in range(size)]
    await ground.make_customers(users)
    begun = await ground.pool.fetchval(BEGUN)
    await ground.post_batches([track("Bench Started", user, name) for user in users])
    await ground.until(BEGUN, begun + size)
    return await _paced(ground, "Bench Fired", users, name, pace)


async def _start(ground: Ground, name: str, pace: int, size: int) -> list[float]:
    users = [f"{name}-{number}" for number in range(size)]
    await ground.make_customers(users)
    return await _paced(ground, "Bench At Once", users, name, pace)


async def _paced(ground: Ground, event: str, users: list[str], name: str, pace: int) -> list[float]:
    await ground.forget()
    answered_at = await paced(ground, event, users, name, pace)
    await ground.until_arrived(len(users))
    arrived_at = await ground.arrived_at()
    return [arrived_at[f"{user}"] - answered_at[user] for user in users]


async def paced(ground: Ground, event: str, users: list[str], name: str, pace: float) -> dict[str, float]:
    """One call each, on time whether or not the ones before have answered; returns when each was answered."""
    answered_at: dict[str, float] = {}

    async def post(user: str) -> None:
        await ground.post_track(track(event, user, name))
        answered_at[user] = time.time()

    began, calls = time.perf_counter(), []
    for number, user in enumerate(users):
        await asyncio.sleep(max(0.0, began + number / pace - time.perf_counter()))
        calls.append(asyncio.create_task(post(user)))
    await asyncio.gather(*calls)
    return answered_at


def percentiles(waits: list[float]) -> dict[str, float]:
    """In milliseconds."""
    ordered = sorted(waits)
    return {f"p{p}_ms": round(ordered[min(len(ordered) * p // 100, len(ordered) - 1)] * 1000, 1) for p in (50, 95, 99)}
