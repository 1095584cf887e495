"""A circuit breaker: what fails again and again is left alone for a while, then tried by one."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

FAILURES = 5
OPEN_FOR = timedelta(seconds=30)


@dataclass(slots=True)
class Circuit:
    """Closed until `failures` in a row, then open. `clock` gives seconds that only go forward."""

    failures: int = FAILURES
    open_for: timedelta = OPEN_FOR
    clock: Callable[[], float] = time.monotonic
    _failed: int = 0
    _shut_until: float = 0.0

    def enter(self) -> timedelta | None:
        """None: go on, and say how it went. Else how long to stay away.

        The first to come after that time tries alone, the others wait once more: for its word, or as long again if
        that never comes.
        """
        if self._failed < self.failures:
            return None
        if (left := self._shut_until - self.clock()) > 0:
            return timedelta(seconds=left)
        self._shut_until = self.clock() + self.open_for.total_seconds()
        return None

    def succeeded(self) -> None:
        self._failed = 0

    def failed(self) -> bool:
        """True when this opened the circuit."""
        self._failed += 1
        self._shut_until = self.clock() + self.open_for.total_seconds()
        return self._failed == self.failures
