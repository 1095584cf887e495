"""An event answered 200 is stored exactly once, whatever is sent again, killed or restarted."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from runtime.port import free_port
from store.database import Database
from store.ingest import Ingest
from tests.conftest import API_KEY, WRITE_KEY
from tests.store.ingesting import NOW, Clock, track

ROOT = Path(__file__).parents[2]


async def test_the_same_events_from_many_sides_at_once_count_once(db: Database) -> None:
    """Several processes, each with some of the events in another order."""
    ingests = [Ingest(db, Clock(NOW)) for _ in range(4)]
    ids = [str(number) for number in range(200)]
    dice = random.Random(1)

    async def send(ingest: Ingest) -> int:
        stored = 0
        for _ in range(15):
            batch = [track("A", f"u{id}", message_id=id) for id in dice.sample(ids, 40)]
            stored += len((await ingest.accept(batch)).stored)
        return stored

    stored = await asyncio.gather(*(send(ingest) for ingest in ingests))
    rows = await db.pool.fetch("SELECT message_id, count(*) AS times FROM events GROUP BY message_id")
    assert {row["times"] for row in rows} == {1}
    assert sum(stored) == len(rows)


async def test_equal_message_ids_of_two_sources_are_two_events(ingest: Ingest, db: Database) -> None:
    one, other = track("A", message_id="1"), track("A", message_id="1")
    other.source = "crm"
    await ingest.accept([one, other])
    assert await db.pool.fetchval("SELECT count(*) FROM events") == 2


@pytest.fixture
def ingest(db: Database) -> Ingest:
    return Ingest(db, Clock(NOW))


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
async def start(database_url: str) -> AsyncIterator[Start]:
    """Starts `sojourn api` on a port, as often as it is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def _start(port: int, **settings: str) -> "subprocess.Popen[bytes]":
        environment = {
            "SOJOURN_DATABASE_URL": database_url,
            "SOJOURN_WRITE_KEYS": WRITE_KEY,
            "SOJOURN_API_KEYS": API_KEY,
            "SOJOURN_TEMPORAL_ADDRESS": "127.0.0.1:1",
            "SOJOURN_PORT": str(port),
            "SOJOURN_LOG_LEVEL": "error",
        }
        command = [sys.executable, "-m", "scripts.cli", "api"]
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment | settings)
        started.append(process)
        return process

    yield _start
    for process in started:
        process.kill()
        process.wait()


async def send_until_accepted(http: httpx.AsyncClient, number: int) -> None:
    """As an SDK does: the same message id again until the answer is 200."""
    item = {"userId": f"u{number % 7}", "event": f"E{number}", "messageId": f"m{number}"}
    while True:
        try:
            if (await http.post("/v1/track", json=item, auth=(WRITE_KEY, ""))).status_code == 200:
                return
        except httpx.TransportError:
            await asyncio.sleep(0.05)


async def test_killed_between_commit_and_answer(db: Database, start: Start) -> None:
    port = free_port()
    process = start(port, SOJOURN_FAILPOINTS="api.committed")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        sending = asyncio.create_task(send_until_accepted(http, 1))
        assert await asyncio.to_thread(process.wait, 60) == -signal.SIGKILL
        assert await db.pool.fetchval("SELECT count(*) FROM events") == 1
        start(port)
        await asyncio.wait_for(sending, 60)
    assert await db.pool.fetchval("SELECT count(*) FROM events") == 1


async def test_killed_at_random_while_many_send(db: Database, start: Start) -> None:
    port = free_port()
    process = start(port)
    dice = random.Random(2)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:

        async def send(numbers: range) -> None:
            for number in numbers:
                await send_until_accepted(http, number)
                await asyncio.sleep(0.01)

        sending = asyncio.gather(*(send(range(first, first + 100)) for first in range(0, 1000, 100)))
        for _ in range(2):
            while await db.pool.fetchval("SELECT count(*) FROM events") == 0:
                await asyncio.sleep(0.05)
            await asyncio.sleep(dice.uniform(0.1, 0.6))
            process.kill()
            await asyncio.to_thread(process.wait)
            process = start(port)
        await asyncio.wait_for(sending, 120)
    rows = await db.pool.fetch("SELECT name FROM events")
    assert sorted(row["name"] for row in rows) == sorted(f"E{number}" for number in range(1000))
