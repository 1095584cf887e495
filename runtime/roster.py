"""Who was started for a data directory, on disk, so that a later run recognises what a killed one left behind."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, TypeAdapter

_STARTED_TOLERANCE = 2.0  # seconds; a process's start is computed from the boot time, which the kernel corrects


class Entry(BaseModel):
    """A started process. `started` tells it from a later one with the same id; `stop_signal` is its gentle end."""

    model_config = ConfigDict(frozen=True)

    pid: int
    started: float
    stop_signal: int


_ENTRIES = TypeAdapter(dict[str, Entry])


class Roster:
    """The processes of one data directory by part name, kept in a small file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries = self._read()

    def note(self, name: str, pid: int, stop_signal: int) -> None:
        """Remembers a process just started; one that is gone already is not worth it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._entries[name] = Entry(pid=pid, started=psutil.Process(pid).create_time(), stop_signal=stop_signal)
            self._write()

    def forget(self, name: str) -> None:
        if self._entries.pop(name, None) is not None:
            self._write()

    def end_leftovers(self, patience: float = 10.0) -> list[str]:
        """Ends what still runs from an earlier life, the newest first, and returns the parts' names."""
        ended = []
        for name, process, stop_signal in list(self._alive()):
            _end(process, stop_signal, patience)
            ended.append(name)
        self._entries.clear()
        self._write()
        return ended

    def _alive(self) -> Iterator[tuple[str, psutil.Process, int]]:
        for name, entry in reversed(self._entries.items()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(entry.pid)
                if _is_same(process, entry):
                    yield name, process, entry.stop_signal

    def _read(self) -> dict[str, Entry]:
        try:
            return _ENTRIES.validate_json(self._path.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}

    def _write(self) -> None:
        replacement = self._path.with_suffix(".new")
        replacement.write_text(json.dumps({name: entry.model_dump() for name, entry in self._entries.items()}))
        os.replace(replacement, self._path)


def _is_same(process: psutil.Process, entry: Entry) -> bool:
    return _is_alive(process) and abs(process.create_time() - entry.started) < _STARTED_TOLERANCE


def _is_alive(process: psutil.Process) -> bool:
    """A zombie counts as gone: only whoever is its parent now can remove it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _end(process: psutil.Process, stop_signal: int, patience: float) -> None:
    for number in (stop_signal, signal.SIGKILL):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        deadline = time.monotonic() + patience
        while _is_alive(process) and time.monotonic() < deadline:
            time.sleep(0.02)
