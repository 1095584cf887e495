"""The shipped scenarios through the whole product, on Temporal's time-skipping server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from language.simulator import compare
from scripts.directory import read_directories
from store.database import Database
from tests.world import VirtualTemporal, virtual_temporal, world_in

JOURNEYS = Path(__file__).parents[2] / "journeys"
LIBRARY = read_directories([JOURNEYS])


@pytest.fixture(scope="module")
async def temporal() -> AsyncIterator[VirtualTemporal]:
    async with virtual_temporal() as found:
        yield found


@pytest.mark.parametrize("file", LIBRARY.scenarios, ids=lambda file: Path(file).stem)
async def test_scenario_holds_on_temporal(file: str, db: Database, temporal: VirtualTemporal) -> None:
    scenario = LIBRARY.scenarios[file]
    async with world_in(db, temporal) as world:
        await world.publish(LIBRARY, scenario.journey)
        happenings = await world.play(scenario)
    assert compare(scenario, happenings) == []
