"""Steps that do something beside messages: tasks, experiments, other journeys."""

from collections.abc import Iterator

from language.checker.subject import Subject, nearest
from language.finding import Finding
from language.message import references
from language.source import Path
from language.steps import Start, Step, Task


def findings(subject: Subject, path: Path, step: Step) -> Iterator[Finding]:
    match step:
        case Task():
            yield from _results(subject, path, step)
        case Start():
            yield from _start(subject, path, step)


def _results(subject: Subject, path: Path, step: Task) -> Iterator[Finding]:
    """Answers after which the same happens, whichever it is, and that nothing asks for."""
    if len(step.results) > 1 and not any(step.results.values()) and not _is_asked(subject, step.id):
        what = "nothing follows from any of the results, and nothing asks for them"
        yield subject.warning((*path, "results"), what, "say what follows, or leave `results` out", "idle-results")


def _is_asked(subject: Subject, step: str) -> bool:
    used = [use.expression for _, each in subject.placed for use in each.expressions()]
    paths = [path for expression in used for path in expression.paths]
    for each in subject.steps.values():
        for name in each.sends():
            message = subject.messages.get(name)
            paths += [tuple(it.name.split(".")) for it in references(message)] if message else []
    return any(path[:2] == ("steps", step) or path == ("steps",) for path in paths)


def _start(subject: Subject, path: Path, step: Start) -> Iterator[Finding]:
    if step.start == subject.journey.journey:
        what = "a journey cannot start itself"
        remedy = "go round with `go_to`, or let an event start it `again`"
        yield subject.error((*path, "start"), what, remedy, "starts-itself")
    elif subject.journeys is not None and step.start not in subject.journeys:
        remedy = nearest(step.start, subject.journeys)
        yield subject.error((*path, "start"), f"there is no journey `{step.start}`", remedy, "unknown-journey")
