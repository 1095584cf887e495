"""What `sojourn up` keeps between its runs: databases, logs, development keys, the demo clock's origin."""

import base64
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict


class DataDirectoryProblem(Exception):
    """The data directory cannot be used as asked. The text says what is in the way and what to do."""


class DevelopmentKeys(BaseModel):
    """Random keys of one data directory. `signing_key` is `id:base64`."""

    model_config = ConfigDict(frozen=True)

    write_key: str
    api_key: str
    signing_key: str = ""


class DemoClock(BaseModel):
    """`speed` journey seconds pass in a real one since `origin`, when both clocks agreed."""

    model_config = ConfigDict(frozen=True)

    speed: float
    origin: AwareDatetime

    def at_speed(self, speed: float, now: datetime) -> "DemoClock":
        """The clock that shows at `now` what this one shows, and goes on at `speed`: journey time never jumps back."""
        ahead = (now - self.origin) * (self.speed - 1)
        if speed != 1:
            return DemoClock(speed=speed, origin=now - ahead / (speed - 1))
        if ahead:
            raise DataDirectoryProblem(
                f"the journeys here ran at speed {self.speed:g} and their clock is {ahead} ahead of the real one: "
                f"go on with --speed {self.speed:g}, or start anew with another --data"
            )
        return DemoClock(speed=1, origin=now)


class DataDirectory:
    """Paths and small files below one directory, made when missing."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.postgres = self.path / "postgres"
        self.temporal = self.path / "temporal.db"
        self.logs = self.path / "logs"
        self.parts = self.path / "parts.json"
        self.worker_ready = self.path / "worker.ready"

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keeps every other stack off this directory. Raises DataDirectoryProblem when one has it."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataDirectoryProblem(self._in_use(lock.name)) from None
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

    def development_keys(self) -> DevelopmentKeys:
        """The keys made for this directory at its first use."""
        path = self.path / "keys.json"
        if path.exists():
            keys = DevelopmentKeys.model_validate_json(path.read_bytes())
        else:
            keys = DevelopmentKeys(
                write_key=f"wk_{secrets.token_urlsafe(24)}", api_key=f"ak_{secrets.token_urlsafe(24)}"
            )
        if not keys.signing_key:
            signing_key = f"development:{base64.b64encode(secrets.token_bytes(32)).decode()}"
            keys = keys.model_copy(update={"signing_key": signing_key})
            _write(path, keys)
        return keys

    def clock(self, speed: float | None) -> DemoClock:
        """The journeys' clock, going on from earlier runs; `speed` None keeps theirs. Raises DataDirectoryProblem."""
        path, now = self.path / "clock.json", datetime.now(UTC)
        earlier = DemoClock.model_validate_json(path.read_bytes()) if path.exists() else None
        if earlier is None:
            clock = DemoClock(speed=speed or 1, origin=now)
        elif speed is None or speed == earlier.speed:
            clock = earlier
        else:
            clock = earlier.at_speed(speed, now)
        _write(path, clock)
        return clock

    def _in_use(self, lock: str) -> str:
        holder = Path(lock).read_text().strip() or "unknown"
        return f"{self.path} is in use by another stack (process {holder}); stop that, or choose another with --data"


def _write(path: Path, content: BaseModel) -> None:
    """Whole or not at all, readable by us only."""
    replacement = path.with_suffix(".new")
    replacement.unlink(missing_ok=True)
    descriptor = os.open(replacement, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content.model_dump_json())
        file.flush()
        os.fsync(file.fileno())
    os.replace(replacement, path)
