"""Journeys as tests: a pytest plugin for scenario files, `journey_test` for tests in Python."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.journey_trial import BrokenJourney, CannotHappen, JourneyTrial, UnknownName, journey_test

__all__ = ["BrokenJourney", "CannotHappen", "JourneyTrial", "UnknownName", "journey_test"]


def __getattr__(name: str) -> Any:
    """Imported when asked for: the plugin is loaded in sessions that have nothing to do with journeys."""
    if name not in __all__:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    from harness import journey_trial as module

    return getattr(module, name)
