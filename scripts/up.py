"""`sojourn up`: the embedded stack for a person, until it is told to stop."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from runtime.data_directory import DataDirectoryProblem
from runtime.part import PartFailed
from runtime.port import PortInUse
from runtime.settings import SettingsInvalid, load_settings
from runtime.stack import EmbeddedStack

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


async def run(
    data: Path, port: int, temporal_port: int, ui_port: int, speed: float | None, journeys: Path | None
) -> int:
    """Runs until SIGTERM, SIGINT or SIGHUP, also while starting, and leaves nothing running. Returns the exit code."""
    told_to_stop = _hear_signals()
    try:
        settings = load_settings()
        stack = EmbeddedStack(
            data,
            port=port,
            temporal_port=temporal_port,
            ui_port=ui_port,
            speed=speed,
            journeys=journeys or settings.journeys,
            settings=settings,
        )
        await _run_until(told_to_stop, stack)
    except (SettingsInvalid, DataDirectoryProblem, PortInUse, PartFailed) as problem:
        for line in str(problem).splitlines():
            print(f"sojourn: {line}", file=sys.stderr)
        return 1
    return 0


def _hear_signals() -> asyncio.Event:
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, told_to_stop.set)
    return told_to_stop


async def _run_until(told_to_stop: asyncio.Event, stack: EmbeddedStack) -> None:
    serving = asyncio.create_task(_serve(stack))
    stopping = asyncio.create_task(told_to_stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def _serve(stack: EmbeddedStack) -> None:
    async with stack:
        for line in stack.last_words.get("publish", "").splitlines():
            print(line)
        _introduce(stack)
        print("ready", flush=True)
        await asyncio.Event().wait()


def _introduce(stack: EmbeddedStack) -> None:
    url = stack.api_url
    rows = {
        "API": url,
        "API docs": f"{url}/docs",
        "Sandbox": f"{url}/sandbox",
        "Temporal UI": stack.temporal_ui_url,
        "PostgreSQL": stack.database_url,
        "Data, logs": stack.directory.path,
    }
    if not stack.settings.write_keys:
        rows["Write key"] = f"{stack.write_key}   (development, made for this data directory)"
    if not stack.settings.api_keys:
        rows["API key"] = f"{stack.api_key}   (development, made for this data directory)"
    if stack.clock.speed != 1:
        rows["Clock"] = f"{stack.clock.speed:g} journey seconds a second"
    for name, value in rows.items():
        print(f"{name:<12} {value}")
