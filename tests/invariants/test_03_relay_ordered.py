"""Deliveries reach their workflow in order, without a gap, at least once, whoever relays and dies meanwhile."""

import asyncio
import random

from store.outbox import Outbox
from tests.relaying import Scene
from tests.rows import deliver
from workflows.client import JourneyClient
from workflows.payload import Deliveries


def accepted(seqs: list[int]) -> list[int]:
    """What a workflow takes of what it was sent: only ever the next one."""
    taken: list[int] = []
    for seq in seqs:
        if seq == len(taken) + 1:
            taken.append(seq)
    return taken


class Watched(JourneyClient):
    """Counts the signals under way."""

    under_way = 0
    most = 0

    async def deliver(self, journey: str, enrolment_id: int, deliveries: Deliveries) -> bool:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.01)
        try:
            return await super().deliver(journey, enrolment_id, deliveries)
        finally:
            self.under_way -= 1


async def test_relays_that_come_and_go_lose_and_reorder_nothing(scene: Scene) -> None:
    ids = [await scene.enrol() for _ in range(6)]
    chance = random.Random(3)

    async def ingest(enrolment_id: int) -> None:
        for _ in range(30):
            await deliver(scene.db, enrolment_id)
            scene.bell.wake()
            await asyncio.sleep(chance.uniform(0, 0.02))

    async def relays_that_die() -> None:
        for _ in range(6):
            async with scene.relay(), scene.relay():
                await asyncio.sleep(0.1)
            # A lease whose owner is gone before it sent anything, and marks that were never written.
            await Outbox(scene.db).lease(2)
            await scene.db.pool.execute("UPDATE deliveries SET relayed_at = NULL WHERE seq % 3 = 0")
            await scene.db.pool.execute("UPDATE deliveries SET relay_until = NULL")

    await asyncio.gather(relays_that_die(), *map(ingest, ids))
    async with scene.relay():
        await scene.all_relayed()
    for enrolment_id in ids:
        seqs = await scene.seqs(enrolment_id)
        assert set(seqs) == set(range(1, 32))
        fresh = [seq for place, seq in enumerate(seqs) if seq not in seqs[:place]]
        assert fresh == accepted(seqs) == list(range(1, 32))


async def test_never_two_signals_under_way_for_one_enrolment(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    client = Watched(scene.client, task_queue=scene.journey)
    async with scene.relay(client), scene.relay(client), scene.relay(client):
        for _ in range(60):
            await deliver(scene.db, enrolment_id)
            scene.bell.wake()
        await scene.all_relayed()
    assert client.most == 1
    assert accepted(await scene.seqs(enrolment_id)) == list(range(1, 62))
