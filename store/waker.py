"""Wake whoever relays deliveries, in this process and in others, without ever slowing whoever writes them."""

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg

from store.database import POSTGRES_AWAY, Database

DELIVERIES = "sojourn_deliveries"


class Waker:
    """`wake()` after a commit; `await wait(timeout)` in the loop that works. A waker hears its own wakes at once, those
    of other processes by NOTIFY on a connection of its own. Wakes that come while one is being sent become one.

    A wake may be lost with a connection: who waits polls too.
    """

    def __init__(self, db: Database, channel: str = DELIVERIES, *, reconnect_after: float = 0.5) -> None:
        self._db = db
        self._channel = channel
        self._reconnect_after = reconnect_after
        self._woken = asyncio.Event()
        self._unsent = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> "Waker":
        self._task = asyncio.create_task(self._run(), name=f"waker {self._channel}")
        return self

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def wake(self) -> None:
        self._woken.set()
        self._unsent.set()

    async def wait(self, timeout: float) -> bool:
        """Return at the next wake (true) or after `timeout` seconds; a wake since the last `wait` counts."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), timeout)
        woken = self._woken.is_set()
        self._woken.clear()
        return woken

    async def _run(self) -> None:
        while True:
            with suppress(*POSTGRES_AWAY):
                await self._serve(await self._db.connect())
            await asyncio.sleep(self._reconnect_after)

    async def _serve(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        try:
            connection.add_termination_listener(lambda _: self._unsent.set())
            await connection.add_listener(self._channel, self._heard)
            while not connection.is_closed():
                await self._unsent.wait()
                self._unsent.clear()
                await connection.execute(f"NOTIFY {self._channel}")
        finally:
            with suppress(*POSTGRES_AWAY):
                await connection.close(timeout=1)

    def _heard(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        if pid != connection.get_server_pid():
            self._woken.set()
