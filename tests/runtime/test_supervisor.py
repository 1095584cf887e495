import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from runtime.part import Part, PartFailed
from runtime.roster import Roster
from runtime.supervisor import Supervisor

BEAT = "import os, pathlib, time; pathlib.Path({ready!r}).write_text(str(os.getpid()))\nwhile True: time.sleep(60)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + BEAT


def part(tmp_path: Path, script: str = BEAT, *, name: str = "beat", **options: float) -> Part:
    ready = tmp_path / f"{name}.ready"

    async def is_ready(pid: int) -> bool:
        return ready.exists() and ready.read_text() == str(pid)

    return Part(name, (sys.executable, "-c", script.format(ready=str(ready))), is_ready, **options)  # type: ignore[arg-type]


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    reports: list[str] = []
    supervisor = Supervisor(Roster(tmp_path / "parts.json"), tmp_path, reports.append)
    yield supervisor
    await supervisor.stop_all()


async def test_a_killed_part_is_started_again_and_reported(tmp_path: Path) -> None:
    reports: list[str] = []
    supervisor = Supervisor(Roster(tmp_path / "parts.json"), tmp_path, reports.append)
    await supervisor.start(part(tmp_path))
    for _ in range(2):
        killed = supervisor.kill("beat")
        assert await supervisor.recovered("beat", after=killed, within=10) == supervisor.pids["beat"] != killed
        await asyncio.sleep(0)
    await supervisor.stop_all()

    assert reports == ["beat ended with SIGKILL; starting it again", "beat is back"] * 2
    assert supervisor.pids == {}


async def test_a_part_that_just_died_may_be_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start(part(tmp_path))
    killed = supervisor.kill("beat")
    time.sleep(0.5)  # and nobody has noticed

    assert supervisor.kill("beat") == killed
    assert await supervisor.recovered("beat", after=killed, within=10) != killed


async def test_a_part_that_ends_at_once_fails_with_the_end_of_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(PartFailed, match=r"exit code 3(.|\n)*the reason"):
        await supervisor.start(part(tmp_path, "print('the reason', flush=True); raise SystemExit(3)"))

    assert supervisor.pids == {}


async def test_a_part_that_never_gets_ready_is_ended(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(PartFailed, match="not ready after"):
        await supervisor.start(part(tmp_path, "import time; time.sleep(60)", ready_within=0.3))

    assert supervisor.pids == {}


async def test_a_part_that_ignores_the_request_is_ended_by_force(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start(part(tmp_path, DEAF, stop_within=0.3))
    pid = supervisor.pids["beat"]

    await supervisor.stop("beat")

    assert not psutil.pid_exists(pid)


async def test_a_restart_can_add_to_the_environment_for_one_life(supervisor: Supervisor, tmp_path: Path) -> None:
    script = "import os; print('mark', os.environ.get('MARK'), flush=True)\n" + BEAT
    await supervisor.start(part(tmp_path, script))
    await supervisor.restart("beat", {"MARK": "once"})
    await supervisor.recovered("beat", after=supervisor.kill("beat"), within=10)

    assert (tmp_path / "beat.log").read_text().splitlines() == ["mark None", "mark once", "mark None"]


async def test_a_part_that_ends_by_itself_is_waited_for(supervisor: Supervisor, tmp_path: Path) -> None:
    assert await supervisor.run(part(tmp_path, "print('3 tables')")) == "3 tables"
    with pytest.raises(PartFailed, match="no tables"):
        await supervisor.run(part(tmp_path, "raise SystemExit('no tables')"))


async def test_leftovers_are_ended_but_not_a_stranger_with_the_same_id(tmp_path: Path) -> None:
    roster = tmp_path / "parts.json"
    leftover = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    stranger = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    earlier = Roster(roster)
    earlier.note("worker", leftover.pid, signal.SIGTERM)
    text = roster.read_text()
    started = psutil.Process(stranger.pid).create_time() - 3_600
    roster.write_text(text[:-1] + f', "api": {{"pid": {stranger.pid}, "started": {started}, "stop_signal": 15}}}}')
    try:
        assert await asyncio.to_thread(Roster(roster).end_leftovers, 5) == ["worker"]
        assert await asyncio.wait_for(leftover.wait(), 5) == -signal.SIGTERM
        assert stranger.returncode is None
        assert Roster(roster).end_leftovers() == []
    finally:
        stranger.kill()
        await stranger.wait()
