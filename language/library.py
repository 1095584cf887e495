"""A directory of journeys, read: everything that belongs together, with all findings about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TypeVar

from pydantic import BaseModel

from language.checker import check_journey
from language.finding import Finding
from language.journey import Journey
from language.loader import Loaded, load_journey, load_message, load_scenario
from language.message import Message
from language.program import Compiled, define, digest_of, rewrite
from language.scenario import Scenario
from language.source import Path
from language.steps import Send, Step

M = TypeVar("M", bound=BaseModel)
NOT_JOURNEYS = frozenset({"policy.yaml", "destinations.yaml"})


@dataclass(frozen=True)
class Library:
    """The journeys, messages and scenarios of a directory, by id, and by file name for scenarios."""

    journeys: Mapping[str, Journey]
    messages: Mapping[str, Message]
    scenarios: Mapping[str, Scenario]
    findings: tuple[Finding, ...] = field(default=())

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def compiled(self) -> list[Compiled]:
        """What is published: each journey with the messages it names."""
        return [compile_journey(journey, self.messages) for journey in self.journeys.values()]


def compile_journey(journey: Journey, messages: Mapping[str, Message]) -> Compiled:
    """The journey as workflows carry it, and its messages; the digest covers both."""
    definition = define(journey)
    named = {step.send for step in journey.every_step() if isinstance(step, Send)}
    bodies = {name: messages[name] for name in sorted(named)}
    texts = [message.model_dump_json(by_alias=True, exclude_defaults=True) for message in bodies.values()]
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
    )


def read_library(text_by_file: Mapping[str, str]) -> Library:
    """Read the files of a directory, by their paths as they shall appear in findings.

    `…/messages/*.yaml` are messages, `…/scenarios/*.yaml` scenarios, the other `*.yaml` journeys.
    """
    kinds: dict[str, dict[str, str]] = {"messages": {}, "scenarios": {}, "journeys": {}}
    for file in sorted(text_by_file):
        path = PurePosixPath(file)
        kind = path.parent.name if path.parent.name in ("messages", "scenarios") else "journeys"
        if path.suffix == ".yaml" and path.name not in NOT_JOURNEYS:
            kinds[kind][file] = text_by_file[file]
    return _assemble(
        [load_journey(file, text) for file, text in kinds["journeys"].items()],
        [load_message(file, text) for file, text in kinds["messages"].items()],
        [load_scenario(file, text) for file, text in kinds["scenarios"].items()],
    )


def _assemble(
    journeys: list[Loaded[Journey]], messages: list[Loaded[Message]], scenarios: list[Loaded[Scenario]]
) -> Library:
    findings = [finding for loaded in messages for finding in loaded.findings]
    findings += [finding for loaded in scenarios for finding in loaded.findings]
    message_by_id = {item.model.message: item.model for item in messages if item.model}
    defaulted = [_with_channels(loaded, message_by_id) for loaded in journeys]
    ids = frozenset(loaded.model.journey for loaded in defaulted if loaded.model)
    for loaded in defaulted:
        findings += check_journey(loaded, message_by_id, ids)
    findings += _misnamed(defaulted, "journey")
    findings += _misnamed(messages, "message")
    findings += [fault for loaded in scenarios for fault in _scenario_faults(loaded, ids, message_by_id)]
    findings.sort(key=lambda finding: (finding.file, finding.line))
    return Library(
        journeys={loaded.model.journey: loaded.model for loaded in defaulted if loaded.model},
        messages=message_by_id,
        scenarios={loaded.file: loaded.model for loaded in scenarios if loaded.model},
        findings=tuple(findings),
    )


def _with_channels(loaded: Loaded[Journey], messages: Mapping[str, Message]) -> Loaded[Journey]:
    """Write out the channel of a send whose message has only one."""
    if loaded.model is None:
        return loaded

    def only_channel(_: Step, step: Step) -> Step:
        message = messages.get(step.send) if isinstance(step, Send) and not step.via else None
        return step.model_copy(update={"via": message.channels}) if message and len(message.channels) == 1 else step

    return Loaded(rewrite(loaded.model, only_channel), loaded.findings, loaded.source)


def _misnamed(files: Sequence[Loaded[M]], kind: str) -> Iterator[Finding]:
    """A file is named for its id, so that an id is taken once."""
    for loaded in files:
        name = getattr(loaded.model, kind, None)
        stem = PurePosixPath(loaded.file).stem
        if loaded.model is not None and name != stem:
            remedy = f"name the file {name}.yaml, or write `{kind}: {stem}`"
            yield _fault(loaded, (kind,), f"the file {stem}.yaml holds the {kind} `{name}`", remedy, "file-name")


def _scenario_faults(
    loaded: Loaded[Scenario], journeys: frozenset[str], messages: Mapping[str, Message]
) -> Iterator[Finding]:
    scenario = loaded.model
    if scenario is None:
        return
    if scenario.journey not in journeys:
        what = f"there is no journey `{scenario.journey}` without errors in the directory above"
        yield _fault(
            loaded, ("journey",), what, f"there are {', '.join(sorted(journeys)) or 'none'}", "unknown-journey"
        )
    for number, expected in enumerate(scenario.expect):
        if expected.send is not None and expected.send not in messages:
            what = f"there is no message `{expected.send}`"
            yield _fault(loaded, ("expect", number), what, "write the id of a file in messages/", "unknown-message")


def _fault(loaded: Loaded[M], path: Path, what: str, remedy: str, code: str) -> Finding:
    line = loaded.source.line(path) if loaded.source else 1
    return Finding(file=loaded.file, line=line, step=str(path[0]), what=what, remedy=remedy, code=code)
