"""Invariant 10: journeys live by one clock, which is not the one on the wall."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from harness.patience import eventually
from language.clock import Pace
from language.library import read_library
from store.database import Database
from tests.world import DemoTemporal, World, demo_temporal, world_in

SPEED = 8640
"""Ten seconds are a day."""

BY_THE_WALL = {
    ("calls", "call_until"),
    ("calls", "replay_from"),
    ("calls", "replay_until"),
    ("deliveries", "relay_until"),
    ("deliveries", "relayed_at"),
    ("enrolments", "checked_at"),
    ("enrolments", "nudged_at"),
    ("messages", "call_until"),
}
LIBRARY = read_library(
    {
        "timed.yaml": """
journey: timed
title: Timed
start: {on: Begun}
goal: {on: Paid, ends: false}
steps:
  - {send: hello, via: sms}
  - wait_for: Clicked
    within: 12h
  - wait: {until: start.until}
  - {send: hello, via: email, id: again}
  - wait: 365d
""",
        "messages/hello.yaml": """
message: hello
class: transactional
sms: It is {{ now }}
email: {subject: hello, body: "It is {{ now }}"}
""",
    }
)


@pytest.fixture
async def temporal(temporal_address: str) -> DemoTemporal:
    """Its journeys are two years ahead of the wall."""
    temporal = await demo_temporal(temporal_address, speed=SPEED)
    temporal.pace = Pace(speed=SPEED, origin=datetime.now(UTC) - timedelta(hours=2))
    return temporal


@pytest.fixture
async def world(db: Database, temporal: DemoTemporal) -> AsyncIterator[World]:
    async with world_in(db, temporal) as world:
        await world.publish(LIBRARY)
        yield world


async def play(world: World) -> None:
    await world.identify({"phone": "+15005550001", "email": "ana@example.com"})
    await world.track("Begun", {"until": (world.now() + timedelta(hours=18)).isoformat()})
    await world.track("Paid")
    await eventually(lambda: has_sent(world, 2))
    enrolment = (await world.enrolments())[0]["id"]
    await world.command("pause", enrolment)
    await world.restart_dead()


async def has_sent(world: World, messages: int) -> bool:
    return len(await world.sent()) == messages


async def moments(world: World) -> list[tuple[str, str, datetime]]:
    """Every moment in the database: table, column, value."""
    columns = await world.db.pool.fetch(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'timestamp with time zone'"
    )
    found = []
    for table, column in columns:
        values = await world.db.pool.fetch(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")
        found += [(table, column, value[0]) for value in values]
    return found


async def test_every_moment_of_a_journey_is_by_the_journeys_clock(world: World) -> None:
    begins, wall = world.now() - timedelta(days=1), datetime.now(UTC) - timedelta(minutes=5)
    assert begins - wall > timedelta(days=700)
    await play(world)
    found = await moments(world)
    ends = world.now() + timedelta(days=400)
    strange = [(table, column, at) for table, column, at in found if (table, column) not in BY_THE_WALL]
    assert [one for one in strange if not begins <= one[2] <= ends] == []
    by_wall = [one for one in found if one[:2] in BY_THE_WALL]
    assert [one for one in by_wall if not wall <= one[2] <= datetime.now(UTC) + timedelta(minutes=5)] == []
    covered = {one[:2] for one in found}
    assert covered >= {
        ("customers", "first_seen_at"),
        ("enrolments", "goal_at"),
        ("enrolments", "paused_at"),
        ("enrolments", "started_at"),
        ("events", "received_at"),
        ("journey_versions", "published_at"),
        ("messages", "claimed_at"),
        ("messages", "sent_at"),
        ("steps", "entered_at"),
        ("steps", "left_at"),
        ("steps", "waits_until"),
    }


async def test_texts_tell_the_journeys_time(world: World) -> None:
    first = world.now().year
    await play(world)
    years = range(first, world.now().year + 1)
    assert datetime.now(UTC).year not in years
    assert all(any(str(year) in message.text for year in years) for message in world.provider.accepted)


async def test_a_later_attempt_judges_by_a_later_clock(world: World) -> None:
    """A second between two attempts is two and a half hours of the journey's time."""
    world.provider.fail("unavailable")
    await world.identify({"phone": "+15005550001", "email": "ana@example.com"})
    await world.track("Begun", {"until": (world.now() + timedelta(days=3)).isoformat()})
    await eventually(lambda: has_sent(world, 1))
    [message] = await world.db.pool.fetch("SELECT * FROM messages")
    [step] = await world.db.pool.fetch("SELECT * FROM steps WHERE verb = 'send'")
    assert message["attempt"] == 2
    assert message["sent_at"] - step["entered_at"] > timedelta(hours=2)
    assert world.now() > message["sent_at"]
