"""Paths that differ in nothing but silent steps, taken together: as many as people can read."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from language.paths import Choice, Path
from language.program import Program
from language.steps import Call, Coupon, Start, Task

LOUD = (Call, Coupon, Start, Task)
"""Steps that do something for others to see, though they send nothing."""


@dataclass(frozen=True, slots=True)
class Route:
    """`path` stands for `count` paths; `choices` are the steps with every word that leads to the same."""

    path: Path
    choices: tuple[Choice, ...]
    count: int


def routes(program: Program, paths: Iterable[Path]) -> list[Route]:
    """In the order in which the paths came."""
    groups: dict[tuple[Any, ...], list[Path]] = {}
    for path in paths:
        groups.setdefault(_heard(program, path), []).append(path)
    return [Route(group[0], _merged(group), len(group)) for group in groups.values()]


def _heard(program: Program, path: Path) -> tuple[Any, ...]:
    """What somebody outside would notice of a path."""
    loud = tuple(
        choice for choice in path.choices if isinstance(program.place_by_id[choice.step].step, LOUD) and choice.words
    )
    done = tuple(choice.step for choice in path.choices if isinstance(program.place_by_id[choice.step].step, LOUD))
    return path.stage, path.joins_at, path.messages, loud, done, path.least, path.most, path.end


def _merged(group: list[Path]) -> tuple[Choice, ...]:
    """Of a step that not all have passed, or that may also have said nothing, the choice does not matter."""
    if len(group) == 1:
        return group[0].choices
    words: dict[str, list[str]] = {}
    for path in group:
        for choice in path.choices:
            said = words.setdefault(choice.step, [])
            if choice.words not in said:
                said.append(choice.words)
    passed = [{choice.step for choice in path.choices} for path in group]
    return tuple(
        Choice(step, " or ".join(said) if "" not in said else "")
        for step, said in words.items()
        if all(step in steps for steps in passed)
    )
