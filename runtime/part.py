"""One program of the embedded stack: how it is started, known to be ready, and stopped."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Part:
    """A program that is kept running. Times are in seconds.

    `is_ready` is asked until it says yes, with the process's id; `user` is the system user to run as (None: ours);
    `death_signal` is what it gets when its supervisor dies.
    """

    name: str
    command: tuple[str, ...]
    is_ready: Callable[[int], Awaitable[bool]]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_within: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within: float = 15.0
    death_signal: signal.Signals = signal.SIGKILL
    user: str | None = None


class PartFailed(Exception):
    """A part could not be started. The text ends with the last lines of its log."""
