"""Journeys per second through the whole product, against bare workflows of the same shape, in turns on one server."""

import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from scripts.benchmark.ground import Ground, each, raw_worker
from scripts.benchmark.raw_workflow import QUEUE, RawWorkflow

CALLS_AT_ONCE = 32
BEGUN = "SELECT count(*) FROM enrolments WHERE journey = 'bench' AND step IS NOT NULL"
DONE = "SELECT count(*) FROM enrolments WHERE journey = 'bench' AND state = 'ended'"


@dataclass(frozen=True)
class Run:
    """One run: journeys per second, and what the server was asked for each."""

    per_s: float
    requests: Counter[str]
    size: int

    @property
    def requests_each(self) -> dict[str, float]:
        return {name: round(count / self.size, 2) for name, count in sorted(self.requests.items()) if count}


async def measure(ground: Ground, *, size: int, runs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """`runs` pairs, each kind in turns; medians."""
    raws, journeys = [], []
    for number in range(runs):
        raws.append(await _timed(ground, size, _raw))
        journeys.append(await _timed(ground, size, _journeys))
        say(f"pair {number + 1} of {runs}: raw {raws[-1].per_s:.1f}/s, journeys {journeys[-1].per_s:.1f}/s")
    raw, whole = (statistics.median(run.per_s for run in kind) for kind in (raws, journeys))
    return {
        "raw_per_s": round(raw, 1),
        "journeys_per_s": round(whole, 1),
        "ratio": round(whole / raw, 3),
        "ratio_by_pair": [round(j.per_s / r.per_s, 3) for r, j in zip(raws, journeys, strict=True)],
        "raw_requests_each": raws[-1].requests_each,
        "journey_requests_each": journeys[-1].requests_each,
    }


async def _timed(ground: Ground, size: int, drive: Callable[[Ground, str, int], Awaitable[float]]) -> Run:
    await ground.forget()
    before = await ground.server_requests()
    seconds = await drive(ground, ground.name(), size)
    return Run(size / seconds, await ground.server_requests() - before, size)


async def _raw(ground: Ground, name: str, size: int) -> float:
    """From the first start to the last receipt."""
    ids = [f"raw-{name}-{number}" for number in range(size)]
    client = ground.temporal

    async def start(id: str) -> None:
        await client.start_workflow(RawWorkflow.run, id, id=id, task_queue=QUEUE)

    async def fire(id: str) -> None:
        await client.get_workflow_handle(id).signal(RawWorkflow.fire, id)

    async with raw_worker(ground):
        began = time.perf_counter()
        await each(ids, start, at_once=CALLS_AT_ONCE)
        await each(ids, fire, at_once=CALLS_AT_ONCE)
        await ground.until_arrived(size)
        took = time.perf_counter() - began
        await client.get_workflow_handle(ids[-1]).result()
    return took


async def _journeys(ground: Ground, name: str, size: int) -> float:
    """From the first event posted to the last receipt; every journey has begun to wait before it is fired."""
    users = [f"{name}-{number}" for number in range(size)]
    await ground.make_customers(users)
    begun, done = await ground.pool.fetchval(BEGUN), await ground.pool.fetchval(DONE)
    began = time.perf_counter()
    await ground.post_batches([_event("Bench Started", user, name) for user in users])
    await ground.until(BEGUN, begun + size)
    await ground.post_batches([_event("Bench Fired", user, name) for user in users])
    await ground.until_arrived(size)
    took = time.perf_counter() - began
    await ground.until(DONE, done + size)
    return took


def _event(name: str, user: str, run: str) -> dict[str, Any]:
    return {
        "type": "track",
        "event": name,
        "userId": user,
        "messageId": f"{name}-{user}",
        "properties": {"run": run, "text": user},
    }
