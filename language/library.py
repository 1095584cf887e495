"""A directory of journeys, read: everything that belongs together, with all findings about it."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TypeVar

from pydantic import BaseModel

from language.callable import destination_faults, destinations_of, named_in, unknown_calls
from language.checker import check_journey, directory
from language.checker.scenarios import ScenarioChecks
from language.destinations import FILE as DESTINATIONS
from language.destinations import Destination, Destinations
from language.finding import Finding
from language.journey import Journey
from language.loader import Loaded, load_destinations, load_journey, load_message, load_policy, load_scenario
from language.message import Message
from language.policy import Policy
from language.program import Compiled, define, digest_of, rewrite
from language.scenario import Scenario
from language.source import Path
from language.steps import Call, Send, Step

M = TypeVar("M", bound=BaseModel)
POLICY = "policy.yaml"
NOT_JOURNEYS = frozenset({POLICY, DESTINATIONS})


@dataclass(frozen=True)
class Library:
    """The journeys, messages and scenarios of a directory, by id, and by file name for scenarios."""

    journeys: Mapping[str, Journey]
    messages: Mapping[str, Message]
    scenarios: Mapping[str, Scenario]
    findings: tuple[Finding, ...] = field(default=())
    policy: Policy = field(default=Policy())
    destinations: Mapping[str, Destination] = field(default_factory=dict)
    functions: frozenset[str] = frozenset()

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def compiled(self) -> list[Compiled]:
        """What is published: each journey with the messages and destinations it names."""
        return [compile_journey(journey, self.messages, self.destinations) for journey in self.journeys.values()]


def compile_journey(
    journey: Journey, messages: Mapping[str, Message], destinations: Mapping[str, Destination] | None = None
) -> Compiled:
    """The journey as workflows carry it, its messages and its destinations; the digest covers all."""
    named = {message for step in journey.every_step() for message in step.sends()}
    bodies = {name: messages[name] for name in sorted(named)}
    definition = define(journey, {name: message.class_ for name, message in bodies.items()})
    called = {step.call for step in journey.every_step() if isinstance(step, Call)}
    calls = {name: it for name, it in sorted((destinations or {}).items()) if name in called}
    texts = [
        *(message.model_dump_json(by_alias=True, exclude_defaults=True) for message in bodies.values()),
        *(name + it.model_dump_json(exclude_defaults=True) for name, it in calls.items()),
    ]
    return Compiled(
        journey=journey.journey,
        title=journey.title or journey.journey,
        owner=journey.owner,
        definition=definition,
        digest=digest_of(definition, *texts),
        messages={
            name: message.model_dump(mode="json", by_alias=True, exclude_defaults=True)
            for name, message in bodies.items()
        },
        destinations={name: it.model_dump(mode="json", exclude_defaults=True) for name, it in calls.items()},
    )


def read_library(text_by_file: Mapping[str, str], functions: frozenset[str] = frozenset()) -> Library:
    """Read the files of a directory, by their paths as they shall appear in findings.

    `…/messages/*.yaml` are messages, `…/scenarios/*.yaml` scenarios, `policy.yaml` is the contact policy,
    `destinations.yaml` names other systems, the other `*.yaml` are journeys. `functions` are registered in Python.
    """
    kinds: dict[str, dict[str, str]] = {"messages": {}, "scenarios": {}, "journeys": {}}
    for file in sorted(text_by_file):
        path = PurePosixPath(file)
        kind = path.parent.name if path.parent.name in ("messages", "scenarios") else "journeys"
        if path.suffix == ".yaml" and path.name not in NOT_JOURNEYS:
            kinds[kind][file] = text_by_file[file]
    journeys = [load_journey(file, text) for file, text in kinds["journeys"].items()]
    messages = [load_message(file, text) for file, text in kinds["messages"].items()]
    scenarios = [load_scenario(file, text) for file, text in kinds["scenarios"].items()]
    library = _assemble(journeys, messages, scenarios)
    policies = [load_policy(file, text) for file, text in text_by_file.items() if PurePosixPath(file).name == POLICY]
    called = [load_destinations(f, text) for f, text in text_by_file.items() if PurePosixPath(f).name == DESTINATIONS]
    whole = _with_destinations(_under_policy(library, policies), journeys, called, functions)
    return _with_proofs(whole, journeys, messages, scenarios)


def _with_proofs(
    library: Library,
    journeys: Sequence[Loaded[Journey]],
    messages: Sequence[Loaded[Message]],
    scenarios: Sequence[Loaded[Scenario]],
) -> Library:
    """What only shows when all is read."""
    whole = [_with_channels(loaded, library.messages) for loaded in journeys]
    found = [*library.findings, *directory.findings(whole, messages, scenarios, library.policy)]
    found.sort(key=lambda finding: (finding.file, finding.line))
    return replace(library, findings=tuple(dict.fromkeys(found)))


def _with_destinations(
    library: Library,
    journeys: Sequence[Loaded[Journey]],
    files: Sequence[Loaded[Destinations]],
    functions: frozenset[str],
) -> Library:
    findings = [*library.findings, *destination_faults(files, functions)]
    known = named_in(files) | functions
    findings += [fault for it in journeys if it.source for fault in unknown_calls(it.source, known)]
    findings.sort(key=lambda finding: (finding.file, finding.line))
    return replace(
        library, destinations=destinations_of(files), functions=functions, findings=tuple(dict.fromkeys(findings))
    )


def _under_policy(library: Library, policies: Sequence[Loaded[Policy]]) -> Library:
    findings = [*library.findings, *(finding for loaded in policies for finding in loaded.findings)]
    topics = {message.topic for message in library.messages.values() if message.topic}
    findings += [fault for loaded in policies for fault in _idle_caps(loaded, topics)]
    findings += [fault for loaded in policies for fault in _unpriced(loaded)]
    for loaded in policies[1:]:
        what = f"there is a policy in {policies[0].file} as well"
        findings.append(_fault(loaded, ("file",), what, "keep one of them", "same-id"))
    findings.sort(key=lambda finding: (finding.file, finding.line))
    policy = next((loaded.model for loaded in policies if loaded.model), Policy())
    return replace(library, policy=policy, findings=tuple(findings))


def _idle_caps(loaded: Loaded[Policy], topics: Iterable[str]) -> Iterator[Finding]:
    """A cap for messages about something that no message is about."""
    for number, cap in enumerate(loaded.model.caps if loaded.model else ()):
        for topic in cap.topic:
            if topic not in topics:
                what = f"no message has the topic `{topic}` that the cap {cap.name} is for"
                yield _fault(loaded, ("caps", number, "topic"), what, _nearest(topic, topics), "unknown-topic")


def _unpriced(loaded: Loaded[Policy]) -> Iterator[Finding]:
    """A budget for a channel that costs nobody knows what."""
    for number, budget in enumerate(loaded.model.budgets if loaded.model else ()):
        for channel in budget.channel:
            if loaded.model and loaded.model.costs.worst(channel) is None:
                what = f"the budget {budget.name} is for {channel}, which has no price: so it never fills"
                remedy = f"add `{channel}: …` under `costs:`"
                found = _fault(loaded, ("budgets", number, "channel"), what, remedy, "no-price")
                yield found.model_copy(update={"severity": "warning"})


def _assemble(
    journeys: list[Loaded[Journey]], messages: list[Loaded[Message]], scenarios: list[Loaded[Scenario]]
) -> Library:
    findings = [finding for loaded in messages for finding in loaded.findings]
    findings += [finding for loaded in scenarios for finding in loaded.findings]
    message_by_id = {item.model.message: item.model for item in messages if item.model}
    defaulted = [_with_channels(loaded, message_by_id) for loaded in journeys]
    ids = frozenset(loaded.model.journey for loaded in defaulted if loaded.model)
    faulty_journeys, faulty_messages = _faulty(journeys, "journey"), _faulty(messages, "message")
    for loaded in defaulted:
        findings += check_journey(loaded, message_by_id, ids | faulty_journeys, faulty_messages)
    findings += [*_misnamed(defaulted, "journey"), *_misnamed(messages, "message")]
    readable = {loaded.model.journey: loaded.model for loaded in defaulted if loaded.model}
    checks = ScenarioChecks(readable, faulty_journeys, message_by_id, faulty_messages)
    findings += [fault for loaded in scenarios for fault in checks.findings(loaded)]
    findings.sort(key=lambda finding: (finding.file, finding.line))
    return Library(
        journeys=readable,
        messages=message_by_id,
        scenarios={loaded.file: loaded.model for loaded in scenarios if loaded.model},
        findings=tuple(findings),
    )


def _faulty(files: Sequence[Loaded[M]], kind: str) -> frozenset[str]:
    """The ids that files would give if they had no faults: naming them elsewhere is no fault of its own."""
    stems = [(PurePosixPath(loaded.file).stem, loaded.model) for loaded in files]
    return frozenset(stem for stem, model in stems if model is None or getattr(model, kind) != stem)


def _with_channels(loaded: Loaded[Journey], messages: Mapping[str, Message]) -> Loaded[Journey]:
    """Write out the channel of a send whose message has only one."""
    if loaded.model is None:
        return loaded

    def only_channel(_: Step, step: Step) -> Step:
        message = messages.get(step.send) if isinstance(step, Send) and not step.via else None
        return step.model_copy(update={"via": message.channels}) if message and len(message.channels) == 1 else step

    return replace(loaded, model=rewrite(loaded.model, only_channel))


def _misnamed(files: Sequence[Loaded[M]], kind: str) -> Iterator[Finding]:
    """A file is named for its id, and an id is taken once."""
    file_by_id: dict[str, str] = {}
    for loaded in files:
        if loaded.model is None:
            continue
        name, stem = str(getattr(loaded.model, kind)), PurePosixPath(loaded.file).stem
        if name != stem:
            remedy = f"name the file {name}.yaml, or write `{kind}: {stem}`"
            yield _fault(loaded, (kind,), f"the file {stem}.yaml holds the {kind} `{name}`", remedy, "file-name")
        elif name in file_by_id:
            what = f"the {kind} `{name}` is also in {file_by_id[name]}"
            yield _fault(loaded, (kind,), what, "keep one of them, or rename one", "same-id")
        file_by_id.setdefault(name, loaded.file)


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean `{close[0]}`?" if close else f"there are {', '.join(names) or 'none'}"


def _fault(loaded: Loaded[M], path: Path, what: str, remedy: str, code: str) -> Finding:
    line = loaded.source.line(path) if loaded.source else 1
    return Finding(file=loaded.file, line=line, step=str(path[0]), what=what, remedy=remedy, code=code)
