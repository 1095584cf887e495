import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from harness.patience import eventually
from runtime.temporal import data_converter
from tests.relaying import Cable, Scene
from tests.rows import deliver


@pytest.fixture
async def cable(temporal_address: str) -> AsyncIterator[Cable]:
    cable = Cable(temporal_address)
    await cable.plug()
    yield cable
    await cable.cut()


async def behind(cable: Cable) -> Client:
    return await Client.connect(cable.address, data_converter=data_converter(), lazy=True)


async def test_a_start_carries_all_that_waits_and_later_ones_are_signalled(scene: Scene) -> None:
    enrolment_id = await scene.enrol(key="flat-7")
    await deliver(scene.db, enrolment_id)
    async with scene.relay():
        await scene.all_relayed()
        await deliver(scene.db, enrolment_id)
        await deliver(scene.db, enrolment_id)
        scene.bell.wake()
        await scene.all_relayed()
    assert (await scene.batches(enrolment_id))[0] == [1, 2]
    assert await scene.seqs(enrolment_id) == [1, 2, 3, 4]
    start = await scene.handle(enrolment_id).query("started_with")
    assert (start["title"], start["key"], start["start"]) == ("Apartment reservation", "flat-7", {"flat": 7})


async def test_support_staff_can_read_what_a_workflow_is_about(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    async with scene.relay():
        await scene.all_relayed()
    found = await scene.handle(enrolment_id).describe()
    assert await found.static_summary() == "Apartment reservation · customer 1"
    attributes = {pair.key.name: pair.value for pair in found.typed_search_attributes}
    assert attributes["SojournCustomer"] == "1"
    assert attributes["SojournJourney"] == scene.journey


async def test_a_wake_makes_it_a_matter_of_milliseconds(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    async with scene.relay(poll=30.0):
        await scene.all_relayed()
        taken = []
        for _ in range(5):
            began = time.monotonic()
            await deliver(scene.db, enrolment_id)
            scene.bell.wake()
            await scene.all_relayed()
            taken.append(time.monotonic() - began)
    assert sorted(taken)[2] < 0.25


async def test_without_a_wake_polling_finds_it(scene: Scene) -> None:
    async with scene.relay():
        await asyncio.sleep(0.1)
        enrolment_id = await scene.enrol()
        await scene.all_relayed()
    assert await scene.batches(enrolment_id) == [[1]]


async def test_what_comes_during_a_call_is_not_left_waiting(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    async with scene.relay(poll=30.0):
        for _ in range(20):
            await deliver(scene.db, enrolment_id)
            scene.bell.wake()
            await asyncio.sleep(0.003)
        await scene.all_relayed()
    assert await scene.seqs(enrolment_id) == list(range(1, 22))


async def test_a_relay_that_died_before_marking_only_repeats_itself(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    async with scene.relay():
        await scene.all_relayed()
    await scene.db.pool.execute("UPDATE deliveries SET relayed_at = NULL")
    await deliver(scene.db, enrolment_id)
    async with scene.relay():
        await scene.all_relayed()
    assert await scene.batches(enrolment_id) == [[1], [1, 2]]


async def test_deliveries_wait_while_temporal_is_away_and_drain_when_it_is_back(scene: Scene, cable: Cable) -> None:
    ids = [await scene.enrol() for _ in range(5)]
    client = scene.journeys(await behind(cable), call_timeout=1.0)
    async with scene.relay(client) as relay:
        await scene.all_relayed()
        await cable.cut()
        for enrolment_id in ids:
            await deliver(scene.db, enrolment_id)
        await eventually(lambda: asyncio.sleep(0, relay.is_away))
        ids += [await scene.enrol() for _ in range(5)]
        assert await scene.waiting() == 10
        await cable.plug()
        await scene.all_relayed()
        assert not relay.is_away
    for enrolment_id in ids[:5]:
        assert sorted(set(await scene.seqs(enrolment_id))) == [1, 2]
    assert all([await scene.batches(enrolment_id) == [[1]] for enrolment_id in ids[5:]])


async def test_it_begins_while_temporal_has_never_been_there(scene: Scene, cable: Cable) -> None:
    enrolment_id = await scene.enrol()
    await cable.cut()
    client = scene.journeys(await behind(cable), call_timeout=1.0)
    async with scene.relay(client) as relay:
        await eventually(lambda: asyncio.sleep(0, relay.is_away))
        await cable.plug()
        await scene.all_relayed()
    assert await scene.batches(enrolment_id) == [[1]]


async def test_nobody_is_told_what_an_ended_enrolment_missed(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    async with scene.relay():
        await scene.all_relayed()
        await scene.handle(enrolment_id).terminate()
        await scene.db.pool.execute("UPDATE enrolments SET state = 'ended'")
        await deliver(scene.db, enrolment_id)
        await scene.reconciler().look()
        assert await scene.db.pool.fetchval("SELECT count(*) FROM deliveries") == 0


async def test_an_open_enrolment_without_a_workflow_is_left_to_the_reconciler(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    async with scene.relay():
        await scene.all_relayed()
        await scene.handle(enrolment_id).terminate()
        await deliver(scene.db, enrolment_id)
        scene.bell.wake()
        epoch = "SELECT checked_at = 'epoch' FROM enrolments"
        await eventually(lambda: scene.db.pool.fetchval(epoch))
    assert await scene.waiting() == 1


async def test_one_poisonous_enrolment_holds_up_nobody(scene: Scene) -> None:
    poisonous, healthy = await scene.enrol(), await scene.enrol()
    await scene.db.pool.execute("UPDATE enrolments SET version = 99 WHERE id = $1", poisonous)
    async with scene.relay():
        await eventually(lambda: is_one(scene))
    assert await scene.batches(healthy) == [[1]]
    query = "SELECT relay_until > now() + interval '50 s' FROM deliveries WHERE enrolment_id = $1"
    assert await scene.db.pool.fetchval(query, poisonous)


async def is_one(scene: Scene) -> bool:
    return await scene.waiting() == 1


async def test_stopping_finishes_what_is_under_way(scene: Scene) -> None:
    ids = [await scene.enrol() for _ in range(40)]
    async with scene.relay():
        await eventually(lambda: has_begun(scene))
    left = await scene.waiting()
    marked = await scene.db.pool.fetchval("SELECT count(*) FROM deliveries WHERE relayed_at IS NOT NULL")
    assert left + marked == len(ids)
    assert await scene.db.pool.fetchval("SELECT count(*) FROM deliveries WHERE relay_until IS NOT NULL") == 0


async def has_begun(scene: Scene) -> bool:
    return bool(await scene.db.pool.fetchval("SELECT count(*) FROM deliveries WHERE relay_until IS NOT NULL"))
