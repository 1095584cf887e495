"""Stop, pause, resume and skip hold from the commit on, travel as deliveries, and work while Temporal is away."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import Client

from harness.patience import eventually
from runtime.temporal import data_converter
from store import commands
from store.progress import write_progress
from tests.relaying import Cable, Scene
from tests.rows import AT, deliver, enrolment_row, progress


async def test_a_stop_while_temporal_is_away_holds_at_once_and_arrives_later(
    scene: Scene, temporal_address: str
) -> None:
    cable = Cable(temporal_address)
    await cable.plug()
    client = await Client.connect(cable.address, data_converter=data_converter(), lazy=True)
    enrolment_id = await scene.enrol()
    async with scene.relay(scene.journeys(client, call_timeout=1.0)) as relay:
        await scene.all_relayed()
        await cable.cut()
        await commands.command(scene.db, lambda: AT, enrolment_id, "stop")
        scene.bell.wake()
        await eventually(lambda: asyncio.sleep(0, relay.is_away))
        standing = await write_progress(scene.db.pool, progress(enrolment_id, 1))
        assert standing.enrolment
        assert (standing.enrolment.state, standing.is_behind) == ("ending", True)
        await cable.plug()
        assert await scene.handle(enrolment_id).result() == "ended"
    await cable.cut()


async def test_events_and_commands_at_once_share_one_gapless_order(scene: Scene) -> None:
    enrolment_id = await scene.enrol()

    async def pause_and_resume() -> None:
        for _ in range(5):
            await commands.command(scene.db, lambda: AT, enrolment_id, "pause")
            await commands.command(scene.db, lambda: AT, enrolment_id, "resume")

    async def ingest() -> None:
        for _ in range(20):
            await deliver(scene.db, enrolment_id)

    async with scene.relay():
        await asyncio.gather(pause_and_resume(), ingest())
        await scene.all_relayed()
    assert await scene.seqs(enrolment_id) == list(range(1, 32))


async def test_of_many_stops_at_once_one_counts(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    stops = [commands.command(scene.db, lambda: AT + timedelta(hours=1), enrolment_id, "stop") for _ in range(8)]
    results = await asyncio.gather(*stops, return_exceptions=True)
    assert sum(isinstance(one, commands.AlreadyEndedError) for one in results) == 7
    assert (await enrolment_row(scene.db, enrolment_id))["last_seq"] == 2


async def test_no_command_reopens_what_has_ended(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    await write_progress(scene.db.pool, progress(enrolment_id, 1, ended_as="completed"))
    for name in ("stop", "pause", "resume", "skip_wait"):
        with pytest.raises(commands.AlreadyEndedError):
            await commands.command(scene.db, lambda: AT, enrolment_id, name)
    row = await enrolment_row(scene.db, enrolment_id)
    assert (row["outcome"], row["paused_at"], row["last_seq"]) == ("completed", None, 1)
