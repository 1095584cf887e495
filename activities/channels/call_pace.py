"""Calls one after the other, as fast as an account may make them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

REACH = 60.0
"""Seconds: for how far ahead turns are given out."""

GRACE = 30.0
"""Seconds for which the turn of somebody who comes late is kept."""


@dataclass(slots=True)
class CallPace:
    """`per_second` calls a second. Whoever has to wait keeps a turn, and finds it free when the time has come.

    Turns reach a minute ahead. Whoever comes when all are taken is told when one will be free, and asks again then.
    """

    per_second: float
    clock: Callable[[], float] = time.monotonic
    _turns: dict[str, float] = field(default_factory=dict)
    _next: float = 0.0
    _later: float = 0.0

    def wait(self, key: str) -> float:
        """Seconds until the call with this key may be made; 0: now, and the turn is spent."""
        now = self.clock()
        turn = self._turns.get(key)
        if turn is None or turn < now - GRACE:
            turn = self._give(key, now)
        if turn <= now:
            self._turns.pop(key, None)
            return 0.0
        return turn - now

    def _give(self, key: str, now: float) -> float:
        turn = max(self._next, now)
        if turn > now + REACH:
            later = max(self._later, turn)
            self._later = later + 1 / self.per_second
            return later
        self._turns = {key: turn for key, turn in self._turns.items() if turn >= now - GRACE}
        self._turns[key] = turn
        self._next = turn + 1 / self.per_second
        return turn
