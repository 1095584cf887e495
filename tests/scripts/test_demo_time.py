"""A scenario of 37 days through the embedded stack in demo time, events sent by Segment's SDK."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from harness.reading import read
from runtime.stack import EmbeddedStack
from scripts.player import Player, Reader, events_of, speed_for

JOURNEYS = Path(__file__).parents[2] / "journeys"


@pytest.mark.timeout(600)
async def test_37_days_go_as_in_the_simulator() -> None:
    library = read(JOURNEYS)
    scenario = library.scenarios[str(JOURNEYS / "scenarios" / "activation_takes_37_days.yaml")]
    with tempfile.TemporaryDirectory(prefix="sojourn-demo-time-", ignore_cleanup_errors=True) as directory:
        stack = EmbeddedStack(
            Path(directory) / "data",
            port=0,
            temporal_port=0,
            ui_port=None,
            speed=speed_for(scenario),
            journeys=JOURNEYS,
        )
        async with stack:
            reader, events = Reader(stack.api_url, stack.api_key), events_of(stack.api_url, stack.write_key)
            try:
                played = await Player(reader, events, await reader.pace()).play(scenario, "ana")
            finally:
                await asyncio.to_thread(events.join)
                await reader.close()
    assert played.faults == ()
    assert len(played.sent) == 5
