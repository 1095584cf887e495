"""How to bear somebody's absence: try seldom, say it once, notice the return."""

import random

import structlog

log = structlog.get_logger()


class Outage:
    """Of `whom`. `pause()` grows from `first` to `longest` seconds while failures last, with jitter."""

    def __init__(self, whom: str, *, first: float = 0.1, longest: float = 3.0) -> None:
        self._whom = whom
        self._first = first
        self._longest = longest
        self._next = first
        self.is_on = False

    def failed(self, reason: str) -> None:
        if not self.is_on:
            self.is_on = True
            log.warning(f"{self._whom} is away: deliveries wait", reason=reason)

    def succeeded(self) -> None:
        if self.is_on:
            self.is_on = False
            self._next = self._first
            log.info(f"{self._whom} is back")

    def pause(self) -> float:
        """Seconds to wait before the next try; each call makes the next one longer."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        return pause * random.uniform(0.5, 1.0)
