"""The short form of `scripts/chaos`: a relay and a worker die at the two most delicate points."""

import asyncio
import json
from pathlib import Path

import pytest

from scripts.crash.fault import Fault, at_point
from scripts.crash.ground import Ground, ground
from scripts.crash.judge import judge
from scripts.crash.run import play
from scripts.crash.storm_report import keep

POINTS = (at_point("api", "relay.signalled", times=1, spread=4), at_point("worker", "worker.called", times=1, spread=4))


async def _arm(place: Ground) -> None:
    await asyncio.gather(*(point.arm(place) for point in POINTS if point.arm))


async def _strike(place: Ground, over: float) -> None:
    await asyncio.gather(*(point.strike(place, over) for point in POINTS))


@pytest.mark.timeout(600)
async def test_a_relay_and_a_worker_that_die_lose_and_double_nothing(tmp_path: Path) -> None:
    async with ground(seed=1, say=lambda line: None) as place:
        run = await play(place, Fault("two points", _strike, _arm), size=16, over=2)
        verdict = await judge(place, run)
        kept = json.loads(((await keep(place, run, verdict, tmp_path)) / "run.json").read_text())
    assert verdict.complaints == []
    assert run.kills == {"relay": 1, "worker": 1}
    assert len(kept["ledger"]) == verdict.sent
    assert {heard["status"] for heard in kept["heard"]} >= {"delivered", "processed", "completed", "no-answer"}
    assert verdict.due <= verdict.sent <= verdict.due_at_most
