"""Waiting for what other tasks and processes do."""

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(is_so: Callable[[], Awaitable[bool]], *, within: float = 15.0) -> None:
    """Ask until it is so; TimeoutError after `within` seconds."""
    async with asyncio.timeout(within):
        while not await is_so():  # noqa: ASYNC110 - what is waited for happens elsewhere
            await asyncio.sleep(0.01)
