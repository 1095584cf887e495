"""What an open enrolment costs while it waits, and what a whole journey leaves in Temporal's history.

Measured first, on processes and databases that have done little else.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from scripts.benchmark.ground import Ground
from scripts.benchmark.throughput import BEGUN, track
from workflows.client import workflow_id

WARMING_UP = 50
"""Enrolments before the first look, so that what is loaded once is not counted."""

PAUSE = 2.0
"""Seconds for what is under way to be written."""


async def measure(ground: Ground, *, size: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Memory is the worker's with all of them cached; bytes are the databases' growth, rows and indices."""
    await _open(ground, WARMING_UP)
    users = await _customers(ground, size)
    before = await _sizes(ground)
    await _enrol(ground, *users)
    memory, tables, histories = (more - less for more, less in zip(await _sizes(ground), before, strict=True))
    figures = {
        "worker_mb_per_1000_open": round(memory / size * 1000 / 1e6, 1),
        "postgres_bytes_per_open": round(tables / size),
        "temporal_bytes_per_open": round(histories / size),
        "history_events_of_account_activation": await _activation_events(ground, is_slow=False),
        "history_events_with_every_message": await _activation_events(ground, is_slow=True),
    }
    say(str(figures))
    return figures


async def _open(ground: Ground, size: int) -> None:
    await _enrol(ground, *await _customers(ground, size))


async def _customers(ground: Ground, size: int) -> tuple[str, list[str]]:
    name = ground.name()
    users = [f"{name}-{number}" for number in range(size)]
    await ground.make_customers(users)
    return name, users


async def _enrol(ground: Ground, name: str, users: list[str]) -> None:
    begun = await ground.pool.fetchval(BEGUN)
    await ground.post_batches([track("Bench Started", user, name) for user in users])
    await ground.until(BEGUN, begun + len(users))
    await asyncio.sleep(PAUSE)


async def _sizes(ground: Ground) -> tuple[int, int, int]:
    """The worker's memory, PostgreSQL's tables and Temporal's database, in bytes."""
    tables = await ground.pool.fetchval("SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c WHERE relkind = 'r'")
    with closing(sqlite3.connect(f"file:{ground.stack.directory.temporal}?mode=ro", uri=True)) as database:
        pages, free, size = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in _PAGES)
    return ground.memory("worker"), int(tables), (pages - free) * size


_PAGES = ("page_count", "freelist_count", "page_size")


async def _activation_events(ground: Ground, *, is_slow: bool) -> int:
    """The history of a customer who activates and adds a payment method, at once or after every reminder.

    Waits are skipped as a person would: a signal stands for a timer that fires.
    """
    user = f"{ground.name()}-activation"
    traits = {"email": "ana@example.com", "phone": "+15005550001", "first_name": "Ana"}
    known = {"type": "identify", "userId": user, "traits": traits}
    await ground.post_batch([known, _happened(user, "Account Created")])
    activated = await _after(ground, user, messages=1, skips=2 if is_slow else 0)
    await ground.post_batch([_happened(user, "Account Activated")])
    await _after(ground, user, messages=activated + 1, skips=1 if is_slow else 0)
    await ground.post_batch([_happened(user, "Payment Method Added")])
    await ground.until(_ENDED, 1, user)
    handle = ground.temporal.get_workflow_handle(workflow_id("account_activation", await _enrolment(ground, user)))
    return int((await handle.describe()).history_length)


async def _after(ground: Ground, user: str, *, messages: int, skips: int) -> int:
    """Wait for so many messages, then skip waits, each of which leads to one more; returns how many were sent."""
    for sent in range(messages, messages + skips + 1):
        await ground.until(_SENT, sent, user)
        await ground.until(_WAITS, 1, user)
        if sent < messages + skips:
            await ground.post_command(f"/v1/enrolments/{await _enrolment(ground, user)}/skip")
    return messages + skips


async def _enrolment(ground: Ground, user: str) -> int:
    return int(await ground.pool.fetchval(f"SELECT e.id {_OF_USER}", user))


_OF_USER = """
FROM identifiers i JOIN enrolments e ON e.customer_id = i.customer_id
WHERE i.kind = 'user_id' AND i.value = $1 AND e.journey = 'account_activation'
"""
_SENT = f"SELECT count(*) FROM messages WHERE status = 'sent' AND enrolment_id IN (SELECT e.id {_OF_USER})"
_WAITS = f"""
SELECT count(*) FROM steps
WHERE left_at IS NULL AND waits_until IS NOT NULL AND enrolment_id IN (SELECT e.id {_OF_USER})
"""
_ENDED = f"SELECT count(*) {_OF_USER} AND e.state = 'ended'"


def _happened(user: str, event: str) -> dict[str, Any]:
    return {"type": "track", "event": event, "userId": user, "properties": {"account_type": "professional"}}
