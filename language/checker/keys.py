"""Events that reach no enrolment of a journey with a key, because they do not carry it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from language.checker.heard import OURS, written
from language.checker.subject import Subject
from language.clause import ANY_ACTIVITY, Clause
from language.finding import Finding
from language.loader import Loaded
from language.scenario import Scenario
from language.source import Path

Properties = Mapping[str, Sequence[frozenset[str]]]
"""The properties with which each event is given in scenarios, one set each time."""


def given_properties(scenarios: Sequence[Loaded[Scenario]]) -> Properties:
    found: dict[str, list[frozenset[str]]] = {}
    for loaded in scenarios:
        for given in loaded.model.given if loaded.model else ():
            if given.on is not None:
                found.setdefault(given.on, []).append(frozenset(given.with_))
    return found


def findings(subject: Subject, given: Properties) -> Iterator[Finding]:
    """The key has to stand on every event that is to reach an enrolment, unless the clause says `match: customer`."""
    key = subject.journey.key
    names = {path[1] for path in key.paths if path[0] == "event" and len(path) > 1} if key else set()
    if key is None or len(names) != 1 or "profile" in key.roots:
        return
    (name,) = names
    for path, clause in _clauses(subject):
        if clause.match is not None or clause.of is not None:
            continue
        if ANY_ACTIVITY in clause.on:
            what = f"`any_activity` counts only what carries `{name}`, the key of the journey"
            yield subject.warning(path, what, "write `match: customer` to count all activity", "keyless-event")
        elif lacking := _lacking(clause.on, name, given):
            what = f"no scenario gives `{lacking}` the property `{name}`, without which it reaches nobody"
            yield subject.warning(path, what, "write `match: customer`, or send the property along", "keyless-event")


def _clauses(subject: Subject) -> Iterator[tuple[Path, Clause]]:
    yield from ((("exit", number), clause) for number, clause in enumerate(subject.journey.exit))
    if subject.journey.goal:
        yield ("goal",), subject.journey.goal
    for path, step in subject.placed:
        yield from (((*path, *field, number), clause) for field, number, clause in written(step))


def _lacking(events: Iterable[str], name: str, given: Properties) -> str | None:
    """An event that scenarios give, and never with this property."""
    return next(
        (on for on in events if on not in OURS and given.get(on) and not any(name in one for one in given[on])), None
    )
