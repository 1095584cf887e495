"""What can be proved of journeys, messages and policy beside each other."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from language.checker import contact, digits, keys, wording
from language.checker.heard import KNOWN, misspelt, written
from language.checker.subject import Subject, close_to
from language.faults import fault
from language.finding import Finding
from language.journey import Journey
from language.loader import Loaded
from language.message import Message
from language.message_event import EVENTS
from language.policy import Policy
from language.scenario import Scenario
from language.source import Path
from language.steps import Split, Start

Subjects = Mapping[str, Subject]
MOST_NAMES = 1_000
"""Events whose spelling is looked at: comparing takes time."""


def findings(
    journeys: Sequence[Loaded[Journey]],
    messages: Sequence[Loaded[Message]],
    scenarios: Sequence[Loaded[Scenario]],
    policy: Policy,
) -> Iterator[Finding]:
    """`journeys` have the channels of their sends written out. What has errors of its own is left out."""
    message_by_id = {loaded.model.message: loaded.model for loaded in messages if loaded.model}
    subjects = {
        loaded.model.journey: Subject(loaded.model, loaded.source, message_by_id)
        for loaded in journeys
        if loaded.model and loaded.source
    }
    for loaded in messages:
        yield from wording.findings(loaded, policy)
    yield from _events(subjects)
    yield from _unsent(subjects)
    yield from _splits(subjects)
    given = keys.given_properties(scenarios)
    for subject in subjects.values():
        yield from keys.findings(subject, given)
        yield from _starts(subject, subjects)
        yield from _locales(subject)
        yield from _control(subject)
        yield from contact.findings(subject, policy)
        yield from digits.findings(subject)
    yield from _unheard(scenarios, subjects)


# --- events


def _heard(subject: Subject) -> Iterator[tuple[Path, str]]:
    """Every event's name that is written in a journey, with its place; what is `of` a step is left out."""
    journey = subject.journey
    for number, start in enumerate(journey.start):
        yield from ((("start", number), name) for name in start.on)
    for number, end in enumerate(journey.exit):
        yield from ((("exit", number), name) for name in end.on)
    yield from ((("goal",), name) for name in (journey.goal.on if journey.goal else ()))
    yield from ((("stage",), name) for name in (journey.stage.on if journey.stage else ()))
    for path, step in subject.placed:
        for field, number, clause in written(step):
            yield from (((*path, *field, number), name) for name in clause.on if clause.of is None)


def _events(subjects: Subjects) -> Iterator[Finding]:
    """Names that look like another one misspelt."""
    counts = Counter(name for subject in subjects.values() for _, name in _heard(subject))
    meant = dict(_misspelt(counts))
    for subject in subjects.values():
        for path, name in _heard(subject):
            if name in meant:
                what = f"nothing else knows an event `{name}`"
                yield subject.warning(path, what, f"did you mean `{meant[name]}`?", "near-event")


def _misspelt(counts: Counter[str]) -> Iterator[tuple[str, str]]:
    """Names and those that were meant: one of ours, or one that is named more often and is spelt nearly the same."""
    frequent = [name for name, count in counts.items() if count > 1]
    by_letters = {_letters(name): name for name, _ in reversed(counts.most_common())}
    for name in [name for name in counts if name not in KNOWN][:MOST_NAMES]:
        same = by_letters[_letters(name)]
        if counts[name] > 1 or same != name:
            found = same if same != name else None
        else:
            found = misspelt(name) or close_to(name, frequent, 0.93)
        if found:
            yield name, found


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())


def _unsent(subjects: Subjects) -> Iterator[Finding]:
    """Events about messages on a channel by which no journey sends."""
    used = {
        channel
        for subject in subjects.values()
        for step in subject.steps.values()
        for via in step.sends().values()
        for channel in via
    }
    for subject in subjects.values():
        for path, name in _heard(subject):
            if name in EVENTS and EVENTS[name][0] not in used:
                what = f"`{name}` never comes: no journey here sends by {EVENTS[name][0]}"
                yield subject.warning(path, what, "name another event, or send by that channel", "unsent-event")


def _unheard(scenarios: Sequence[Loaded[Scenario]], subjects: Subjects) -> Iterator[Finding]:
    """What a scenario gives, and its journey would hear under a name that is nearly the same."""
    heard = {name for subject in subjects.values() for _, name in _heard(subject)}
    for loaded in scenarios:
        scenario, source = loaded.model, loaded.source
        subject = subjects.get(scenario.journey) if scenario else None
        if scenario is None or source is None or subject is None:
            continue
        heard_here = {name for _, name in _heard(subject)}
        for number, given in enumerate(scenario.given):
            close = close_to(given.on, heard_here, 0.85) if given.on and given.on not in heard else None
            if close:
                what = f"no journey listens to `{given.on}`"
                found = fault(source, ("given", number), what, f"did you mean `{close}`?", "near-event")
                yield found.model_copy(update={"severity": "warning"})


# --- journeys beside journeys


def _starts(subject: Subject, subjects: Subjects) -> Iterator[Finding]:
    for path, step in subject.placed:
        if not isinstance(step, Start) or step.start == subject.journey.journey:
            continue
        other = subjects.get(step.start)
        if other is not None and not any(start.call for start in other.journey.start):
            what = f"the journey `{step.start}` cannot be started by another: it does not say `call: true`"
            remedy = f"add `- call: true` to the starts of {step.start}"
            yield subject.error((*path, "start"), what, remedy, "not-callable")


def _splits(subjects: Subjects) -> Iterator[Finding]:
    """A customer keeps the arm of an experiment everywhere, so it has the same arms everywhere."""
    first: dict[str, tuple[Subject, Split]] = {}
    for subject in subjects.values():
        for path, step in subject.placed:
            if not isinstance(step, Split):
                continue
            other, split = first.setdefault(step.split, (subject, step))
            if {arm.arm for arm in split.arms} != {arm.arm for arm in step.arms}:
                where = f"{other.source.file}, line {other.source.line(other.path_by_id[split.id])}"
                what = f"the experiment `{step.split}` has other arms in {where}"
                yield subject.error((*path, "split"), what, "give it the same arms, or another name", "other-arms")


# --- messages of a journey


def _locales(subject: Subject) -> Iterator[Finding]:
    """A language that some messages of the journey speak and others do not."""
    used = [(path, name, via) for path, step in subject.placed for name, via in step.sends().items()]
    messages = {name: subject.messages[name] for _, name, _ in used if name in subject.messages}
    tags = {tag: name for name, message in messages.items() for tag in (message.locale, *message.locales)}
    told: set[tuple[str, str]] = set()
    for path, name, via in used:
        for tag in sorted(tags) if name in messages else ():
            lacking = [channel for channel in via if not _speaks(messages[name], channel, tag)]
            if lacking and (name, tag) not in told:
                told.add((name, tag))
                by = "" if len(lacking) == len(via) else f" by {' and '.join(lacking)}"
                what = f"the message `{name}` has no text in {tag}{by}, `{tags[tag]}` has"
                yield subject.warning(path, what, f"add it under `locales: {{{tag}: …}}`", "missing-locale")


def _speaks(message: Message, channel: str, tag: str) -> bool:
    found = message.wording(channel, tag)[1]  # type: ignore[arg-type]
    return found.partition("-")[0] == tag.partition("-")[0]


def _control(subject: Subject) -> Iterator[Finding]:
    """Nobody is held out of transactional messages."""
    journey = subject.journey
    whole = [subject.messages.get(name) for step in subject.steps.values() for name in step.sends()]
    if journey.control and _is_free(whole):
        yield _idle_control(subject, ("control",))
    for name, stage in journey.stages.items():
        inside = [step for path, step in subject.placed if path[:2] == ("stages", name)]
        messages = [subject.messages.get(message) for step in inside for message in step.sends()]
        if stage.control and _is_free(messages):
            yield _idle_control(subject, ("stages", name, "control"))


def _is_free(messages: Sequence[Message | None]) -> bool:
    return all(message is not None and message.class_ == "transactional" for message in messages)


def _idle_control(subject: Subject, path: Path) -> Finding:
    what = "`control` holds nobody out: all messages here are transactional, or there are none"
    return subject.warning(path, what, "remove it, or send a service message", "idle-control")
