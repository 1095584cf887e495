"""Processes of the benchmark's own, and what processes cost."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import psutil

STARTS_WITHIN = 60.0
STOPS_WITHIN = 30.0


@asynccontextmanager
async def running(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None, says: str | None = None
) -> AsyncIterator[Process]:
    """Run a module; with `says`, from the moment it prints that. Ended afterwards, by force after half a minute."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, env=os.environ | dict(environment or {}), stdout=PIPE
    )
    try:
        if says is not None:
            await asyncio.wait_for(_said(process, says.encode(), module), STARTS_WITHIN)
        yield process
    finally:
        await _end(process)


async def _said(process: Process, words: bytes, module: str) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        if words in line:
            return
    raise RuntimeError(f"{module} ended before it was ready")


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOPS_WITHIN)
    except TimeoutError:
        process.kill()
        await process.wait()


def machine_seconds() -> float:
    """CPU used so far by everything on this machine."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def cpu_seconds(pid: int) -> float:
    """Used so far by a process and all below it, also by those that have ended."""
    process = psutil.Process(pid)
    ended = process.cpu_times()
    total = ended.children_user + ended.children_system if pid != os.getpid() else 0.0
    for one in (process, *(process.children(recursive=True) if pid != os.getpid() else ())):
        times = one.cpu_times()
        total += times.user + times.system
    return float(total)
