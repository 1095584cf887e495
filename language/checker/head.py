"""The head of a journey: starts, exit, goal, key."""

from collections.abc import Iterator

from language.checker.subject import Subject
from language.clause import Clause
from language.finding import Finding
from language.program import LARGEST, define


def findings(subject: Subject) -> Iterator[Finding]:
    yield from _not_built(subject)
    yield from _clauses(subject)
    yield from _key(subject)
    yield from _goal(subject)
    yield from _title(subject)
    yield from _size(subject)


def _not_built(subject: Subject) -> Iterator[Finding]:
    for number, start in enumerate(subject.journey.start):
        if start.audience:
            what = "starts by audience are not built in this release"
            yield subject.error(("start", number), what, "start on an event, a `date`, or `every`", "not-built")


def _clauses(subject: Subject) -> Iterator[Finding]:
    clauses: list[tuple[str, Clause]] = [("exit", clause) for clause in subject.journey.exit]
    if subject.journey.goal:
        clauses.append(("goal", subject.journey.goal))
    for name, clause in clauses:
        if clause.match and subject.journey.key is None:
            what = "`match` has no use in a journey without a key"
            yield subject.warning((name,), what, "remove it", "idle-match")
        if clause.of:
            yield subject.error((name,), "`of` has no use here", "remove it; use it in a wait_for", "idle-of")


def _key(subject: Subject) -> Iterator[Finding]:
    key = subject.journey.key
    if key is not None and key.roots.isdisjoint({"event", "profile"}):
        yield subject.error(
            ("key",), "the key is the same for every event", "use event.…, or remove it", "constant-key"
        )


def _goal(subject: Subject) -> Iterator[Finding]:
    """What asks for a goal needs one."""
    if subject.journey.goal is not None:
        return
    for path, step in subject.placed:
        if step.awaits_goal() or getattr(step, "winner", None) is not None:
            what = "it goes by the goal, and the journey has none"
            yield subject.error(path, what, "add `goal: …` to the head", "no-goal")


def _title(subject: Subject) -> Iterator[Finding]:
    if not subject.journey.title:
        yield subject.warning((), "the journey has no title", "add `title: …` for people to read", "no-title")


def _size(subject: Subject) -> Iterator[Finding]:
    size = len(define(subject.journey).encode())
    if size > LARGEST:
        what = f"the journey is {size // 1024} KB without its notes; at most {LARGEST // 1024} KB can be carried"
        yield subject.error((), what, "split it into several journeys", "too-large")
