import asyncio
from collections.abc import AsyncIterator

import pytest

from store.database import Database
from store.waker import Waker


@pytest.fixture
async def pair(db: Database) -> AsyncIterator[tuple[Waker, Waker]]:
    one, other = [await Waker(db, reconnect_after=0.01).open() for _ in range(2)]
    await listening(db, 2)
    yield one, other
    await one.close()
    await other.close()


async def listening(db: Database, number: int) -> None:
    """Until that many connections have finished their LISTEN."""
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE query LIKE 'LISTEN%' AND state = 'idle' AND datname = current_database()"
    )
    while await db.pool.fetchval(query) < number:
        await asyncio.sleep(0.01)


async def test_a_wake_reaches_the_same_and_another_process(pair: tuple[Waker, Waker]) -> None:
    one, other = pair
    one.wake()
    assert await one.wait(0)
    assert await other.wait(5)
    assert not await other.wait(0.05)


async def test_many_wakes_at_once_are_one(pair: tuple[Waker, Waker]) -> None:
    one, other = pair
    for _ in range(1000):
        one.wake()
    assert await other.wait(5)
    await asyncio.sleep(0.1)
    await other.wait(0)
    assert not await other.wait(0.1)


async def test_wakes_again_after_postgresql_dropped_the_connections(db: Database, pair: tuple[Waker, Waker]) -> None:
    one, other = pair
    await db.pool.fetch(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
    )
    await listening(db, 2)
    one.wake()
    assert await other.wait(5)
