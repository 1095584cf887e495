"""The smallest directory that still shows a fault: parts are cut out as long as it does."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

from tests.fuzz.writer import Writing

Path = tuple[Any, ...]


def smallest(writing: Writing, shows: Callable[[Writing], bool]) -> Writing:
    """Each try costs one call of `shows`; some hundreds for a large journey."""
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for candidate in _candidates(writing):
            if shows(candidate):
                writing, is_smaller = candidate, True
                break
    return writing


def _candidates(writing: Writing) -> Iterator[Writing]:
    if writing.policy:
        yield replace(writing, policy="")
    for path in _places(writing.scenario):
        if path[0] != "journey" and path != ("given", 0):
            yield replace(writing, scenario=_without(writing.scenario, path))
    for path in _places(writing.journey):
        yield replace(writing, journey=_without(writing.journey, path))


def _places(value: Any, path: Path = ()) -> Iterator[Path]:
    """All places in the data, the outer before the inner."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*path, key)
    for key in keys:
        yield from _places(value[key], (*path, key))


def _without(data: Any, path: Path) -> Any:
    copy = deepcopy(data)
    place = copy
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return copy
