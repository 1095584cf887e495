"""Sends queue in lanes, with a limit that the server keeps: nothing overtakes its better, and nobody is sent what is no
longer for them."""

from collections.abc import AsyncIterator
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from harness.patience import eventually
from language.library import Library, read_library
from store.database import Database
from tests.world import World, demo_temporal, world_in
from workflows.lanes import JOURNEYS

HEAD = "title: T\nstart: {{on: {on}}}\nexit: {{on: Left, outcome: left}}\nsteps: [{{send: {message}}}]\n"
TOPIC = "topic: news\n"
CLASSES = {"code": "transactional", "notice": "service", "offer": "promotional"}
LANE = "send-sms"
PER_SECOND = 2


def library() -> Library:
    files = {}
    for message, name in CLASSES.items():
        files[f"{message}s.yaml"] = f"journey: {message}s\n" + HEAD.format(on=f"Wants {message}", message=message)
        topic = TOPIC if name == "promotional" else ""
        files[f"messages/{message}.yaml"] = f"message: {message}\nclass: {name}\n{topic}sms: A {message}\n"
    found = read_library(files)
    assert not found.errors, found.errors
    return found


@pytest.fixture
async def world(db: Database, temporal_address: str) -> AsyncIterator[World]:
    async with world_in(db, await demo_temporal(temporal_address), per_second={LANE: PER_SECOND}) as world:
        await world.publish(library())
        for number in range(9):
            await world.identify({"phone": f"+551198765432{number}"}, user=f"u{number}")
        yield world


async def sent(world: World) -> list[dict[str, Any]]:
    rows = await world.db.pool.fetch("SELECT message, sent_at FROM messages WHERE sent_at IS NOT NULL ORDER BY sent_at")
    return [dict(row) for row in rows]


async def has_queued(world: World, count: int) -> bool:
    """Whether so many have entered their step: a promotional message says so before it queues."""
    query = "SELECT count(*) >= $1 FROM enrolments WHERE journey = 'offers' AND step IS NOT NULL"
    return bool(await world.db.pool.fetchval(query, count))


async def test_a_queue_keeps_its_pace_and_its_order_and_forgets_who_has_left(world: World) -> None:
    for number in range(7):
        await world.track("Wants offer", user=f"u{number}")
    await eventually(lambda: has_queued(world, 7))
    await world.track("Left", user="u6")
    await world.track("Wants code", user="u7")
    await world.track("Wants notice", user="u8")
    await world.settle()

    messages = await sent(world)
    order = [message["message"] for message in messages]
    assert sorted(order) == ["code", "notice", *["offer"] * 6], "who left got nothing, all others one each"
    assert order.index("code") < order.index("notice") < len(order) - 1, "each before the last offer"
    paced = [message["sent_at"] for message in messages if message["message"] != "code"]
    assert span(paced) >= (len(paced) - 1 - 2) / PER_SECOND, "two may begin at once"
    outcomes = await world.db.pool.fetch("SELECT outcome, state FROM enrolments WHERE outcome = 'left'")
    assert [tuple(row) for row in outcomes] == [("left", "ended")]


def span(moments: list[datetime]) -> float:
    assert all(earlier <= later for earlier, later in pairwise(moments))
    return (moments[-1] - moments[0]).total_seconds()


async def test_each_send_is_on_its_lane_at_its_place(world: World) -> None:
    lanes = {}
    for message in CLASSES:
        await world.track(f"Wants {message}", user="u1")
    await world.settle()
    for enrolment in await world.enrolments():
        handle = world.handle(enrolment["journey"], enrolment["id"])
        events = (await handle.fetch_history()).events
        started = events[0].workflow_execution_started_event_attributes
        [sends] = [it for event in events if (it := event.activity_task_scheduled_event_attributes).activity_id]
        assert started.task_queue.name == JOURNEYS
        place = started.priority.priority_key, sends.priority.priority_key
        lanes[enrolment["journey"]] = (sends.task_queue.name, *place)
    assert lanes == {
        "codes": ("send-transactional", 1, 1),
        "notices": ("send-sms", 3, 3),
        "offers": ("send-sms", 5, 5),
    }
