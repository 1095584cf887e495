"""What a worker does beside its queues, for as long as it runs."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def running(loop: Coroutine[object, object, None], name: str) -> AsyncIterator[None]:
    """While the context lasts; then it is cancelled."""
    task = asyncio.create_task(loop, name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
