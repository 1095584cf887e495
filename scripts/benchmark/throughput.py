"""Journeys per second through the whole product, against bare workflows of the same shape, in turns on one server.

Both kinds are driven alike: all starts as fast as they are taken; when Temporal has them all, all second events; until
the sink has the last message. Nobody waits for a workflow to have begun.
"""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from scripts.benchmark.ground import Ground, each, raw_worker
from scripts.benchmark.raw_workflow import QUEUE, RawWorkflow

CALLS_AT_ONCE = 32
SETTLE = 1.0
"""Seconds until the last workflows have closed too, so that a run's requests and CPU are counted whole."""

BEGUN = "SELECT count(*) FROM enrolments WHERE journey = 'bench' AND step IS NOT NULL"
DONE = "SELECT count(*) FROM enrolments WHERE journey = 'bench' AND state = 'ended'"

Drive = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Run:
    """Journeys per second, what the server was asked and each process worked for them, and the CPUs others used."""

    per_s: float
    requests: Counter[str]
    cpu_ms: Counter[str]
    others: float
    size: int

    @property
    def requests_each(self) -> dict[str, float]:
        return _each(self.requests, self.size)

    @property
    def cpu_ms_each(self) -> dict[str, float]:
        return _each(self.cpu_ms, self.size) | {"all": round(self.cpu_ms.total() / self.size, 2)}

    def __str__(self) -> str:
        return f"{self.per_s:.1f}/s for {self.cpu_ms_each['all']:.0f} ms of CPU each, beside {self.others}"


def _each(counts: Counter[str], size: int) -> dict[str, float]:
    return {name: round(count / size, 2) for name, count in sorted(counts.items()) if count}


async def measure(ground: Ground, *, size: int, runs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """`runs` pairs, each kind in turns; medians."""
    raws, journeys = [], []
    for number in range(runs):
        raws.append(await _timed(ground, size, _raw))
        journeys.append(await _timed(ground, size, _journeys))
        say(f"pair {number + 1} of {runs}: raw {raws[-1]} · journeys {journeys[-1]}")
    raw, whole = (statistics.median(run.per_s for run in kind) for kind in (raws, journeys))
    return {
        "raw_per_s": round(raw, 1),
        "journeys_per_s": round(whole, 1),
        "ratio": round(whole / raw, 3),
        "ratio_by_pair": [round(j.per_s / r.per_s, 3) for r, j in zip(raws, journeys, strict=True)],
        "cpus_of_others": round(statistics.mean(run.others for run in (*raws, *journeys)), 2),
        "raw_requests_each": raws[-1].requests_each,
        "journey_requests_each": journeys[-1].requests_each,
        "raw_cpu_ms_each": raws[-1].cpu_ms_each,
        "journey_cpu_ms_each": journeys[-1].cpu_ms_each,
    }


async def _timed(
    ground: Ground, size: int, kind: Callable[[Ground, str, int], AbstractAsyncContextManager[Drive]]
) -> Run:
    await ground.forget()
    async with kind(ground, ground.name(), size) as drive:
        requests, cpu_ms = await ground.server_requests(), ground.cpu()
        others = ground.watch_others()
        began = time.perf_counter()
        await drive()
        took = time.perf_counter() - began
        cpus_of_others = others()
        await asyncio.sleep(SETTLE)
        asked, worked = await ground.server_requests() - requests, ground.cpu() - cpu_ms
        return Run(size / took, asked, worked, cpus_of_others, size)


@asynccontextmanager
async def _raw(ground: Ground, name: str, size: int) -> AsyncIterator[Drive]:
    ids = [f"raw-{name}-{number}" for number in range(size)]
    client = ground.temporal

    async def start(id: str) -> None:
        await client.start_workflow(RawWorkflow.run, id, id=id, task_queue=QUEUE)

    async def fire(id: str) -> None:
        await client.get_workflow_handle(id).signal(RawWorkflow.fire, id)

    async def drive() -> None:
        await each(ids, start, at_once=CALLS_AT_ONCE)
        await each(ids, fire, at_once=CALLS_AT_ONCE)
        await ground.until_arrived(size)

    async with raw_worker(ground):
        yield drive


@asynccontextmanager
async def _journeys(ground: Ground, name: str, size: int) -> AsyncIterator[Drive]:
    users = [f"{name}-{number}" for number in range(size)]
    await ground.make_customers(users)
    done = await ground.pool.fetchval(DONE)

    async def drive() -> None:
        await ground.post_batches([track("Bench Started", user, name) for user in users])
        await ground.until_relayed()
        await ground.post_batches([track("Bench Fired", user, name) for user in users])
        await ground.until_arrived(size)

    yield drive
    await ground.until(DONE, done + size)


def track(name: str, user: str, run: str) -> dict[str, Any]:
    """An event of the benchmark's journeys; the message that it leads to reads like the user's name."""
    return {
        "type": "track",
        "event": name,
        "userId": user,
        "messageId": f"{name}-{user}",
        "properties": {"run": run, "text": user},
    }
