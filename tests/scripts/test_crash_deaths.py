"""Which part a death is counted for."""

from pathlib import Path

import pytest

from runtime.failpoint import LAST_WORDS
from scripts.crash.ground import Deaths


@pytest.mark.parametrize(
    ("part", "log", "counted", "point"),
    [
        ("api", "started\n", "api", None),
        ("api", f"started\n{LAST_WORDS}relay.signalled\n", "relay", "relay.signalled"),
        ("api", f"started\n{LAST_WORDS}api.committed\n", "api", "api.committed"),
        ("api", f"{LAST_WORDS}relay.signalled\nstarted again\n", "api", None),
        ("worker", f"{'x' * 500}\n{LAST_WORDS}worker.called\n", "worker", "worker.called"),
        ("postgres", "", "postgres", None),
    ],
)
def test_a_death_counts_once_for_the_part_that_met_it(
    tmp_path: Path, part: str, log: str, counted: str, point: str | None
) -> None:
    (tmp_path / f"{part}.log").write_text(log)
    said: list[str] = []
    deaths = Deaths(tmp_path, said.append)
    deaths.report(f"{part} ended with SIGKILL; starting it again")
    deaths.report(f"{part} is back")
    assert deaths.kills == {counted: 1}
    assert deaths.points == ({point: 1} if point else {})
    assert len(said) == 2


def test_who_ends_by_itself_was_not_killed(tmp_path: Path) -> None:
    deaths = Deaths(tmp_path, lambda line: None)
    deaths.report("worker ended with exit code 1; starting it again")
    assert not deaths.kills
