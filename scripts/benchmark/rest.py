"""What an open enrolment costs while it waits, and what a whole journey leaves in Temporal's history."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.benchmark.ground import Ground
from scripts.benchmark.throughput import BEGUN, track
from workflows.client import workflow_id


async def measure(ground: Ground, *, size: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Memory is the worker's with all of them cached; bytes are the databases' files' growth, rows and indices."""
    name = ground.name()
    users = [f"{name}-{number}" for number in range(size)]
    await ground.make_customers(users)
    begun = await ground.pool.fetchval(BEGUN)
    memory, tables, history = await _sizes(ground)
    await ground.post_batches([track("Bench Started", user, name) for user in users])
    await ground.until(BEGUN, begun + size)
    await asyncio.sleep(2)
    more_memory, more_tables, more_history = await _sizes(ground)
    figures = {
        "worker_mb_per_1000_open": round((more_memory - memory) / size * 1000 / 1e6, 1),
        "postgres_bytes_per_open": round((more_tables - tables) / size),
        "temporal_bytes_per_open": round((more_history - history) / size),
        "history_events_of_account_activation": await _activation_events(ground, name),
    }
    say(str(figures))
    return figures


async def _sizes(ground: Ground) -> tuple[int, int, int]:
    await ground.pool.execute("CHECKPOINT")
    tables = await ground.pool.fetchval("SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c WHERE relkind = 'r'")
    directory = Path(ground.stack.directory.temporal)
    files = [directory, directory.with_name(directory.name + "-wal")]
    return ground.memory("worker"), int(tables), sum(file.stat().st_size for file in files if file.exists())


async def _activation_events(ground: Ground, name: str) -> int:
    """A customer who activates after a while and adds a payment method: skipping the waits, not the steps."""
    user = f"{name}-activation"
    traits = {"email": "ana@example.com", "phone": "+15005550001", "first_name": "Ana"}
    await ground.post_batch(
        [{"type": "identify", "userId": user, "traits": traits}, _happened(user, "Account Created")]
    )
    for messages, event in ((1, "Account Activated"), (2, "Payment Method Added")):
        await ground.until(_SENT, messages, user)
        await asyncio.sleep(0.3)
        await ground.post_batch([_happened(user, event)])
    await ground.until(_ENDED, 1, user)
    id = await ground.pool.fetchval(f"SELECT e.id {_OF_USER} AND e.journey = 'account_activation'", user)
    described = await ground.temporal.get_workflow_handle(workflow_id("account_activation", id)).describe()
    return int(described.history_length)


_OF_USER = """
FROM identifiers i JOIN enrolments e ON e.customer_id = i.customer_id WHERE i.kind = 'user_id' AND i.value = $1
"""
_SENT = f"SELECT count(*) FROM messages WHERE status = 'sent' AND enrolment_id IN (SELECT e.id {_OF_USER})"
_ENDED = f"SELECT count(*) {_OF_USER} AND e.state = 'ended' AND e.journey = 'account_activation'"


def _happened(user: str, event: str) -> dict[str, Any]:
    return {"type": "track", "event": event, "userId": user, "properties": {"account_type": "professional"}}
