"""Journeys in flight must survive every change: what runs of today did, tomorrow's code must be able to do again.

`tests/histories` holds histories of real runs, one or more of each play in `plays.py`. To record them anew:

    SOJOURN_RECORD=1 scripts/test tests/workflows/test_replay.py -k fresh

Do that only when no run like the recorded ones can be open any more; otherwise keep the old ones and record beside
them.
"""

import os
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory

from store.database import Database
from tests.workflows.plays import PLAYS, Play, continued, that_suggests_early
from tests.workflows.replaying import check, histories_of
from tests.world import World, demo_temporal, world_in

HISTORIES = Path(__file__).parents[1] / "histories"
RECORDS = bool(os.environ.get("SOJOURN_RECORD"))


async def check_fresh(world: World, name: str) -> list[WorkflowHistory]:
    histories = await histories_of(world)
    await check((name, history) for history in histories)
    if RECORDS:
        for number, history in enumerate(histories, 1):
            (HISTORIES / f"{name}_{number}.json").write_text(history.to_json())
    return histories


@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS)
async def test_fresh_histories_replay(world: World, play: Play) -> None:
    await play(world)
    assert await check_fresh(world, play.__name__)


async def test_a_fresh_continuation_replays(db: Database) -> None:
    async with that_suggests_early() as address, world_in(db, await demo_temporal(address)) as world:
        await continued(world)
        assert len(await check_fresh(world, "continued")) > 1
        assert await world.sent() == [("hello", "sms"), ("bye", "sms")]


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*.json")), ids=lambda path: path.stem)
async def test_recorded_histories_replay(path: Path) -> None:
    history = WorkflowHistory.from_json("journey/recorded/1", path.read_text())
    await check([(f"tests/histories/{path.name}", history)])


def test_every_play_is_recorded() -> None:
    recorded = {path.stem.rsplit("_", 1)[0] for path in HISTORIES.glob("*.json")}
    assert recorded == {*PLAYS, "continued"}
