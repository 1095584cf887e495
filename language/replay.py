"""A call that a person has asked to be made again."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Replay:
    """One attempt at it, which nobody else makes meanwhile. `version` is the journey's whose destination is meant.

    `attempt` counts over all that were ever asked for. `left` is real time until it is given up. `values` None: what
    it told is not kept any more.
    """

    key: str
    journey: str
    version: int
    step: str
    destination: str
    customer_id: int
    values: dict[str, Any] | None
    attempt: int
    left: timedelta
