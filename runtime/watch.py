"""One part kept running: started, waited for, started again when it dies, stopped."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from runtime.part import Part, PartFailed
from runtime.roster import Roster

_LAUNCHER = str(Path(__file__).with_name("launch.py"))
_POLL = 0.05  # seconds between two questions whether a part is ready
_FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0  # seconds before a part is started again; doubled at each early death
_SETTLED = 20.0  # seconds after which a death is no longer an early one
_TAIL_LINES = 15
_ROTATE_BYTES = 20 * 1024 * 1024


class Watch:
    """One part, its process, and the task that starts it again when it dies. Used through Supervisor."""

    def __init__(
        self,
        part: Part,
        roster: Roster,
        log: Path,
        report: Callable[[str], None],
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:
        self._part = part
        self._roster = roster
        self._log = log
        self._report = report
        self._longest_pause = longest_pause
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._ready_pid: int | None = None
        self._life_begins_at = 0  # in the log, in bytes
        self._changed = asyncio.Condition()

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        process = await self._spawn(environment or {})
        await self._until_ready(process)
        self._keeper = asyncio.create_task(self._keep(process), name=f"keep {self._part.name}")

    async def stop(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
        if self._process is not None:
            await self._end(self._process)
        self._ready_pid = None
        self._roster.forget(self._part.name)

    async def run_once(self) -> str:
        process = await self._spawn({})
        try:
            async with asyncio.timeout(self._part.ready_within):
                code = await process.wait()
        finally:
            await self.stop()
        if code != 0:
            raise PartFailed(self._failure(f"ended with {_ending(code)}"))
        return "\n".join(self._written())

    async def ready_after(self, pid: int) -> int:
        async with self._changed:
            await self._changed.wait_for(lambda: self._ready_pid not in (None, pid))
        assert self._ready_pid is not None
        return self._ready_pid

    async def _keep(self, process: Process) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while True:
            started = loop.time()
            code = await process.wait()
            self._ready_pid = None
            if loop.time() - started > _SETTLED:
                pause = _FIRST_PAUSE
            self._report(f"{self._part.name} ended with {_ending(code)}; starting it again")
            process = await self._start_again(pause)
            pause = min(pause * 2, self._longest_pause)

    async def _start_again(self, pause: float) -> Process:
        complaint = ""
        while True:
            await asyncio.sleep(pause)
            try:
                process = await self._spawn({})
                await self._until_ready(process)
            except (PartFailed, OSError) as error:
                pause = min(pause * 2, self._longest_pause)
                if (cause := str(error).partition(";")[0]) != complaint:
                    complaint = cause
                    self._report(str(error))
                self._report(f"{self._part.name} is not back; trying again in {pause:.1f} s")
            else:
                self._report(f"{self._part.name} is back")
                return process

    async def _spawn(self, more_environment: Mapping[str, str]) -> Process:
        part = self._part
        launcher = (sys.executable, "-I", "-S", _LAUNCHER, str(os.getpid()), str(int(part.death_signal)))
        with self._open_log() as log:
            self._life_begins_at = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *launcher,
                part.user or "-",
                *part.command,
                env={**os.environ, **part.environment, **more_environment},
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._roster.note(part.name, self._process.pid, part.stop_signal)
        return self._process

    async def _until_ready(self, process: Process) -> None:
        """Raises PartFailed if it ends or does not become ready in time; then it is not running."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._part.ready_within
        while not await self._part.is_ready(process.pid):
            if process.returncode is not None:
                raise PartFailed(self._failure(f"ended with {_ending(process.returncode)} before it was ready"))
            if loop.time() > deadline:
                await self._end(process)
                raise PartFailed(self._failure(f"was not ready after {self._part.ready_within:.0f} s"))
            await asyncio.sleep(_POLL)
        async with self._changed:
            self._ready_pid = process.pid
            self._changed.notify_all()

    async def _end(self, process: Process) -> None:
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self._part.stop_signal)
        try:
            async with asyncio.timeout(self._part.stop_within):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _open_log(self) -> IO[bytes]:
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._log.exists() and self._log.stat().st_size > _ROTATE_BYTES:
            self._log.replace(self._log.with_suffix(".old.log"))
        return self._log.open("ab")

    def _failure(self, what: str) -> str:
        end = "\n".join(f"  {line}" for line in self._written()[-_TAIL_LINES:])
        return f"{self._part.name} {what}; the end of {self._log}:\n{end}"

    def _written(self) -> list[str]:
        """The log's lines of the part's present life."""
        with self._log.open("rb") as log:
            log.seek(self._life_begins_at)
            return log.read().decode(errors="replace").splitlines()


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
