import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runtime.data_directory import DataDirectory, DataDirectoryProblem, DemoClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def shown(clock: DemoClock, now: datetime) -> datetime:
    return clock.origin + (now - clock.origin) * clock.speed


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    directory = DataDirectory(tmp_path / "data")
    directory.path.mkdir()
    return directory


def test_keys_are_made_once_and_only_we_may_read_them(directory: DataDirectory) -> None:
    keys = directory.development_keys()

    assert directory.development_keys() == keys
    assert keys.write_key != keys.api_key
    assert stat.S_IMODE((directory.path / "keys.json").stat().st_mode) == 0o600


def test_the_clock_goes_on_from_earlier_runs(directory: DataDirectory) -> None:
    clock = directory.clock(86_400)

    assert directory.clock(86_400) == clock
    assert directory.clock(None) == clock


@pytest.mark.parametrize("speed", [60, 86_400, 0.5])
def test_another_speed_takes_over_where_the_clock_stands(speed: float) -> None:
    earlier = DemoClock(speed=3_600, origin=NOON)
    now = NOON + timedelta(minutes=2)

    later = earlier.at_speed(speed, now)

    rounding = timedelta(microseconds=1) * max(speed, 1)  # an origin is stored to the microsecond
    assert abs(shown(later, now) - shown(earlier, now)) <= rounding
    assert shown(later, now + timedelta(seconds=1)) > shown(later, now)


def test_a_clock_that_is_ahead_cannot_become_the_real_one() -> None:
    earlier = DemoClock(speed=3_600, origin=NOON)

    with pytest.raises(DataDirectoryProblem, match="--speed 3600"):
        earlier.at_speed(1, NOON + timedelta(minutes=2))


def test_a_second_holder_learns_who_is_in_the_way(directory: DataDirectory) -> None:
    with directory.hold(), pytest.raises(DataDirectoryProblem, match=f"process {os.getpid()}"), directory.hold():
        pass
    with directory.hold():
        pass
