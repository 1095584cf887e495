"""How long messages stay away from a provider's account in trouble. Nothing here is journey time: it is the real world
that is waited for."""

from dataclasses import dataclass
from datetime import timedelta

FAILURES = 5
"""So many sends in a row that got no proper answer open a circuit; trouble with the account opens it at once."""

FIRST = timedelta(seconds=15)
LONGEST = timedelta(minutes=5)
PROBE = timedelta(seconds=15)
"""A probe that nobody tells of for so long has come to nothing: the worker died."""

OVERDUE = timedelta(minutes=30)
"""When nothing else has tried for so long after its time, a message that somebody waits for does, though another
account would take it."""

AWHILE = timedelta(seconds=2)
"""How long to wait for the word of whoever is trying."""

LEAST_SPREAD, MOST_SPREAD = timedelta(seconds=4), timedelta(minutes=2)
URGENT_SPREAD = timedelta(seconds=1)

WAITING = "waiting for the provider: "
"""How the reason of a message begins that is held for an open circuit."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An open circuit of an account. `since`: how long it has been open; `left`: until the next may try, not above 0
    when one may now; `is_probed`: somebody is trying."""

    channel: str
    account: str
    reason: str
    since: timedelta
    left: timedelta
    is_probed: bool

    def later(self, passed: timedelta) -> "Standing":
        """The same, so much later."""
        since, left = self.since + passed, self.left - passed
        return Standing(self.channel, self.account, self.reason, since, left, self.is_probed)

    @property
    def may_try(self) -> bool:
        return self.left <= timedelta() and not self.is_probed

    @property
    def is_overdue(self) -> bool:
        return self.may_try and self.left <= -OVERDUE

    def stay_away(self, message_class: str, draw: float) -> timedelta:
        """How long a message of this class waits, `draw` being evenly drawn from 0 to 1.

        The most urgent come first, so that one of them tries; the others come spread over about as long as it took.
        """
        wait = max(self.left, AWHILE if self.is_probed else timedelta())
        spread = min(max(self.since + wait, LEAST_SPREAD), MOST_SPREAD)
        match message_class:
            case "transactional":
                return wait + URGENT_SPREAD * draw
            case "service":
                return wait + URGENT_SPREAD + spread / 2 * draw
            case _:
                return wait + URGENT_SPREAD + spread / 2 + spread * draw


def open_for(openings: int) -> timedelta:
    """How long a circuit stays open that was opened so often in a row."""
    return min(FIRST * (1 << min(openings - 1, 10)), LONGEST)
