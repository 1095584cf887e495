"""Keeps parts running: starts them, waits until they are ready, starts again what dies, stops them in order."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from runtime.part import Part
from runtime.roster import Roster
from runtime.watch import LONGEST_PAUSE, Watch

ENGINES = ("postgres", "temporal")  # what the others need until their end


class Supervisor:
    """The parts of one stack. Logs go to `<logs>/<part>.log`; `report` gets a line when a part dies and returns.

    `longest_pause`: seconds before a part that dies again and again is started once more.
    """

    def __init__(
        self, roster: Roster, logs: Path, report: Callable[[str], None], longest_pause: float = LONGEST_PAUSE
    ) -> None:
        self._longest_pause = longest_pause
        self._roster = roster
        self._logs = logs
        self._report = report
        self._watches: dict[str, Watch] = {}

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by part name, of those running at this moment."""
        return {name: watch.pid for name, watch in self._watches.items() if watch.pid is not None}

    async def start(self, part: Part) -> None:
        """Starts a part and waits until it is ready. Raises PartFailed; then it is not running."""
        watch = self._watches[part.name] = self._watch(part)
        try:
            await watch.start()
        except BaseException:
            await watch.stop()
            raise

    async def run(self, part: Part) -> str:
        """Runs a part that ends by itself and returns what it wrote. Raises PartFailed if it fails."""
        return await self._watch(part).run_once()

    def _watch(self, part: Part) -> Watch:
        return Watch(part, self._roster, self._logs / f"{part.name}.log", self._report, self._longest_pause)

    async def stop(self, name: str) -> None:
        """Stops a part gently, by force after its deadline; it stays stopped until it is started again."""
        await self._watches[name].stop()

    async def start_again(self, name: str) -> None:
        """Starts a part that was stopped. Raises PartFailed."""
        await self._watches[name].start()

    async def stop_all(self) -> None:
        """Stops the services side by side, then the engines they need, the last started first."""
        engines = [self._watches.pop(name) for name in ENGINES if name in self._watches]
        services, self._watches = list(self._watches.values()), {}
        await asyncio.gather(*(watch.stop() for watch in services))
        for watch in reversed(engines):
            await watch.stop()

    async def restart(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        """Stops a part and starts it again; `environment` adds to its own for this one life."""
        watch = self._watches[name]
        await watch.stop()
        await watch.start(environment)

    def kill(self, name: str, with_signal: signal.Signals = signal.SIGKILL) -> int:
        """Sends a signal to a part, which is started again once it is dead, also if it just died by itself. Returns the
        process id that was hit."""
        pid = self.pids[name]
        with suppress(ProcessLookupError):
            os.kill(pid, with_signal)
        return pid

    async def recovered(self, name: str, *, after: int, within: float = 60.0) -> int:
        """Waits until a part is ready under another process id than `after`, and returns that. Raises TimeoutError."""
        async with asyncio.timeout(within):
            return await self._watches[name].ready_after(after)
