"""The shipped scenarios through the whole product, on Temporal's time-skipping server."""

from pathlib import Path

import pytest

from language.comparison import compare
from scripts.directory import read_directories
from store.database import Database
from tests.workflows.replaying import check, histories_of
from tests.world import VirtualTemporal, world_in

JOURNEYS = Path(__file__).parents[2] / "journeys"
LIBRARY = read_directories([JOURNEYS])


@pytest.mark.parametrize("file", LIBRARY.scenarios, ids=lambda file: Path(file).stem)
async def test_scenario_holds_on_temporal(file: str, db: Database, temporal: VirtualTemporal) -> None:
    scenario = LIBRARY.scenarios[file]
    async with world_in(db, temporal) as world:
        await world.publish(LIBRARY, scenario.journey)
        happenings = await world.play(scenario)
        histories = await histories_of(world)
        await check((Path(file).stem, history) for history in histories)
    assert compare(scenario, happenings) == []


async def test_an_activation_leaves_fewer_than_forty_events(db: Database, temporal: VirtualTemporal) -> None:
    """Two mails, two waits, two events; five messages over 37 days leave twice as many."""
    async with world_in(db, temporal) as world:
        await world.publish(LIBRARY, "account_activation")
        await world.play(LIBRARY.scenarios[str(JOURNEYS / "scenarios" / "activation_at_once.yaml")])
        [history] = await histories_of(world)
        assert len(await world.sent()) == 2
    assert len(history.events) < 40
