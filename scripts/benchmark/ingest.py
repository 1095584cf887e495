"""Events per second that concern no journey: stored and answered, one API process."""

import time
from collections.abc import Callable
from typing import Any

from scripts.benchmark.ground import Ground, each

CUSTOMERS = 2_000


async def measure(ground: Ground, *, batched: int, single: int, say: Callable[[str], None]) -> dict[str, Any]:
    name = ground.name()
    batches_per_s = await _batches(ground, f"{name}-b", batched)
    say(f"batches of 100: {batches_per_s:,.0f} events/s")
    single_per_s = await _singles(ground, f"{name}-s", single)
    say(f"single track calls: {single_per_s:,.0f}/s")
    return {"ingest_per_s": round(batches_per_s), "track_per_s": round(single_per_s)}


async def _batches(ground: Ground, name: str, size: int) -> float:
    events = [_event(name, number) for number in range(size)]
    stored = await ground.pool.fetchval("SELECT count(*) FROM events")
    began = time.perf_counter()
    await ground.post_batches(events, at_once=8)
    took = time.perf_counter() - began
    assert await ground.pool.fetchval("SELECT count(*) FROM events") == stored + size
    return size / took


async def _singles(ground: Ground, name: str, size: int) -> float:
    events = [_event(name, number) for number in range(size)]
    began = time.perf_counter()
    await each(events, ground.post_track, at_once=32)
    return size / (time.perf_counter() - began)


def _event(name: str, number: int) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Page Looked At",
        "userId": f"{name}-{number % CUSTOMERS}",
        "messageId": f"{name}-{number}",
        "properties": {"path": "/flats/42", "referrer": "https://example.com/", "price": 12_500_000, "rooms": 2},
        "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
    }
