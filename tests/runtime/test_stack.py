import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import asyncpg
import psutil
import pytest
from temporalio.client import Client

from runtime.data_directory import DataDirectoryProblem
from runtime.part import Part, PartFailed
from runtime.port import PortInUse
from runtime.programs import Programs
from runtime.settings import SettingsInvalid, load_settings
from runtime.stack import EmbeddedStack

WAIT = "import time\nwhile True: time.sleep(60)"
UP = """
import asyncio, sys
from pathlib import Path
from tests.runtime.test_stack import stack_in
async def main():
    async with stack_in(Path(sys.argv[1])) as stack:
        print(*stack.pids.values(), flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def _at_once(_pid: int) -> bool:
    return True


def running(pids: Iterable[int]) -> list[int]:
    """Those that still run; one that is dead but not yet removed by its new parent does not."""
    alive = {it.pid for it in psutil.process_iter(["status"]) if it.info["status"] != psutil.STATUS_ZOMBIE}
    return [pid for pid in pids if pid in alive]


def two_waiters(stack: EmbeddedStack) -> Programs:
    first = Part("migrate", (sys.executable, "-c", "print('up to date')"), _at_once, stack.environment)
    waiters = [Part(name, (sys.executable, "-c", WAIT), _at_once, stack.environment) for name in ("api", "worker")]
    return Programs(first=(first,), services=tuple(waiters))


def stack_in(data: Path, *, reports: list[str] | None = None, **options: object) -> EmbeddedStack:
    report = reports.append if reports is not None else lambda _line: None
    chosen = {"port": 0, "temporal_port": 0, "ui_port": 0, "programs": two_waiters, "report": report, **options}
    return EmbeddedStack(data, **chosen)  # type: ignore[arg-type]


async def fetch(stack: EmbeddedStack, query: str) -> object:
    connection = await asyncpg.connect(stack.database_url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_killed_parts_come_back_with_what_they_had(tmp_path: Path) -> None:
    reports: list[str] = []
    async with stack_in(tmp_path / "data", reports=reports) as stack:
        assert set(stack.pids) == {"postgres", "temporal", "api", "worker"}
        assert stack.last_words["migrate"] == "up to date"
        client = await Client.connect(stack.temporal_address)
        await client.start_workflow("Nobody", id="open", task_queue="none")
        await fetch(stack, "CREATE TABLE kept AS SELECT 42 AS answer")

        for part in ("postgres", "temporal", "worker"):
            await stack.recovered(part, after=stack.kill(part), within=30)

        assert await fetch(stack, "SELECT answer FROM kept") == 42
        assert (
            await (await Client.connect(stack.temporal_address)).get_workflow_handle("open").describe()
        ).id == "open"
        pids = list(stack.pids.values())

    assert running(pids) == []
    assert [line for line in reports if line.endswith("is back")] == [
        f"{part} is back" for part in ("postgres", "temporal", "worker")
    ]


async def test_a_killed_stack_leaves_nothing_behind_and_goes_on_where_it_was(tmp_path: Path) -> None:
    command = (sys.executable, "-c", UP, str(tmp_path / "data"))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    killed = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environment)
    assert killed.stdout is not None
    pids = [int(pid) for pid in (await asyncio.wait_for(killed.stdout.readline(), 60)).split()]
    keys = (tmp_path / "data" / "keys.json").read_text()

    killed.send_signal(signal.SIGKILL)
    await killed.wait()
    if sys.platform == "linux":  # elsewhere they live until the next start
        async with asyncio.timeout(20):
            while running(pids):
                await asyncio.sleep(0.05)
    async with stack_in(tmp_path / "data") as stack:
        assert running(pids) == []
        assert stack.write_key in keys
        assert await fetch(stack, "SELECT 1") == 1


async def test_a_path_too_long_for_a_socket_works_and_leaves_nothing_elsewhere(tmp_path: Path) -> None:
    before = set(Path(tempfile.gettempdir()).glob("sojourn-*"))
    async with stack_in(tmp_path / ("deep" * 20) / "data", programs=lambda _stack: Programs()) as stack:
        assert await fetch(stack, "SELECT 1") == 1
        sockets = Path(stack.database_url.partition("host=")[2])

    assert sockets not in before
    assert not sockets.exists()


async def test_a_second_stack_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async with stack_in(tmp_path / "data", programs=lambda _stack: Programs()) as stack:
        with pytest.raises(DataDirectoryProblem, match=f"process {os.getpid()}"):
            await stack_in(tmp_path / "data").__aenter__()
        with pytest.raises(PortInUse, match="--temporal-port"):
            await stack_in(tmp_path / "other", temporal_port=stack.temporal_port).__aenter__()
        assert await fetch(stack, "SELECT 1") == 1


async def test_when_a_part_cannot_start_the_others_are_stopped_and_the_data_is_free(tmp_path: Path) -> None:
    def broken(stack: EmbeddedStack) -> Programs:
        return Programs(first=(Part("migrate", (sys.executable, "-c", "raise SystemExit('no such table')"), _at_once),))

    stack = stack_in(tmp_path / "data", programs=broken)
    with pytest.raises(PartFailed, match="no such table"):
        await stack.__aenter__()

    assert stack.pids == {}
    with stack.directory.hold():
        pass


async def test_anything_but_loopback_needs_keys(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="SOJOURN_WRITE_KEYS"):
        await stack_in(tmp_path / "data", settings=load_settings(host="0.0.0.0")).__aenter__()
