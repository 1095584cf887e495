"""What can be proved about a journey before it is published: one module for each subject."""

from collections.abc import Iterator, Mapping

from language.checker import conditions, doing, head, heard, names, outcomes, sending, stages, waiting, ways
from language.checker.subject import Subject, nearest
from language.clause import Use
from language.faults import raw_steps
from language.finding import Finding
from language.journey import Journey
from language.loader import Loaded
from language.message import Message
from language.source import Path
from language.steps import Branch, Cascade, Send, Step

__all__ = ["check_journey", "subject_of"]

_SURE = frozenset(
    [
        "always-true",
        "constant-key",
        "dead-way",
        "idle-until",
        "never-true",
        "no-event",
        "no-text",
        "not-a-condition",
        "not-a-moment",
        "not-a-number",
        "not-built",
        "not-computable",
        "same-id",
        "same-status",
        "starts-itself",
        "type-mismatch",
        "unknown-function",
        "unknown-message",
        "unknown-name",
        "wrong-arguments",
    ]
)
"""Codes that hold also when faulty parts of the file were cut out."""
_SURE_WITH_ALL_STEPS = frozenset(["unknown-field-of-step", "unknown-of", "unknown-step-name", "unknown-target"])


def check_journey(
    loaded: Loaded[Journey],
    messages: Mapping[str, Message],
    journeys: frozenset[str] | None = None,
    faulty_messages: frozenset[str] = frozenset(),
) -> list[Finding]:
    """All findings about one loaded journey. `messages` are those of its directory, `journeys` the ids of all.

    `faulty_messages` are there, but cannot be read: they have findings of their own.
    """
    sound = loaded if loaded.model is not None else loaded.sound
    if sound is None or sound.model is None or sound.source is None or loaded.source is None:
        return list(loaded.findings)
    found = _findings(Subject(sound.model, sound.source, messages, journeys, faulty_messages))
    if sound is not loaded:
        has_all_steps = len(list(raw_steps(loaded.source.data))) == len(list(raw_steps(sound.source.data)))
        codes = _SURE | _SURE_WITH_ALL_STEPS if has_all_steps else _SURE
        found = (finding for finding in found if finding.code in codes)
    return sorted(dict.fromkeys([*loaded.findings, *found]), key=lambda finding: finding.line)


def subject_of(loaded: Loaded[Journey], messages: Mapping[str, Message]) -> Subject | None:
    """A journey without errors of its own, for what is to be proved of it beside others."""
    if loaded.model is None or loaded.source is None:
        return None
    return Subject(loaded.model, loaded.source, messages)


def _findings(subject: Subject) -> Iterator[Finding]:
    yield from head.findings(subject)
    for use in subject.journey.head_uses():
        yield from _use(subject, (), use)
    yield from stages.findings(subject)
    yield from _duplicate_ids(subject)
    for path, step in subject.placed:
        yield from _step(subject, path, step)
    yield from ways.findings(subject)


def _duplicate_ids(subject: Subject) -> Iterator[Finding]:
    seen: dict[str, Path] = {}
    for path, step in subject.placed:
        if step.id in seen:
            what = f"the id `{step.id}` is taken, in line {subject.source.line(seen[step.id])}"
            yield subject.error(path, what, "write an `id` of its own", "same-id")
        seen.setdefault(step.id, path)


def _step(subject: Subject, path: Path, step: Step) -> Iterator[Finding]:
    for use in step.expressions():
        yield from _use(subject, path, use)
    for target in step.targets():
        if target not in subject.places:
            remedy = nearest(target, subject.places)
            yield subject.error(path, f"there is no step `{target}`", remedy, "unknown-target")
    yield from heard.findings(subject, path, step)
    yield from waiting.findings(subject, path, step)
    yield from doing.findings(subject, path, step)
    if isinstance(step, Send | Cascade):
        yield from sending.findings(subject, path, step)
    if isinstance(step, Branch):
        yield from conditions.branch(subject, path, step)


def _use(subject: Subject, path: Path, use: Use) -> Iterator[Finding]:
    named = list(names.findings(subject, path, use))
    yield from named or list(conditions.findings(subject, path, use)) or outcomes.findings(subject, path, use)
