"""Every way through a journey, said without running it.

A path takes one of the endings of each step that it passes. Conditions are decided where they depend on nothing but
what earlier steps left; all others may be true or not. A step is come to again as long as something has been learned
since that decides a condition, and once more; then the path goes round for ever. What repeats does all its passes
alike; an event that ends it, or a way out of it, comes in the first pass or in the last. Stages are walked apart from
each other, each as on coming to it for the first time, whatever happened in others: a path ends where it rests for the
next status, or goes to another stage. What may end or move an enrolment anywhere (exits, the goal, statuses, dates that
move) is not multiplied: `language.path_move` lists it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter
from itertools import islice
from typing import Any

from language.path_shape import joined_at
from language.path_walk import Walk
from language.path_way import Choice, PathMessage, State, Way
from language.program import Program

MOST_PATHS = 2_000
MOST_STATES = 20_000

__all__ = ["Choice", "Path", "PathMessage", "Paths", "count", "walk", "worst"]


@dataclass(frozen=True, slots=True)
class Path:
    """One way through the journey, or through a stage. `end` says in words how it ends; one that is endless does not.

    `least` and `most` are how long it takes; `most` None: no telling. `joins_at`: it begins in the middle of the stage,
    at this step, to which other stages lead.
    """

    choices: tuple[Choice, ...]
    messages: tuple[PathMessage, ...]
    least: timedelta
    most: timedelta | None
    end: str
    stage: str | None = None
    is_endless: bool = False
    joins_at: str | None = None


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths; `is_complete` is false when there are more than were looked at."""

    paths: tuple[Path, ...]
    is_complete: bool


def walk(program: Program, *, most_paths: int = MOST_PATHS) -> Paths:
    """The paths of a journey, in the order of its steps; of one with stages, those of each stage."""
    paths: list[Path] = []
    walking = Walk(program)
    is_complete = True
    for beginning, begins in _beginnings(program, walking):
        found = list(islice(_enumerated(walking, begins), most_paths + 1))
        is_complete = is_complete and len(found) <= most_paths
        paths += [_finished(way, *beginning) for way in found[:most_paths]]
    return Paths(tuple(paths), is_complete and not walking.has_left_out)


def count(program: Program) -> int | None:
    """How many paths there are, also where nobody would list them; None: too many to count."""
    walking = Walk(program)
    counts = [_count(walking, begins) for _, begins in _beginnings(program, walking)]
    is_known = None not in counts and not walking.has_left_out
    return sum(number for number in counts if number is not None) if is_known else None


def worst(program: Program, weigh: Callable[[str, str], Decimal]) -> dict[str, Decimal | None]:
    """By stage ('' without stages): the most that the messages of one path weigh, of all paths, listed or not.

    `weigh` is given message and channel. None: it is endless, or there are too many states to prove anything. A date
    that moves, so that a wait is waited for again, is not counted again: nobody can tell how often that happens.
    """
    walking = Walk(program, crosses=True)
    entries: Mapping[str, str | None] = program.entry_by_stage or {"": program.first}
    found = {name: _worst(walking, walking.begin(name, entry, anew=False), weigh) for name, entry in entries.items()}
    return dict.fromkeys(found) if walking.has_left_out else found


def _beginnings(program: Program, walking: Walk) -> Iterator[tuple[tuple[str | None, str | None], State]]:
    """Stage and, where it is joined in its middle, step; with the state to begin in."""
    if not program.entry_by_stage:
        yield (None, None), walking.begin("", program.first, anew=True)
    for stage, entry in program.entry_by_stage.items():
        yield (stage, None), walking.begin(stage, entry, anew=True)
        for step in dict.fromkeys(joined_at(program)):
            if program.stage_of(step) == stage and step != entry:
                yield (stage, step), walking.begin(stage, step, anew=False)


def _enumerated(walking: Walk, begins: State) -> Iterator[Way]:
    pending = [Way(begins)]
    while pending:
        way = pending.pop()
        if way.end is not None:
            yield way
        else:
            pending.extend(way.then(following) for following in reversed(walking.onward(way.to)))


def _finished(way: Way, stage: str | None, joins_at: str | None) -> Path:
    end = way.end or "completed"
    return Path(way.choices, way.messages, way.least, way.most, end, stage, way.is_endless, joins_at)


# --- of all paths at once

Key = tuple[Any, ...]


def _states(walking: Walk, begins: State) -> list[State] | None:
    """All states, each after those that it leads to; None: too many."""
    state_by_key: dict[Key, State] = {}
    pending = [begins]
    while pending:
        state = pending.pop()
        if state.key in state_by_key:
            continue
        state_by_key[state.key] = state
        if len(state_by_key) > MOST_STATES:
            return None
        pending += [way.to for way in walking.onward(state) if way.end is None]
    leads = {
        key: {way.to.key for way in walking.onward(state) if way.end is None} for key, state in state_by_key.items()
    }
    try:
        return [state_by_key[key] for key in TopologicalSorter(leads).static_order()]
    except CycleError:  # a step that passes time never comes back to its own state; one that does is endless
        return None


def _count(walking: Walk, begins: State) -> int | None:
    counts: dict[Key, int] = {}
    for state in _states(walking, begins) or ():
        counts[state.key] = sum(1 if way.end is not None else counts[way.to.key] for way in walking.onward(state))
    return counts.get(begins.key)


def _worst(walking: Walk, begins: State, weigh: Callable[[str, str], Decimal]) -> Decimal | None:
    worst_by_key: dict[Key, Decimal] = {}
    for state in _states(walking, begins) or ():
        options = []
        for way in walking.onward(state):
            weight = sum((weigh(it.message, it.channel) for it in way.messages), Decimal(0))
            if way.is_endless:
                return None
            options.append(weight if way.end is not None else weight + worst_by_key[way.to.key])
        worst_by_key[state.key] = max(options)
    return worst_by_key.get(begins.key)
