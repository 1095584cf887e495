"""Steps that send: the message, its channels, and the values that it shows."""

from collections.abc import Iterator

from language.channel import BUILT
from language.checker.names import unknown_field
from language.checker.subject import Subject, nearest
from language.finding import Finding
from language.message import Message, Reference, references
from language.opt_out_offer import TEMPLATE_VALUES
from language.source import Path
from language.steps import ROOTS, Cascade, Send, Step


def findings(subject: Subject, path: Path, step: Send | Cascade) -> Iterator[Finding]:
    name = step.send if isinstance(step, Send) else step.cascade
    message = subject.messages.get(name)
    if message is None:
        if name not in subject.faulty_messages:
            remedy = nearest(name, subject.messages, f"write messages/{name}.yaml")
            yield subject.error((*path, step.verb), f"there is no message `{name}`", remedy, "unknown-message")
        return
    yield from _channels(subject, path, step, message)
    yield from _values(subject, path, step, message)
    if isinstance(step, Cascade):
        yield from _rungs(subject, path, step)
    if message.class_ == "transactional" and step.on_cap != type(step).model_fields["on_cap"].default:
        what = f"`on_cap` has no effect: `{name}` is transactional and passes every cap"
        yield subject.warning((*path, "on_cap"), what, "remove it", "idle-on-cap")


def _channels(subject: Subject, path: Path, step: Send | Cascade, message: Message) -> Iterator[Finding]:
    name, has = message.message, ", ".join(message.channels)
    via = step.via or message.channels if isinstance(step, Send) else [rung.channel for rung in step.via]
    if not step.via and len(message.channels) > 1:
        what = f"the message `{name}` goes by {has}, and `via` is missing"
        yield subject.error(path, what, f"add `via: {message.channels[0]}`, for example", "no-via")
    for number, channel in enumerate(via):
        place: Path = (*path, "via", number) if isinstance(step, Cascade) else (*path, "via")
        if channel not in message.channels:
            what = f"the message `{name}` has no text for {channel}"
            yield subject.error(place, what, f"write one, or choose {has}", "no-text")
        elif channel not in BUILT:
            what = f"{channel} is not built in this release"
            yield subject.error(place, what, f"choose {' or '.join(BUILT)}", "not-built")


def _rungs(subject: Subject, path: Path, step: Cascade) -> Iterator[Finding]:
    number, last = len(step.via) - 1, step.via[-1]
    if last.until is not None and last.wait is None and last.channel != "voice" and step.prefer is None:
        what = f"`until: {last.until}` of the last channel has no effect, for nothing is waited for"
        remedy = f"remove it, or write `{last.channel}: {{wait: 1h, until: {last.until}}}`"
        yield subject.warning((*path, "via", number), what, remedy, "idle-until")


def _values(subject: Subject, path: Path, step: Send | Cascade, message: Message) -> Iterator[Finding]:
    """What the message shows must be something that this step can give it."""
    shown = references(message)
    told: set[str] = set()
    for reference in shown:
        if reference.name not in told and (fault := _unknown_value(subject, step, message, reference)):
            told.add(reference.name)
            yield subject.error(path, *fault)
    used = {reference.root for reference in shown}
    for name in step.with_:
        if name not in used:
            what = f"the message `{message.message}` does not use `{name}`"
            remedy = "remove it, or use it in the text"
            yield subject.warning((*path, "with"), what, remedy, "idle-value")


def _unknown_value(subject: Subject, step: Step, message: Message, reference: Reference) -> tuple[str, str, str] | None:
    root, *rest = reference.name.split(".")
    where = f"the message `{message.message}` ({reference.field}, line {reference.line}) shows `{reference.name}`"
    given = list(getattr(step, "with_", ()))
    if root not in ROOTS | TEMPLATE_VALUES and root not in given:
        remedy = nearest(root, [*ROOTS, *TEMPLATE_VALUES, *given], f"give it with `with: {{{root}: …}}`")
        return f"{where}, which exists nowhere", remedy, "unknown-value"
    if root == "steps" and rest and rest[0] not in subject.steps:
        return f"{where}, but there is no step `{rest[0]}`", nearest(rest[0], subject.steps), "unknown-value"
    if root == "event" and not subject.has_events:
        what = f"{where}, but no wait_for of the journey gives an event"
        return what, "use start.… for the event that started it", "unknown-value"
    if root == "steps" and (fault := unknown_field(subject, (root, *rest))):
        return f"{where}, but {fault[0]}", fault[1], "unknown-value"
    return None
