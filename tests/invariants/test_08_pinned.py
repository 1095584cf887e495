"""Invariant 8: who is inside goes on by the version that took them in, compiled once, with that version's messages."""

from collections.abc import AsyncIterator

import pytest

from language.library import Library, read_library
from language.program import LARGEST, program
from store.database import Database
from tests.world import VirtualTemporal, World, virtual_temporal, world_in

PHONE = "+15005550001"


@pytest.fixture(scope="module")
async def temporal() -> AsyncIterator[VirtualTemporal]:
    async with virtual_temporal() as found:
        yield found


@pytest.fixture
async def world(db: Database, temporal: VirtualTemporal) -> AsyncIterator[World]:
    async with world_in(db, temporal) as world:
        yield world


def journey(*, days: int, text: str, more: str = "") -> Library:
    return read_library(
        {
            "pinned.yaml": f"journey: pinned\ntitle: Pinned\nstart: {{on: Begun}}\nagain: always\n{more}\nsteps:\n"
            f"  - wait: {days}d\n  - {{send: hello, via: sms}}\n",
            "messages/hello.yaml": f"message: hello\nclass: transactional\nsms: {text}\n",
        }
    )


async def bodies(world: World) -> list[tuple[str, str]]:
    rows = await world.db.pool.fetch(
        "SELECT value AS user, body FROM messages m JOIN identifiers i USING (customer_id) WHERE kind = 'user_id'"
        " ORDER BY sent_at, value"
    )
    return [(row["user"], row["body"]) for row in rows]


async def enter(world: World, *users: str) -> None:
    for user in users:
        await world.identify({"phone": PHONE}, user=user)
        await world.track("Begun", user=user)
    await world.settle()


async def test_publishing_does_not_disturb_those_inside(world: World) -> None:
    await world.publish(journey(days=5, text="the first"))
    await enter(world, "ana")
    await world.publish(journey(days=2, text="the second"))
    await enter(world, "bo")
    await world.skip(days=6)
    await world.settle()
    assert await bodies(world) == [("bo", "the second"), ("ana", "the first")]


async def test_a_message_alone_that_changes_is_a_new_version(world: World) -> None:
    await world.publish(journey(days=5, text="the first"))
    await enter(world, "ana")
    await world.publish(journey(days=5, text="the second"))
    await enter(world, "bo")
    await world.skip(days=6)
    await world.settle()
    assert await bodies(world) == [("ana", "the first"), ("bo", "the second")]
    assert [enrolment["version"] for enrolment in await world.enrolments()] == [1, 2]


async def test_a_definition_is_compiled_once_however_many_are_inside(world: World) -> None:
    await world.publish(journey(days=77, text="hello"))
    before = program.cache_info()
    await enter(world, *(f"user-{number}" for number in range(6)))
    after = program.cache_info()
    assert after.misses - before.misses == 1
    assert after.hits - before.hits >= 5


def test_a_journey_that_cannot_be_carried_is_refused() -> None:
    names = [f"Event {number:05}" for number in range(LARGEST // 14)]
    library = journey(days=1, text="hello", more=f"exit: {names}".replace("'", ""))
    [finding] = library.errors
    assert finding.code == "too-large"


async def test_notes_and_message_texts_are_not_carried(world: World) -> None:
    await world.publish(journey(days=5, text="the very text", more="description: a secret plan"))
    definition = await world.db.pool.fetchval("SELECT definition FROM journey_versions")
    assert "the very text" not in definition
    assert "secret" not in definition
