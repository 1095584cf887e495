"""How the providers and the stack behave while customers are on their way."""

import random
from dataclasses import dataclass, field

from scripts.provider.ledger import FAULTS, Fate, Fault
from scripts.provider.webhooks import Manner

FATES: tuple[Fate, ...] = ("answered", "no_answer", "answered", "busy", "machine")
WITHHELD = "@withheld.example.com"
"""Mails to these addresses: the Email Logs may not be read, and no event comes."""


@dataclass(frozen=True, slots=True)
class Weather:
    """`lag`: seconds until look-ups show a message, at most; `shows_within`: what Sojourn is told of that.

    `faults`: the share of sends that go wrong. `failpoints` are armed in every life of API and worker; `longest_pause`
    is before a part that died is started again.
    """

    lag: float = 0.0
    shows_within: float = 1.0
    faults: float = 0.0
    manner: Manner = field(default_factory=Manner)
    failpoints: tuple[str, ...] = ()
    longest_pause: float = 10.0

    def mishap(self, chance: random.Random) -> Fault | None:
        """What goes wrong with the next send."""
        return chance.choice(FAULTS) if chance.random() < self.faults else None


MILD = Weather()
HARD = Weather(
    lag=30.0,
    shows_within=31.0,
    faults=0.06,
    manner=Manner(lost=0.05, repeated=0.1, latest=10.0),
    failpoints=(
        "relay.signalled%1.0",
        "api.committed%0.2",
        "worker.claimed%0.5",
        "worker.called%0.5",
        "worker.recorded%0.2",
    ),
    longest_pause=0.3,
)


def fate_of(number: str) -> Fate:
    """How a call to a number ends, always: callers on a shared phone cannot be told apart."""
    return FATES[int(number[-4:]) % len(FATES)]


def is_withheld(address: str) -> bool:
    return address.endswith(WITHHELD)
