"""Deadlocks and serialisation failures are PostgreSQL's way to say: again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

Result = TypeVar("Result")

AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


async def retried(transaction: Callable[[], Awaitable[Result]], *, attempts: int = 6) -> Result:
    """Run a whole transaction, again from its beginning when PostgreSQL asked for that; the last failure is raised."""
    for attempt in range(attempts - 1):
        try:
            return await transaction()
        except AGAIN:
            await asyncio.sleep(random.uniform(0.001, 0.01) * 2**attempt)
    return await transaction()
