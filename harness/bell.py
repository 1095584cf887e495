"""A waker for one process."""

import asyncio
from contextlib import suppress


class Bell:
    """Rung by whoever commits something; the relay waits for it."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def wake(self) -> None:
        self._rung.set()

    async def wait(self, timeout: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), timeout)
        rung = self._rung.is_set()
        self._rung.clear()
        return rung
