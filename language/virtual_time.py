"""Virtual time: sleeping costs nothing, and time passes only when all else has come to rest."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass
class _Sleeper:
    until: datetime | None
    wake: Callable[[], bool]
    done: asyncio.Future[None]


class TooManyWakes(Exception):
    """It would never come to rest."""


class VirtualTime:
    """A clock that only `run_until` moves. `calls` counts everything that shows that something still goes on."""

    def __init__(self, now: datetime, most_wakes: int) -> None:
        self.now = now
        self.calls = 0
        self._sleepers: list[_Sleeper] = []
        self._wakes_left = most_wakes

    async def sleep(self, until: datetime | None, wake: Callable[[], bool]) -> None:
        if wake():
            return
        sleeper = _Sleeper(until, wake, asyncio.get_running_loop().create_future())
        self._sleepers.append(sleeper)
        self.calls += 1
        try:
            await sleeper.done
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    async def run_until(self, end: datetime) -> None:
        """Let timers fire up to `end`; one due at that very moment waits for what else happens then.

        Raises `TooManyWakes`.
        """
        await self.settle()
        while (due := min((s.until for s in self._sleepers if s.until), default=None)) is not None and due < end:
            self._wakes_left -= 1
            if self._wakes_left < 0:
                raise TooManyWakes
            self.now = max(self.now, due)
            for sleeper in [s for s in self._sleepers if s.until and s.until <= self.now]:
                self._wake(sleeper)
            await self.settle()
        self.now = max(self.now, end)

    async def settle(self) -> None:
        """Until nothing goes on but sleeping."""
        quiet, seen = 0, -1
        while quiet < 6:
            await asyncio.sleep(0)
            for sleeper in [s for s in self._sleepers if s.wake()]:
                self._wake(sleeper)
            quiet = quiet + 1 if self.calls == seen else 0
            seen = self.calls

    def _wake(self, sleeper: _Sleeper) -> None:
        self._sleepers.remove(sleeper)
        self.calls += 1
        if not sleeper.done.done():
            sleeper.done.set_result(None)
