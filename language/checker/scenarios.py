"""Scenarios: what they name has to exist, and what they expect has to be possible."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from language.checker.subject import close_to, nearest
from language.faults import fault
from language.finding import Finding
from language.journey import Journey
from language.loader import Loaded
from language.message import Message
from language.scenario import Expect, Given, Scenario
from language.source import Path, Source
from language.steps import Call, Coupon, Split, Start, Step, Stop, Task

CONTROL = "control/"
_WORDS_OF_ENDS = ("completed", "converted", "exited", "missing_date", "past_date", "replaced", "merged", "displaced")
"""Outcomes that are not written in the journey."""


@dataclass(frozen=True)
class ScenarioChecks:
    """What scenarios may name. `faulty_…` are there, but cannot be read: naming them is no fault of its own."""

    journeys: Mapping[str, Journey]
    faulty_journeys: frozenset[str]
    messages: Mapping[str, Message]
    faulty_messages: frozenset[str]

    def findings(self, loaded: Loaded[Scenario]) -> Iterator[Finding]:
        scenario, source = loaded.model, loaded.source
        if scenario is None or source is None:
            return
        if scenario.journey not in {*self.journeys, *self.faulty_journeys}:
            what = f"there is no journey `{scenario.journey}` in the directory above"
            yield fault(source, ("journey",), what, nearest(scenario.journey, self.journeys), "unknown-journey")
        for name in scenario.journeys:
            if name not in {*self.journeys, *self.faulty_journeys}:
                what = f"there is no journey `{name}` in the directory above"
                yield fault(source, ("journeys", name), what, nearest(name, self.journeys), "unknown-journey")
        for number, given in enumerate(scenario.given):
            if given.report is not None:
                yield from self._message(source, ("given", number), given.report[1], None)
        for number, expected in enumerate(scenario.expect):
            if expected.send is not None:
                yield from self._message(source, ("expect", number), expected.send, expected.via)
        if (journey := self.journeys.get(scenario.journey)) is not None:
            yield from _Played(source, journey, self.messages).findings(scenario)

    def _message(self, source: Source, path: Path, name: str, channel: str | None) -> Iterator[Finding]:
        message = self.messages.get(name)
        if message is None and name not in self.faulty_messages:
            yield fault(source, path, f"there is no message `{name}`", nearest(name, self.messages), "unknown-message")
        if message is not None and channel is not None and channel not in message.channels:
            what = f"the message `{name}` has no text for {channel}"
            yield fault(source, path, what, f"choose {' or '.join(message.channels)}", "no-text")


class _Played:
    """A scenario beside the journey that it plays."""

    def __init__(self, source: Source, journey: Journey, messages: Mapping[str, Message]) -> None:
        self.source, self.journey, self.messages = source, journey, messages
        self.steps: tuple[Step, ...] = tuple(journey.every_step())
        self.tasks = {step.task: step for step in self.steps if isinstance(step, Task)}
        self.splits = {step.split: step for step in self.steps if isinstance(step, Split)}

    def findings(self, scenario: Scenario) -> Iterator[Finding]:
        for number, given in enumerate(scenario.given):
            yield from self._given(("given", number), given)
        for number, expected in enumerate(scenario.expect):
            yield from self._expected(("expect", number), expected)
        yield from self._arms(scenario)
        pools = [step.coupon for step in self.steps if isinstance(step, Coupon)]
        calls = [step.call for step in self.steps if isinstance(step, Call)]
        yield from self._all(("coupons",), scenario.coupons, pools, "takes no coupon")
        yield from self._all(("answers",), scenario.answers, calls, "calls nothing named")

    def _never(self, path: Path, what: str, remedy: str) -> Finding:
        return fault(self.source, path, what, remedy, "never-done").model_copy(update={"severity": "warning"})

    def _all(self, path: Path, names: Iterable[str], known: list[str], verb: str) -> Iterator[Finding]:
        for name in names:
            yield from self._known((*path, name), name, known, verb)

    def _known(self, path: Path, name: str, known: Iterable[str], verb: str) -> Iterator[Finding]:
        """Something that the journey does not do at all."""
        names = sorted(known)
        if name not in names:
            what = f"the journey `{self.journey.journey}` {verb} `{name}`"
            yield self._never(path, what, nearest(name, names, "" if names else "remove it"))

    def _given(self, path: Path, given: Given) -> Iterator[Finding]:
        if given.done is not None:
            yield from self._known(path, given.done, self.tasks, "gives no task")
            task = self.tasks.get(given.done)
            if task and task.results and given.result is not None and given.result not in task.results:
                what = f"the task `{task.task}` has no result `{given.result}`"
                yield self._never(path, what, nearest(given.result, task.results))

    def _expected(self, path: Path, expected: Expect) -> Iterator[Finding]:
        match expected:
            case Expect(send=str(name)) if name in self.messages:
                yield from self._sent(path, name, expected.via)
            case Expect(task=str(name)):
                yield from self._known(path, name, self.tasks, "gives no task")
            case Expect(start=str(name)):
                started = {step.start for step in self.steps if isinstance(step, Start)}
                yield from self._known(path, name, started, "starts no journey")
            case Expect(call=str(name)):
                called = {step.call for step in self.steps if isinstance(step, Call)}
                yield from self._known(path, name, called, "calls nothing named")
            case Expect(outcome=str(name)):
                yield from self._outcome(path, name)

    def _sent(self, path: Path, name: str, channel: str | None) -> Iterator[Finding]:
        channels = {via for step in self.steps for sent, some in step.sends().items() if sent == name for via in some}
        sent = {message for step in self.steps for message in step.sends()}
        yield from self._known(path, name, sent, "never sends")
        if name in sent and channel in self.messages[name].channels and channel not in channels:
            what = f"the journey `{self.journey.journey}` never sends `{name}` by {channel}"
            yield self._never(path, what, f"it sends it by {' and '.join(sorted(channels))}")

    def _outcome(self, path: Path, name: str) -> Iterator[Finding]:
        """Only what is nearly the same: a journey may end in ways that stand nowhere in it."""
        known = {step.stop for step in self.steps if isinstance(step, Stop)} | {
            end.outcome for end in self.journey.exit
        }
        known.update(_WORDS_OF_ENDS)
        if name not in known and (close := close_to(name, known, 0.8)):
            what = f"the journey `{self.journey.journey}` never ends as `{name}`"
            yield self._never(path, what, f"did you mean `{close}`?")

    def _arms(self, scenario: Scenario) -> Iterator[Finding]:
        for name, arm in scenario.arms.items():
            if name.startswith(CONTROL):
                continue
            yield from self._known(("arms", name), name, self.splits, "has no experiment")
            arms = [it.arm for it in self.splits[name].arms] if name in self.splits else []
            if arms and arm not in arms:
                what = f"the experiment `{name}` has no arm `{arm}`"
                yield self._never(("arms", name), what, nearest(arm, arms))
