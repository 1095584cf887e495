"""Events that steps listen for: about messages that go out, about tasks that are given, about anything else."""

from collections.abc import Iterator

from language.checker.subject import Subject, close_to, nearest
from language.clause import ANY_ACTIVITY, Clause
from language.consent import CONSENT_EVENTS
from language.finding import Finding
from language.message_event import EVENTS
from language.source import Path
from language.steps import Repeat, Step, Task, Until, Wait, WaitFor

TASK_COMPLETED = "Task Completed"
OURS = frozenset({*EVENTS, TASK_COMPLETED, ANY_ACTIVITY})
"""Names of events that Sojourn itself makes about what its journeys do."""

KNOWN = OURS | CONSENT_EVENTS
"""With those that it makes of what customers say about being written to."""


def findings(subject: Subject, path: Path, step: Step) -> Iterator[Finding]:
    for field, number, clause in written(step):
        place = (*path, *field, number)
        yield from _of(subject, path, place, clause)
        yield from _about_ours(subject, place, clause)
        if clause.match and subject.journey.key is None:
            what = "`match` has no use in a journey without a key"
            yield subject.warning(place, what, "remove it", "idle-match")


def written(step: Step) -> Iterator[tuple[Path, int, Clause]]:
    """The clauses that somebody wrote into a step, with their fields."""
    match step:
        case WaitFor():
            yield from ((("wait_for",), number, clause) for number, clause in enumerate(step.wait_for))
            yield from ((("reset_on",), number, clause) for number, clause in enumerate(step.reset_on))
        case Repeat():
            yield from ((("until",), number, clause) for number, clause in enumerate(step.until))
        case Wait(wait=Until(rearm_on=clauses)):
            yield from ((("wait", "rearm_on"), number, clause) for number, clause in enumerate(clauses))


def _of(subject: Subject, path: Path, place: Path, clause: Clause) -> Iterator[Finding]:
    """`of` names a step that sends what the event is about, or that gives the task."""
    if clause.of is None:
        return
    about = [step.id for step in subject.steps.values() if step.sends() or isinstance(step, Task)]
    if clause.of not in about:
        what = f"`of: {clause.of}` names no send"
        yield subject.error(path, what, nearest(clause.of, about), "unknown-of")
    elif foreign := [name for name in clause.on if name not in OURS]:
        what = f"`{foreign[0]}` is no event about a message, so it never comes `of: {clause.of}`"
        yield subject.error(place, what, nearest(foreign[0], EVENTS, "remove `of`", 0.7), "idle-of")


def _about_ours(subject: Subject, place: Path, clause: Clause) -> Iterator[Finding]:
    step = subject.steps.get(clause.of or "")
    if step is None:
        return
    sent = {channel for channels in step.sends().values() for channel in channels}
    for name in clause.on:
        if name in EVENTS and not isinstance(step, Task) and EVENTS[name][0] not in sent:
            via = " and ".join(sorted(sent)) or "no channel"
            what = f"`{name}` never comes: `{step.id}` sends by {via}"
            yield subject.error(place, what, "name an event of that channel, or another step", "unsent-event")
        elif (name == TASK_COMPLETED) != isinstance(step, Task) and name in OURS - {ANY_ACTIVITY}:
            what = f"`{name}` never comes of `{step.id}`"
            yield subject.error(place, what, "name another step in `of`", "unsent-event")


def misspelt(name: str) -> str | None:
    """The event of ours that was meant by a name that is none."""
    return close_to(name, KNOWN, 0.85) if name not in KNOWN else None
