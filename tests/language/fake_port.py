"""A world of one customer in one journey: a clock that only sleeping moves, and PostgreSQL and providers in memory.

It keeps the rules of the real ones: deliveries are numbered, a send passes only when the run has seen all of them,
and what was committed stays to be caught up even if its signal comes late or never.
"""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from language.delivery import Command, Delivery, Fact
from language.duration import parse_duration
from language.interpreter import Interpreter
from language.journey import Journey
from language.listening import ACTIVITY, Listener, Occurrence
from language.loader import load_journey
from language.port import (
    MOST_EVENTS,
    Answer,
    Deed,
    Known,
    LookUp,
    Progress,
    Receipt,
    SendMessage,
    SetTraits,
    Standing,
    StepTrace,
)
from language.program import define, program
from language.state import Enrolment, State

BEGAN = datetime(2026, 1, 5, 9, tzinfo=UTC)
STEP = "step"


class Idle(Exception):
    """Nothing will wake the run again, or not within the world's time."""


class RollOver(Exception):
    """The history is full: go on from the state alone."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that went out, that long after the beginning."""

    at: timedelta
    message: str
    channel: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.at.total_seconds() / 3600:g}h {self.message} {self.channel}"


@dataclass
class World:
    """`tells` is false while Temporal is away: what happens is committed, and no signal comes.

    `answer` decides sends that the rules let through. `rolls_over`: every sleep begins on a fresh interpreter.
    """

    journey: Journey
    start: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    profile: dict[str, Any] = field(default_factory=dict)
    zone: str = "UTC"
    rolls_over: bool = False
    horizon: timedelta = timedelta(days=400)
    answer: Callable[[SendMessage], Receipt] = lambda _: Receipt(verdict="sent")
    answer_deed: Callable[[Deed], Answer] = lambda _: Answer(verdict="done")

    now_at: datetime = BEGAN
    tells: bool = True
    is_paused: bool = False
    outcome: str | None = None
    is_ended: bool = False
    last_seen_at: datetime | None = BEGAN
    sent: list[Sent] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)
    orders: list[SendMessage] = field(default_factory=list)
    messages: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    events: list[Fact] = field(default_factory=list)
    traces: dict[tuple[str, int], StepTrace] = field(default_factory=dict)
    pauses: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    writes: int = 0
    look_ups: list[LookUp] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._plan: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()
        self._listener = Listener(self.journey, 1)
        self._properties = dict(self.start)
        self._has_slept = False
        self.interpreter = self._make(State(step=program(self.definition).first, start=dict(self.start)))

    # --- what a test says

    @property
    def definition(self) -> str:
        return define(self.journey)

    def at(self, when: str, do: Callable[[], None]) -> "World":
        """Have something done that long after the beginning, in the order said."""
        heapq.heappush(self._plan, (BEGAN + parse_duration(when), next(self._numbers), do))
        return self

    def event(self, when: str, name: str, **properties: Any) -> "World":
        return self.at(when, lambda: self.happen(name, properties))

    def about(self, when: str, name: str, step: str, channel: str = "email", visit: int = 1, **what: Any) -> "World":
        about = {"step": step, "channel": channel, "message": "m", "visit": str(visit)}
        fact = Fact(name=name, at=BEGAN + parse_duration(when), properties=about | what, about=about)

        def tell() -> None:
            self.events.append(fact)
            self.deliver(kind="event", fact=fact)

        return self.at(when, tell)

    def command(self, when: str, command: Command, step: str | None = None) -> "World":
        return self.at(when, lambda: self.tell(command, step))

    def away(self, since: str, until: str) -> "World":
        """Temporal is away between these two moments; then the relay brings all that waited."""
        return self.at(since, lambda: setattr(self, "tells", False)).at(until, self._back)

    async def run(self) -> "World":
        """Until the enrolment has ended or nothing can wake it any more; all that was planned has happened then."""
        while not self.is_ended:
            try:
                await self.interpreter.run()
                break
            except RollOver:
                text = self.interpreter.state.model_dump_json()
                self.interpreter = self._make(State.model_validate_json(text))
            except Idle:
                break
        return self

    @property
    def log(self) -> list[str]:
        return [str(sent) for sent in self.sent]

    @property
    def state(self) -> State:
        return self.interpreter.state

    # --- ingest

    def happen(self, name: str, properties: Mapping[str, Any]) -> None:
        fact = Fact(name=name, properties=dict(properties), at=self.now_at)
        occurrence = Occurrence(name=name, properties=dict(properties), at=self.now_at, occurred_at=self.now_at)
        self.last_seen_at = self.now_at
        self.events.append(fact)
        effects = self._listener.effects(
            occurrence,
            key=self.key,
            start=self._properties,
            started_at=BEGAN,
            is_active=self.outcome is None,
            has_goal=False,
            profile=self.profile,
            journeys={},
        )
        self._properties |= effects.rearmed or {}
        if effects.outcome:
            self.outcome = effects.outcome
            self.deliver(kind="end", outcome=effects.outcome)
        elif effects.is_heard:
            fact = fact.model_copy(update={"is_goal": effects.goal})
            self.deliver(kind="event", fact=fact, rearmed=effects.rearmed, stage=effects.stage)

    def deliver(self, **what: Any) -> None:
        self.deliveries.append(Delivery(seq=len(self.deliveries) + 1, at=self.now_at, **what))
        if self.tells:
            self.interpreter.absorb(self.deliveries[-1:])

    def tell(self, command: Command, step: str | None = None) -> None:
        if command in ("pause", "resume"):
            self.is_paused = command == "pause"
        if command == "stop":
            self.outcome = self.outcome or "stopped"
        self.deliver(kind="command", command=command, step=step)

    def _back(self) -> None:
        self.tells = True
        self.interpreter.absorb(self.deliveries)

    def _make(self, state: State) -> Interpreter:
        enrolment = Enrolment(
            enrolment_id=1, customer_id=1, journey="j", version=1, key=self.key, started_at=BEGAN, run_id="r"
        )
        return Interpreter(program(self.definition), enrolment, state, self)

    # --- language.port.Port

    def now(self) -> datetime:
        return self.now_at

    async def sleep(self, until: datetime | None, wake: Callable[[], bool]) -> None:
        if self.rolls_over and not self._has_slept:
            self._has_slept = True
            raise RollOver
        self._has_slept = False
        while not wake():
            if self._plan and (until is None or self._plan[0][0] <= until):
                when, _, do = heapq.heappop(self._plan)
                self.now_at = max(self.now_at, when)
                do()
            elif until is None or until > BEGAN + self.horizon:
                raise Idle
            elif self.tells:
                self.now_at = max(self.now_at, until)
                return
            elif self._plan:  # nothing runs while Temporal is away, not even timers
                when, _, do = heapq.heappop(self._plan)
                self.now_at = max(self.now_at, when)
                do()
            else:
                raise Idle

    async def send(self, order: SendMessage) -> Receipt:
        self.orders.append(order)
        if self.outcome is not None:
            return Receipt(verdict="closed")
        self._write(order.progress)
        if unseen := self._unseen(order.progress.seen_seq):
            return Receipt(verdict="behind", unseen=unseen)
        if self.is_paused:
            return Receipt(verdict="paused")
        receipt = Receipt(verdict="suppressed", reason=order.refuse) if order.refuse else self.answer(order)
        if receipt.verdict == "sent":
            self.sent.append(Sent(self.now_at - BEGAN, order.message, order.channel, order.key))
        if receipt.verdict not in ("held", "behind", "paused", "closed"):
            self.messages.setdefault(order.step, {})[order.channel] = {"status": receipt.verdict}
        return receipt

    async def look_up(self, question: LookUp) -> Known:
        self.look_ups.append(question)
        since = question.since
        events = [
            fact.model_dump(include={"name", "properties", "at", "about"})
            for fact in self.events
            if since and fact.at > since and (fact.name in question.events or ACTIVITY in question.events)
        ]
        return Known(
            profile=self.profile if question.profile else {},
            messages=self.messages if question.messages else {},
            events=tuple(events[:MOST_EVENTS]),
            last_seen_at=self.last_seen_at if question.last_seen else None,
            time_zone=self.zone,
        )

    async def record(self, progress: Progress) -> Standing:
        self.writes += 1
        if self.is_ended:
            return Standing(taken=True)
        self._write(progress)
        if progress.pause:
            self.is_paused = True
            self.pauses.append(progress.pause)
        if progress.ended_as:
            self.outcome, self.is_ended = self.outcome or progress.ended_as, True
            return Standing()
        return Standing(paused=self.is_paused, unseen=self._unseen(progress.seen_seq))

    def _write(self, progress: Progress) -> None:
        self.traces |= {(trace.step, trace.visit): trace for trace in progress.traces}

    def _unseen(self, seen_seq: int) -> tuple[Delivery, ...]:
        return tuple(delivery for delivery in self.deliveries if delivery.seq > seen_seq)

    async def set_traits(self, traits: SetTraits) -> None:
        self.profile |= traits.traits

    async def do(self, deed: Deed) -> Answer:
        self.deeds.append(deed)
        if self.outcome is not None:
            return Answer(verdict="closed")
        self._write(deed.progress)
        if unseen := self._unseen(deed.progress.seen_seq):
            return Answer(verdict="behind", unseen=unseen)
        if self.is_paused:
            return Answer(verdict="paused")
        return self.answer_deed(deed)

    def show(self, details: str, step: str | None) -> None:
        self.shown.append(details)


HEAD = "journey: j\ntitle: J\nstart: {on: Go}\n"


def journey_of(text: str) -> Journey:
    """A journey of this YAML, with a head where it has none."""
    loaded = load_journey("j.yaml", text if "journey:" in text else HEAD + text)
    assert loaded.model is not None, [str(finding) for finding in loaded.findings]
    return loaded.model


def world(text: str, **given: Any) -> World:
    return World(journey_of(text), **given)
