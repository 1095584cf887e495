"""Whether the simulator and the whole product, on PostgreSQL and Temporal, tell the same of a directory."""

from harness.agreement import disagreements
from harness.play import play
from harness.world import World
from language.simulator import Simulator
from tests.fuzz.writer import Writing

MOST_WAKES = 300
"""Timers of a scenario that is worth playing on Temporal."""


async def faults_on(world: World, writing: Writing) -> list[str] | None:
    """What only one of them tells, in words. None: the directory has errors, or would never come to rest."""
    if (read := writing.read()) is None:
        return None
    library, scenario = read
    simulated = await Simulator(library, scenario, most_wakes=MOST_WAKES).run()
    if any(happening.kind == "cut_short" for happening in simulated):
        return None
    played = await play(world, library, scenario)
    return [f"{mismatch.at}: {mismatch.what}" for mismatch in disagreements(simulated, played)]
