"""The simulator and the whole product agree on generated journeys. Thousands: `scripts/fuzz`."""

from random import Random

from store.database import Database
from tests.fuzz.agreement import faults_on
from tests.fuzz.writer import Writer
from tests.world import virtual_temporal, world_in

SEEDS = range(40)


async def test_the_simulator_and_the_product_agree(db: Database) -> None:
    played = 0
    async with virtual_temporal() as temporal, world_in(db, temporal) as world:
        for seed in SEEDS:
            writing = Writer(Random(seed)).write()
            if (faults := await faults_on(world, writing)) is not None:
                played += 1
                assert faults == [], f"seed {seed}\n{writing}"
    assert played > len(SEEDS) / 2
