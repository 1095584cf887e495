"""Sends queue in lanes, each at the place of its class."""

from collections.abc import AsyncIterator

import pytest

from language.library import Library, read_library
from store.database import Database
from tests.world import World, demo_temporal, world_in
from workflows.lanes import JOURNEYS

HEAD = "title: T\nstart: {{on: {on}}}\nexit: {{on: Left, outcome: left}}\nsteps: [{{send: {message}}}]\n"
TOPIC = "topic: news\n"
CLASSES = {"code": "transactional", "notice": "service", "offer": "promotional"}


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
    async with world_in(db, await demo_temporal(temporal_address)) as world:
        await world.publish(library())
        for number in range(9):
            await world.identify({"phone": f"+551198765432{number}"}, user=f"u{number}")
        yield world


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
