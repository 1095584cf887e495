import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from store.database import Database
from store.ingest import Ingest
from store.ingest_event import Accepted, IncomingEvent, Reject
from store.ingest_queue import Full, IngestQueue, Unavailable
from tests.store.ingesting import Clock, track

POISON = "what\0ever"  # PostgreSQL cannot store it; the API would have refused it


async def names(db: Database) -> set[str]:
    return {row["name"] for row in await db.pool.fetch("SELECT name FROM events")}


@pytest.fixture
async def queue(ingest: Ingest) -> AsyncIterator[IngestQueue]:
    queue = IngestQueue(ingest)
    yield queue
    await queue.drain()


async def test_concurrent_requests_share_commits_and_get_their_own_answers(queue: IngestQueue, db: Database) -> None:
    await queue.submit([track("Known", message_id="known")])
    requests = [[track(f"E{n}")] for n in range(100)] + [[track("Known", message_id="known")]]
    answers = await asyncio.gather(*(queue.submit(events) for events in requests))
    assert [len(answer.stored) for answer in answers] == [1] * 100 + [0]
    assert answers[-1].repeated == 1
    assert await db.pool.fetchval("SELECT count(DISTINCT xmin::text) FROM events") <= 4


async def test_an_event_that_cannot_be_stored_fails_nobody(queue: IngestQueue, db: Database) -> None:
    requests = [[track(f"E{n}")] for n in range(20)]
    requests.append([track("A"), track("B"), track(POISON), track("C")])
    requests.append([track("D", POISON)])
    answers = await asyncio.gather(*(queue.submit(events) for events in requests))
    assert await names(db) == {f"E{n}" for n in range(20)} | {"A", "B", "C"}
    assert [len(answer.stored) for answer in answers[-2:]] == [3, 0]
    bodies = [row["body"] for row in await db.pool.fetch("SELECT body FROM quarantine")]
    assert len(bodies) == 2
    assert all("\\u0000" in body for body in bodies)


async def test_too_much_at_once_is_refused_and_nothing_of_it_stored(ingest: Ingest, db: Database) -> None:
    queue = IngestQueue(ingest, capacity=10)
    first = asyncio.create_task(queue.submit([track(f"E{n}") for n in range(8)]))
    await asyncio.sleep(0)
    with pytest.raises(Full):
        await queue.submit([track("X"), track("Y"), track("Z")])
    await first
    await queue.submit([track("X")])
    assert await names(db) == {f"E{n}" for n in range(8)} | {"X"}


async def test_a_request_larger_than_the_queue_is_taken_when_it_is_empty(ingest: Ingest, db: Database) -> None:
    await IngestQueue(ingest, capacity=10).submit([track(f"E{n}") for n in range(30)])
    assert len(await names(db)) == 30


async def test_postgresql_dropping_connections_goes_unnoticed(queue: IngestQueue, db: Database) -> None:
    async def disturb() -> None:
        for _ in range(10):
            await asyncio.sleep(0.02)
            await drop_connections(db)

    async def send(number: int) -> None:
        for n in range(20):
            await queue.submit([track(f"E{number}-{n}")])

    await asyncio.gather(disturb(), *(send(number) for number in range(10)))
    assert len(await names(db)) == 200
    assert await db.pool.fetchval("SELECT count(*) FROM events") == 200


async def drop_connections(db: Database) -> None:
    connection = await asyncpg.connect(db.url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close()


class Away(Ingest):
    """An ingest whose PostgreSQL is gone: nobody listens at its address."""

    calls = 0

    async def accept(self, events: Sequence[IncomingEvent], rejects: Sequence[Reject] = ()) -> Accepted:
        self.calls += 1
        await asyncpg.connect("postgresql://nobody@127.0.0.1:1/none")
        raise AssertionError("it was there")


async def test_while_postgresql_is_away_it_is_tried_again_and_nothing_goes_to_quarantine(
    db: Database, clock: Clock
) -> None:
    away = Away(db, clock)
    queue = IngestQueue(away, patience=0.5)
    with pytest.raises(Unavailable):
        await queue.submit([track("A")])
    assert away.calls > 1
    assert queue.size == 0


async def test_who_leaves_before_the_answer_is_stored_all_the_same(queue: IngestQueue, db: Database) -> None:
    request = asyncio.create_task(queue.submit([track("A")]))
    await asyncio.sleep(0)
    request.cancel()
    await queue.drain()
    assert await names(db) == {"A"}
