import asyncio

import pytest

from language.program import Compiled
from store.database import Database
from store.versions import Published, Versions, publish_versions
from store.waker import Waker
from tests.rows import AT


def compiled(journey: str = "win_back", digest: str = "a", **more: object) -> Compiled:
    definition = f'{{"journey":"{journey}","digest":"{digest}"}}'
    return Compiled(journey=journey, title="Win back", definition=definition, digest=digest, messages={"hi": {}})


async def publish(db: Database, *journeys: Compiled) -> list[Published]:
    return await publish_versions(db, journeys, at=AT, by="ann")


async def states(db: Database) -> list[tuple[int, str]]:
    rows = await db.pool.fetch("SELECT version, state FROM journey_versions ORDER BY journey, version")
    return [(row["version"], row["state"]) for row in rows]


async def test_a_change_becomes_a_new_live_version(db: Database) -> None:
    await publish(db, compiled(digest="a"))
    assert await publish(db, compiled(digest="b")) == [Published("win_back", 2, is_new=True)]
    assert await states(db) == [(1, "archived"), (2, "live")]


async def test_what_is_unchanged_gets_no_version(db: Database) -> None:
    await publish(db, compiled())
    both = await publish(db, compiled(), compiled("other"))
    assert both == [Published("other", 1, is_new=True), Published("win_back", 1, is_new=False)]


async def test_going_back_to_an_earlier_text_is_a_version_too(db: Database) -> None:
    for digest in "aba":
        await publish(db, compiled(digest=digest))
    assert await states(db) == [(1, "archived"), (2, "archived"), (3, "live")]


async def test_two_who_publish_at_once_take_turns(db: Database) -> None:
    await asyncio.gather(*(publish(db, compiled(digest=digest), compiled("other", digest)) for digest in "abcdefgh"))
    for journey in ("win_back", "other"):
        query = "SELECT array_agg(version ORDER BY version) FROM journey_versions WHERE journey = $1"
        assert await db.pool.fetchval(query, journey) == list(range(1, 9))
        query = "SELECT array_agg(version) FROM journey_versions WHERE journey = $1 AND state = 'live'"
        assert await db.pool.fetchval(query, journey) == [8]


async def test_publishing_is_announced(db: Database) -> None:
    waker = await Waker(db, "sojourn_versions", reconnect_after=0.01).open()
    heard = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
    while not await db.pool.fetchval(heard):
        await asyncio.sleep(0.01)
    await publish(db, compiled())
    assert await waker.wait(5)
    await waker.close()


async def test_a_version_is_read_once(db: Database) -> None:
    await publish(db, compiled("first"), compiled("second"))
    versions = Versions(db, keep=1)
    first = await versions.get("first", 1)
    assert (first.title, first.digest) == ("Win back", "a")
    assert await versions.get("first", 1) is first
    await versions.get("second", 1)
    assert await versions.get("first", 1) is not first
    with pytest.raises(KeyError, match="never published"):
        await versions.get("first", 2)
