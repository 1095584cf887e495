"""What happened, held against what a scenario expects."""

from dataclasses import dataclass
from datetime import timedelta

from language.happening import Happening
from language.scenario import Expect, Scenario


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What was expected and did not happen, or happened and was not expected."""

    at: timedelta
    what: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """`mismatches` is empty when all agrees. `met` and `unexpected` are places in the list of what happened."""

    mismatches: list[Mismatch]
    met: frozenset[int]
    unexpected: frozenset[int]


def compare(
    scenario: Scenario, happenings: list[Happening], tolerance: timedelta = timedelta(seconds=60)
) -> list[Mismatch]:
    """Hold what happened against what the scenario expects; empty when they agree. Every send counts."""
    return held_against(scenario, happenings, tolerance).mismatches


def held_against(
    scenario: Scenario, happenings: list[Happening], tolerance: timedelta = timedelta(seconds=60)
) -> Comparison:
    """What `compare` says, and of each happening whether it was expected."""
    left = {number: happening for number, happening in enumerate(happenings) if happening.kind in _EXPECTED}
    found = [Mismatch(h.at, f"{h.name} {_WORDS[h.kind]}: {h.why}") for h in happenings if h.kind in _WORDS]
    met: set[int] = set()
    for expected in scenario.expect:
        meets = (n for n, item in left.items() if _meets(item, expected) and abs(item.at - expected.at) <= tolerance)
        match = next(meets, None)
        if match is None:
            found.append(Mismatch(expected.at, _missed(expected, list(left.values()))))
            continue
        text = left.pop(match).text or ""
        if expected.contains is not None and expected.contains not in text:
            found.append(Mismatch(expected.at, f"{_said(expected)} does not contain {expected.contains!r}"))
        else:
            met.add(match)
    unexpected = {number: item for number, item in left.items() if item.kind == "sent"}
    found += [Mismatch(it.at, f"{it.name} by {it.channel} was sent, unexpected") for it in unexpected.values()]
    return Comparison(sorted(found, key=lambda mismatch: mismatch.at), frozenset(met), frozenset(unexpected))


_WORDS = {"paused": "was paused", "cut_short": "was cut short", "impossible": "could not happen"}
_EXPECTED = ("sent", "ended", "task", "start", "call")
"""Kinds of happenings that a scenario may expect, as fields of `Expect` are ordered."""


def _meets(item: Happening, expected: Expect) -> bool:
    if expected.send is not None:
        return (item.kind, item.name, item.channel) == ("sent", expected.send, expected.via)
    wanted = {"ended": expected.outcome, "task": expected.task, "start": expected.start, "call": expected.call}
    return item.name == wanted.get(item.kind)


def _missed(expected: Expect, left: list[Happening]) -> str:
    """What did not happen, and what happened in its stead if that is plain."""
    what = f"expected {_said(expected)}, which did not happen then"
    others = [item for item in left if item.kind == "ended"] if expected.outcome else []
    return f"{what}; it ended as {others[0].name}" if others else what


def _said(expected: Expect) -> str:
    if expected.send is not None:
        return f"{expected.send} by {expected.via}"
    if expected.outcome is not None:
        return f"the outcome {expected.outcome}"
    if expected.task is not None:
        return f"the task {expected.task}"
    return f"the journey {expected.start} to start" if expected.start else f"a call of {expected.call}"
