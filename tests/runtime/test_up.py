"""`sojourn up` as a person runs it: the whole product, told to stop, started again."""

import asyncio
import json
import signal
import sys
import urllib.request
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import psutil

JOURNEYS = Path(__file__).parents[2] / "journeys"


async def start(data: Path, *options: str) -> tuple[Process, list[str]]:
    """A running `sojourn up` and what it printed until `ready`."""
    command = (sys.executable, "-P", "-m", "scripts.cli", "up", "--data", str(data), "--journeys", str(JOURNEYS))
    ports = ("--port", "0", "--temporal-port", "0", "--ui-port", "0")
    process = await asyncio.create_subprocess_exec(*command, *ports, *options, stdout=PIPE, stderr=PIPE)
    lines: list[str] = []
    assert process.stdout is not None
    async with asyncio.timeout(90):
        while line := await process.stdout.readline():
            lines.append(line.decode().rstrip())
            if lines[-1] == "ready":
                return process, lines
        assert process.stderr is not None
        raise AssertionError((await process.stderr.read()).decode())


def part_pids(data: Path) -> dict[str, int]:
    return {name: entry["pid"] for name, entry in json.loads((data / "parts.json").read_text()).items()}


def get(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return int(answer.status)


def address(lines: list[str], name: str) -> str:
    return next(line.split()[-1] for line in lines if line.startswith(f"{name}  "))


async def test_up_serves_until_told_to_stop_and_leaves_nothing_running(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process, lines = await start(data, "--speed", "3600")
    pids = part_pids(data)

    assert set(pids) == {"postgres", "temporal", "api", "worker"}
    assert any(line.startswith("reservation: version 1") for line in lines)
    for url in (address(lines, "API") + "/readyz", address(lines, "API docs"), address(lines, "Temporal UI")):
        assert await asyncio.to_thread(get, url) == 200

    process.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(process.communicate(), 60)

    assert (process.returncode, errors.decode()) == (0, "")
    assert [name for name, pid in pids.items() if psutil.pid_exists(pid)] == []

    process, again = await start(data)  # with the same keys and the same clock, nothing published anew
    process.send_signal(signal.SIGINT)
    await asyncio.wait_for(process.communicate(), 60)

    for kept in ("Write key", "API key", "Clock"):
        assert [line for line in again if line.startswith(kept)] == [line for line in lines if line.startswith(kept)]
    assert any(line.startswith("reservation: version 1 was live already") for line in again)


async def test_told_to_stop_while_starting_it_stops_at_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    command = (sys.executable, "-P", "-m", "scripts.cli", "up", "--data", str(data), "--port", "0")
    process = await asyncio.create_subprocess_exec(*command, "--temporal-port", "0", "--ui-port", "0", stdout=PIPE)
    async with asyncio.timeout(60):
        while not (data / "parts.json").exists() or not part_pids(data):
            await asyncio.sleep(0.05)
        pids = part_pids(data)
        process.send_signal(signal.SIGINT)
        output, _ = await process.communicate()

    assert b"ready" not in output
    assert [name for name, pid in pids.items() if psutil.pid_exists(pid)] == []
