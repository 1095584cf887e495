"""A generated directory on the fake port: with full histories, dying runs, Temporal away, or a pause."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Self, cast

from api.reconciler import resumption
from language.channel import Channel
from language.delivery import Fact
from language.interpreter import Interpreter
from language.journey import Journey
from language.lot import HELD_OUT
from language.message_event import Report, event_name, reports_of
from language.port import Answer, Deed, DrawArm, OpenTask, Progress, Receipt, SendMessage, TakeCoupon
from language.scenario import Given, Scenario, at_beginning
from language.state import State
from language.steps.doing import TASK_COMPLETED
from store.reconcile import trace_of
from tests.language.fake_port import BEGAN, Sent, World
from workflows.journey import first_state

HORIZON = timedelta(days=30)
Stretch = tuple[str, str]
"""Lengths of time since the beginning: from, until."""


class Ledgers:
    """What PostgreSQL answers, the same whenever it is asked again with the same key."""

    def __init__(self, arm: int, refuses: frozenset[str]) -> None:
        self._arm, self._refuses = arm, refuses
        self._answers: dict[tuple[str, str, str], Answer] = {}
        self._receipts: dict[str, Receipt] = {}

    def send(self, order: SendMessage) -> Receipt:
        verdict: Any = "undeliverable" if order.channel in self._refuses else "sent"
        return self._receipts.setdefault(order.key, Receipt(verdict=verdict))

    def do(self, deed: Deed) -> Answer:
        name = deed.key, deed.activity, getattr(deed, "experiment", "")
        if name not in self._answers:
            self._answers[name] = self._decided(deed, len(self._answers))
        return self._answers[name]

    def _decided(self, deed: Deed, number: int) -> Answer:
        match deed:
            case DrawArm(shares=shares):
                usual = [arm for arm in shares if arm != HELD_OUT]
                return Answer(verdict="done", result={"arm": usual[self._arm % len(usual)]})
            case TakeCoupon() if self._arm:
                return Answer(verdict="refused", reason="empty")
        return Answer(verdict="done", result={"code": f"c{number}", "task_id": number})


@dataclass
class Played(World):
    """What is reported concerns the message sent last under that name; what is completed, the task opened last.

    `dies`: at every sleep the run dies, and another goes on from what PostgreSQL has.
    """

    dies: bool = False
    written: Progress | None = None

    def __post_init__(self) -> None:
        self.rolls_over = self.rolls_over or self.dies
        super().__post_init__()

    def _write(self, progress: Progress) -> None:
        super()._write(progress)
        self.written = progress if progress.ended_as is None else self.written

    def _make(self, state: State) -> Interpreter:
        if not self.dies or self.written is None:
            return super()._make(state)
        seen_seq = self.written.seen_seq
        visits = sorted(self.traces.values(), key=lambda visit: (visit.entered_at, visit.visit))
        trace = trace_of([visit.model_dump() for visit in visits], self.written.step)
        interpreter = super()._make(first_state(self._properties, resumption(trace, seen_seq), None))
        interpreter.absorb([delivery for delivery in self.deliveries if delivery.seq > seen_seq])
        return interpreter

    def plan(self, given: Given) -> None:
        when = f"{given.at.total_seconds():.0f}s"
        if given.traits is not None:
            self.at(when, partial(self.profile.update, at_beginning(given.traits, BEGAN)))
        elif given.report is not None:
            self.at(when, partial(self._report, *given.report))
        elif given.done is not None:
            self.at(when, partial(self._complete, given.done, given.result))
        else:
            self.at(when, partial(self.happen, str(given.on), at_beginning(given.with_, BEGAN)))

    def _report(self, report: Report, message: str) -> None:
        for sent in reversed(self.sent):
            channel = cast(Channel, sent.channel)
            if sent.message == message and report in reports_of(channel):
                _, step, visit, _ = sent.key.split("/")
                about = {"step": step, "visit": visit, "channel": channel, "message": message}
                return self._hear_of(event_name(channel, report), about, about)
        return None

    def _complete(self, task: str, result: str | None) -> None:
        opened = [deed for deed in self.deeds if isinstance(deed, OpenTask) and deed.task == task]
        if opened:
            about = {"step": opened[-1].step, "visit": str(opened[-1].visit), "task": task}
            self._hear_of(TASK_COMPLETED, {"result": result}, about)

    def _hear_of(self, name: str, properties: dict[str, Any], about: dict[str, str]) -> None:
        if self.outcome is None:
            fact = Fact(name=name, properties=properties, at=self.now_at, about=about)
            self.events.append(fact)
            self.deliver(kind="event", fact=fact)

    async def run(self) -> Self:
        await super().run()
        return self

    @property
    def log(self) -> list[str]:
        """Each message once, when it first went out: a claim that is repeated is answered, and nothing is sent."""
        first: dict[str, Sent] = {}
        for sent in self.sent:
            first.setdefault(sent.key, sent)
        return [f"{sent} {sent.key}" for sent in first.values()]

    @property
    def done(self) -> set[tuple[str, str]]:
        """Beside draws of an arm: those are the customer's, whichever step asks."""
        return {(deed.activity, deed.key) for deed in self.deeds if not isinstance(deed, DrawArm)}


def planned(
    journey: Journey,
    scenario: Scenario,
    *,
    arm: int = 0,
    rolls_over: bool = False,
    dies: bool = False,
    away: Stretch | None = None,
    paused: Stretch | None = None,
) -> Played:
    first, *others = scenario.given
    start = at_beginning(first.with_, BEGAN)
    ledgers = Ledgers(arm, frozenset({"web_push"} if arm else {"email"}))
    world = Played(
        journey,
        start=start,
        key=str(start["k"]) if journey.key else "",
        profile=at_beginning(scenario.customer.traits, BEGAN),
        rolls_over=rolls_over,
        dies=dies,
        horizon=HORIZON,
        answer=ledgers.send,
        answer_deed=ledgers.do,
    )
    if away:
        world.away(*away)
    if paused:
        world.command(paused[0], "pause").command(paused[1], "resume")
    for given in others:
        world.plan(given)
    return world
