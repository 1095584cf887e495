"""Invariant 9: nothing that a customer told us is readable in Temporal, in logs or in the texts of errors."""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson
from temporalio.client import Client, WorkflowHandle

from harness.patience import eventually
from language.library import read_library
from store.database import Database
from tests.world import DemoTemporal, World, demo_temporal, world_in

PHONE, EMAIL, USER = "+15005557319", "canary-mail@example.com", "canary-user"
TRAITS = {
    "phone": PHONE,
    "email": EMAIL,
    "first_name": "canary-name",
    "address": {"street": "canary-street"},
    "plan": "canary-plan",
}
KEY = "test:" + base64.b64encode(b"k" * 32).decode()
CANARIES = ("canary", PHONE, PHONE[1:])
LIBRARY = read_library(
    {
        "told.yaml": """
journey: told
title: Told
key: event.flat
start: {on: Begun}
exit: {on: Bought}
steps:
  - set: {greeting: "'hello ' + profile.first_name"}
  - {send: hello, via: [email, sms], with: {street: profile.address.street}}
  - wait_for:
      - on: Answered
        where: event.word.endsWith("-answer") && profile.plan.endsWith("-plan")
    within: 20d
  - branch:
      - when: steps.wait_for_answered.event.word.endsWith("-answer")
        do: [{id: reminder, send: hello, via: sms, with: {street: "'home'"}}]
  - wait: 20d
""",
        "messages/hello.yaml": """
message: hello
class: transactional
sms: Hello {{ profile.first_name }} in {{ street }}
email: {subject: "Hello {{ profile.first_name }}", body: "{{ profile.greeting }}"}
""",
    }
)


@pytest.fixture(scope="module")
async def temporal(temporal_address: str) -> DemoTemporal:
    return await demo_temporal(temporal_address, keys=[KEY])


@pytest.fixture
async def world(db: Database, temporal: DemoTemporal) -> AsyncIterator[World]:
    async with world_in(db, temporal) as world:
        await world.publish(LIBRARY)
        yield world


async def play(world: World) -> WorkflowHandle[Any, Any]:
    """A run through every kind of step, with providers that quote what they are sent when they refuse it."""
    quoted = f"{EMAIL} or {PHONE} of canary-name is not valid"
    world.provider.refuse(400, {"code": 21211, "message": quoted, "errors": [{"message": quoted}]})
    world.provider.fail("unavailable")
    await world.identify(TRAITS, user=USER)
    await world.track("Begun", {"flat": "canary-flat", "word": "canary-start"}, user=USER)
    await eventually(lambda: counts(world, 2))
    await world.track("Answered", {"flat": "canary-flat", "word": "canary-answer"}, user=USER)
    await eventually(lambda: counts(world, 3))
    [enrolment] = await world.enrolments()
    return world.handle("told", enrolment["id"])


async def counts(world: World, messages: int) -> bool:
    decided = "SELECT count(*) FROM messages WHERE status IN ('sent', 'undeliverable', 'failed')"
    return bool(await world.db.pool.fetchval(decided) == messages)


def leaks(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


async def test_nothing_is_readable_in_temporal_without_the_keys(world: World, temporal_address: str) -> None:
    handle = await play(world)
    stranger = (await Client.connect(temporal_address)).get_workflow_handle(handle.id)
    history = await stranger.fetch_history()
    described = await stranger.describe()
    raw = b"".join(event.SerializeToString() for event in history.events)
    raw += described.raw_description.SerializeToString()
    assert leaks(raw.decode(errors="replace")) == []
    assert leaks(history.to_json() + MessageToJson(described.raw_description)) == []
    start = history.events[0].workflow_execution_started_event_attributes.input.payloads
    assert leaks(str(await world.temporal.client.data_converter.decode(start))) != [], "with them it is"


async def test_what_people_read_in_temporal_tells_no_personal_data(world: World) -> None:
    handle = await play(world)
    description = await handle.describe()
    summaries = [await description.static_summary(), await description.static_details()]
    converter = world.temporal.client.data_converter
    async for event in handle.fetch_history_events():
        if event.user_metadata.HasField("summary"):
            summaries += await converter.decode([event.user_metadata.summary])
    details = str(await handle.query("__temporal_workflow_metadata"))
    assert len(summaries) > 8
    assert "send EMAIL, SMS hello" in details
    assert leaks(handle.id + str(summaries) + details) == []
    assert leaks(str(description.typed_search_attributes) + str(await description.memo())) == []


async def test_failures_tell_no_personal_data(world: World) -> None:
    world.provider.fail("error_after_accept", 8)
    await world.identify(TRAITS, user=USER)
    await world.track("Begun", {"flat": "canary-flat"}, user=USER)
    await eventually(lambda: counts_claimed(world))
    [enrolment] = await world.enrolments()
    handle = world.handle("told", enrolment["id"])
    failures: list[str] = []
    async with asyncio.timeout(20):
        while not failures:
            failures = await pending_failures(world, handle)
    assert leaks(str(failures)) == []


async def counts_claimed(world: World) -> bool:
    return bool(await world.db.pool.fetchval("SELECT count(*) > 0 FROM messages WHERE status = 'claimed'"))


async def pending_failures(world: World, handle: WorkflowHandle[Any, Any]) -> list[str]:
    """What stands in Temporal about attempts that failed, decoded."""
    converter, found = world.temporal.client.data_converter, []
    for activity in (await handle.describe()).raw_description.pending_activities:
        if activity.HasField("last_failure"):
            error = await converter.decode_failure(activity.last_failure)
            found.append(f"{error!r} {error} {error.__cause__}")
    return found


async def test_logs_tell_no_personal_data(
    world: World, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    logging.getLogger("temporalio").setLevel(logging.DEBUG)
    try:
        await play(world)
    finally:
        logging.getLogger("temporalio").setLevel(logging.NOTSET)
    written = capfd.readouterr()
    assert leaks(written.out + written.err + caplog.text) == []
