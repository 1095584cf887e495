"""Deadlocks and serialisation failures are PostgreSQL's way to say: again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

Result = TypeVar("Result")

AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


async def retried(
    transaction: Callable[[], Awaitable[Result]],
    *,
    again: tuple[type[Exception], ...] = AGAIN,
    attempts: int = 8,
) -> Result:
    """Run a whole transaction, anew after a failure among `again`; the last failure is raised."""
    for attempt in range(attempts - 1):
        try:
            return await transaction()
        except again:
            await asyncio.sleep(random.uniform(0.001, 0.01) * 2**attempt)
    return await transaction()
