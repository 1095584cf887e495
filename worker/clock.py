"""The journeys' clock, for what a worker does outside of any journey."""

from collections.abc import Callable
from datetime import UTC, datetime

from language.clock import Pace
from runtime.settings import Settings


def journey_clock(settings: Settings) -> Callable[[], datetime]:
    """Tells journey time."""
    pace = Pace.of(settings)
    return lambda: pace.journey_time(datetime.now(UTC))
