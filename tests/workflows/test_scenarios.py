"""How much a shipped scenario costs. That all hold is seen to by the plugin, which plays them as tests of their own."""

from pathlib import Path

from harness.play import play
from harness.reading import read
from store.database import Database
from tests.workflows.replaying import histories_of
from tests.world import VirtualTemporal, world_in

JOURNEYS = Path(__file__).parents[2] / "journeys"
LIBRARY = read(JOURNEYS)


async def test_an_activation_leaves_fewer_than_forty_events(db: Database, temporal: VirtualTemporal) -> None:
    """Two mails, two waits, two events; five messages over 37 days leave twice as many."""
    async with world_in(db, temporal) as world:
        await play(world, LIBRARY, LIBRARY.scenarios[str(JOURNEYS / "scenarios" / "activation_at_once.yaml")])
        [history] = await histories_of(world)
        assert len(await world.sent()) == 2
    assert len(history.events) < 40
