"""Where scenarios are played on the whole product: servers that a test session shares, started when first needed."""

import asyncio
import atexit
import threading
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from harness.temporal import virtual_temporal
from harness.world import World, world_in
from runtime.postgres import temporary_postgres
from store.database import Database
from store.migrate import migrate

T = TypeVar("T")
PATIENCE = 120.0
"""Seconds until the servers are there."""


class Ground:
    """One PostgreSQL, one Temporal server and one worker, on a thread with an event loop of its own: a test may have
    any loop, or none."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sojourn-ground", daemon=True)
        self._over = asyncio.Event()
        self._ready: Future[World] = Future()
        self._living: Future[None] | None = None
        self.turn = threading.Lock()
        """Whoever plays holds it."""

    def start(self) -> None:
        """Returns at once; `world` waits."""
        self._thread.start()
        self._living = self.submit(self._live())

    @property
    def world(self) -> World:
        """Raises what kept the servers from starting."""
        return self._ready.result(PATIENCE)

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Have it done on the servers' own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        if self._living is not None and not self._living.done():
            self._loop.call_soon_threadsafe(self._over.set)
            self._living.exception(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    async def _live(self) -> None:
        try:
            async with _world() as world:
                self._ready.set_result(world)
                await self._over.wait()
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            raise


@asynccontextmanager
async def _world() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(temporary_postgres())
        await asyncio.to_thread(migrate, url)
        db = await Database.open(url)
        stack.push_async_callback(db.close)
        temporal = await stack.enter_async_context(virtual_temporal())
        yield await stack.enter_async_context(world_in(db, temporal))


_ground: Ground | None = None
_starting = threading.Lock()


def ground() -> Ground:
    """The ground of this process; it is left when the process ends."""
    global _ground
    with _starting:
        if _ground is None:
            _ground = Ground()
            _ground.start()
            atexit.register(leave_ground)
        return _ground


def leave_ground() -> None:
    """Stop the servers, if they run. Whoever comes next starts them anew."""
    global _ground
    with _starting:
        left, _ground = _ground, None
    if left is not None:
        atexit.unregister(leave_ground)
        left.stop()
