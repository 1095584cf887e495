"""Thousands of events to one enrolment, one a signal, during one long wait: none lost, none doubled.

`scripts/flood` sends twenty thousand.
"""

import asyncio
import itertools
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from language.delivery import Delivery, Fact
from language.library import read_library
from language.state import State
from store.database import Database
from store.versions import Versions
from tests.world import DemoTemporal, World, demo_temporal, virtual_temporal, world_in
from workflows.journey import MOST_EVENTS
from workflows.payload import Deliveries, StartEnrolment

LIBRARY = read_library(
    {
        "flooded.yaml": """
journey: flooded
title: Flooded
start: {on: Begun}
steps:
  - wait_for:
      - on: Ping
        where: event.number < 0
    within: 30d
  - stop: drained
"""
    }
)
MANY = int(os.environ.get("SOJOURN_FLOOD", "2000"))
UNDER_WAY = 60
"""Signals that the run has not acknowledged; more than 100 during one workflow task are too many for Temporal."""

COMMIT = """
WITH own AS (UPDATE enrolments SET last_seq = last_seq + cardinality($2::jsonb[]) WHERE id = $1 RETURNING id)
INSERT INTO deliveries (enrolment_id, seq, kind, payload, relayed_at)
SELECT own.id, (event ->> 'seq')::bigint, 'event', event, now() FROM own, unnest($2::jsonb[]) AS event
"""


@pytest.fixture(scope="module")
async def real(temporal_address: str) -> DemoTemporal:
    return await demo_temporal(temporal_address)


class Flood:
    """Commits and signals events, numbers 2 to `last`: each in a signal of its own, several signals at once."""

    def __init__(self, world: World, enrolment_id: int, last: int) -> None:
        self.world, self.enrolment_id, self.last = world, enrolment_id, last
        self._seen = 1

    async def run(self, *, at_once: int = 8) -> None:
        numbers = iter(range(2, self.last + 1))
        while page := [self._event(number) for number in itertools.islice(numbers, UNDER_WAY // 2)]:
            await self._until_seen(page[0].seq - UNDER_WAY // 2)
            payloads = [delivery.model_dump(mode="json") for delivery in page]
            await self.world.db.pool.execute(COMMIT, self.enrolment_id, payloads)
            waiting = iter(page)
            await asyncio.gather(*(self._signal(waiting) for _ in range(at_once)))
        await self._until_seen(self.last)

    def _event(self, number: int) -> Delivery:
        at = self.world.temporal.now()
        return Delivery(seq=number, kind="event", at=at, fact=Fact(name="Ping", properties={"number": number}, at=at))

    async def _signal(self, waiting: Iterator[Delivery]) -> None:
        for delivery in waiting:
            assert await self.world.client.deliver("flooded", self.enrolment_id, Deliveries(deliveries=(delivery,)))

    async def _until_seen(self, number: int) -> None:
        query = "SELECT seen_seq FROM enrolments WHERE id = $1"
        async with asyncio.timeout(60):
            while self._seen < number:
                self._seen = await self.world.db.pool.fetchval(query, self.enrolment_id)
                await asyncio.sleep(0.005)


async def begun(world: World) -> dict[str, Any]:
    await world.publish(LIBRARY)
    await world.track("Begun")
    await world.settle()
    [enrolment] = await world.enrolments()
    return enrolment


async def runs_of(world: World, enrolment: dict[str, Any]) -> list[list[Any]]:
    """The events of each run, following its continuations."""
    client, id = world.temporal.client, world.handle("flooded", enrolment["id"]).id
    runs, following = [], enrolment["run_id"]
    while following:
        handle = client.get_workflow_handle(id, run_id=following)
        runs.append([event async for event in handle.fetch_history_events()])
        following = runs[-1][-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return runs


def signals(runs: list[list[Any]]) -> int:
    return sum(event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED for run in runs for event in run)


def due_times(run: list[Any]) -> list[datetime]:
    """When the timers that a run started are due."""
    return [
        event.event_time.ToDatetime(UTC) + event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
        for event in run
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED
    ]


@pytest.mark.timeout(900)
async def test_none_is_lost_or_doubled_and_the_deadline_stays(db: Database, real: DemoTemporal) -> None:
    async with world_in(db, real) as world:
        enrolment = await begun(world)
        deadline = enrolment["started_at"] + timedelta(days=30)
        await Flood(world, enrolment["id"], last=MANY + 1).run()
        state = await world.handle("flooded", enrolment["id"]).query("progress")
        runs = await runs_of(world, enrolment)
    assert (state["seen_seq"], state["written_seq"], state["news"]) == (MANY + 1, MANY + 1, [])
    assert state["visits"] == {"wait_for_ping": 1}
    assert signals(runs) == MANY
    assert len(runs) > MANY // MOST_EVENTS
    for due in map(due_times, runs):
        assert len(due) == 1
        assert abs(due[0] - deadline) < timedelta(seconds=2)


async def test_the_wait_ends_at_its_first_deadline_in_a_later_run(db: Database) -> None:
    """The time-skipping server counts no events, so the run is continued here as it continues itself."""
    async with virtual_temporal() as virtual, world_in(db, virtual) as world:
        enrolment = await begun(world)
        await world.skip(days=29)
        handle = world.handle("flooded", enrolment["id"])
        state = State.model_validate(await handle.query("progress"))
        await handle.terminate()
        row = await Versions(db).get("flooded", 1)
        start = StartEnrolment(
            enrolment_id=enrolment["id"],
            customer_id=enrolment["customer_id"],
            journey="flooded",
            version=1,
            title="",
            digest=row.digest,
            definition=row.definition,
            key="",
            arm=None,
            start={},
            started_at=enrolment["started_at"],
            pace=virtual.pace,
            state=state,
            run_id=enrolment["run_id"],
        )
        await world.client.start(start, anew=True)
        await world.skip(days=1, seconds=10)
        await world.settle()
        [wait] = await db.pool.fetch("SELECT * FROM steps WHERE verb = 'wait_for'")
        [ended] = await world.enrolments()
    assert ended["outcome"] == "drained"
    assert wait["waits_until"] == wait["entered_at"] + timedelta(days=30)
    assert timedelta(0) <= wait["left_at"] - wait["waits_until"] < timedelta(seconds=1)
