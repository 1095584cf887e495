"""scripts/setup where it has nothing to do, and where it cannot do anything."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A project that was never set up."""
    for name in ("scripts/setup", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def programs(directory: Path, python: str) -> Path:
    """A PATH with the few programs of a bare machine and a `python3` that is this script."""
    directory.mkdir()
    for name in ("bash", "dirname", "cat", "cmp", "sh"):
        (directory / name).symlink_to(shutil.which(name) or name)
    (directory / "python3").write_text(f"#!/bin/sh\n{python}\n")
    (directory / "python3").chmod(0o755)
    return directory


def test_too_old_a_python_is_named_with_what_to_do(copy: Path) -> None:
    path = programs(copy / "bin", 'echo "Python 3.9.1"; [ "$1" = --version ]')

    result = subprocess.run([copy / "scripts/setup"], env={"PATH": str(path)}, capture_output=True, text=True)

    assert result.returncode == 1
    assert "Python 3.11 or newer is needed; python3 here is Python 3.9.1" in result.stderr
    assert "PYTHON=" in result.stderr
    assert not (copy / ".venv").exists()


def test_when_current_it_asks_for_no_python_at_all(copy: Path) -> None:
    path = programs(copy / "bin", "exit 9")
    for name in ("python", "sojourn"):
        program = copy / ".venv" / "bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    stamp = f"{copy.resolve()}\n" + (copy / "requirements.lock").read_text() + (copy / "pyproject.toml").read_text()
    (copy / ".venv" / ".sojourn-stamp").write_text(stamp)

    result = subprocess.run([copy / "scripts/setup"], env={"PATH": str(path)}, capture_output=True, text=True)

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_after_a_change_of_the_lock_it_is_not_current(copy: Path) -> None:
    test_when_current_it_asks_for_no_python_at_all(copy)
    with (copy / "requirements.lock").open("a") as lock:
        lock.write("# newer\n")

    result = subprocess.run([copy / "scripts/setup"], env={"PATH": str(copy / "bin")}, capture_output=True, text=True)

    assert result.returncode == 1
