"""What the shape of a program says before it is walked: where it may go round, and what decides."""

from collections.abc import Iterator, Mapping

from language.program import Place, Program
from language.steps import GoTo, Rest, Step


def read_from(program: Program) -> dict[str | None, frozenset[str]]:
    """By step: those whose results decide anything there, or wherever it may lead."""
    follows = _following(program)
    read = {name: _named(place.step) for name, place in program.place_by_id.items()}
    return {name: frozenset[str]().union(*(read[it] for it in _reached(follows, name))) for name in follows}


def circling(program: Program) -> frozenset[str]:
    """The steps that a `go_to` may lead back to."""
    follows = _following(program)
    precedes: dict[str, set[str]] = {name: set() for name in follows}
    for name, targets in follows.items():
        for target in targets:
            precedes[target].add(name)
    jumps = [(place.step, target) for place in program.place_by_id.values() for target in place.step.targets()]
    return frozenset(
        name
        for step, target in jumps
        if target in follows
        for name in _reached(follows, target) & _reached(precedes, step.id)
    )


def _named(step: Step) -> frozenset[str]:
    deciding = (step.when, *(ending.if_ for ending in step.endings()))
    paths = (path for expression in deciding if expression is not None for path in expression.paths)
    return frozenset(path[1] for path in paths if path[0] == "steps" and len(path) > 1)


def _following(program: Program) -> dict[str, set[str]]:
    return {name: _follows(program, place) for name, place in program.place_by_id.items()}


def _follows(program: Program, place: Place) -> set[str]:
    targets = [it for it in place.step.targets() if it in program.place_by_id]
    on = [] if isinstance(place.step, GoTo | Rest) and place.step.when is None else [place.after]
    return {name for name in (*targets, *on, *place.ways.values(), place.leave_out) if name is not None}


def _reached(follows: Mapping[str, set[str]], start: str) -> set[str]:
    found, pending = set[str](), [start]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending.extend(follows[name])
    return found


def joined_at(program: Program) -> Iterator[str]:
    """The steps at which a stage is joined from others, in order."""
    for place in program.place_by_id.values():
        for target in place.step.targets():
            if target in program.place_by_id and program.stage_of(target) != place.stage:
                yield target
