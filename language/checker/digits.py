"""Digits that are waited for, of a call that asks for none."""

from collections.abc import Iterator

from language.checker.heard import written
from language.checker.subject import Subject
from language.clause import Clause
from language.finding import Finding
from language.message import Message
from language.message_event import event_name
from language.source import Path

PRESSED = event_name("voice", "pressed")


def findings(subject: Subject) -> Iterator[Finding]:
    """Of a journey whose sends have their channels written out."""
    for path, step in subject.placed:
        for field, number, clause in written(step):
            yield from _unasked(subject, (*path, *field, number), clause)


def _unasked(subject: Subject, place: Path, clause: Clause) -> Iterator[Finding]:
    """Nothing where a message is not known, or none goes by telephone: that is found elsewhere."""
    calls = _calls(subject, clause)
    if PRESSED not in clause.on or not calls or not calls <= subject.messages.keys():
        return
    if not any(_asks(subject.messages[name]) for name in calls):
        what = f"`{PRESSED}` never comes: {' and '.join(f'`{name}`' for name in sorted(calls))} asks for no digits"
        yield subject.warning(place, what, "add `gather` under the message's `voice`", "unasked-digits")


def _calls(subject: Subject, clause: Clause) -> set[str]:
    """The messages of the calls that the clause may be about."""
    steps = [step for id, step in subject.steps.items() if clause.of in (None, id)]
    return {message for step in steps for message, channels in step.sends().items() if "voice" in channels}


def _asks(message: Message) -> bool:
    calls = (wording.voice for wording in (message, *message.locales.values()))
    return any(call is not None and call.gather is not None for call in calls)
