"""A scenario in virtual time: the same steps, gate and templates as in production, and no server.

The simulator plays ingest, PostgreSQL and the providers for one customer, in memory.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from language.delivery import Delivery, Fact
from language.gate import DEFAULT_ZONE, MessageGate
from language.interpreter import Interpreter
from language.library import Library
from language.listening import ACTIVITY, Effects, Listener, Occurrence
from language.local_time import find_zone
from language.port import MOST_EVENTS, Answer, Deed, Known, LookUp, Progress, Receipt, SendMessage, SetTraits, Standing
from language.program import Program
from language.scenario import Expect, Given, Scenario, at_beginning
from language.sending import Addressee, Draft, Refusal
from language.state import Enrolment, State

LONGEST_RUN = timedelta(days=400)
MOST_WAKES = 50_000
"""Timers that one scenario may have: more than anyone waits for, and a matter of seconds."""

VERSION = 1


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened, that long after the beginning.

    `kind`: event, started, refused, sent, not_sent, paused, ended; or cut_short, when it would never have come to rest.
    """

    at: timedelta
    kind: str
    name: str
    channel: str | None = None
    text: str | None = None
    why: str | None = None


@dataclass
class _Sleeper:
    until: datetime | None
    wake: Callable[[], bool]
    done: asyncio.Future[None]


@dataclass
class _Run:
    """One enrolment in memory; what PostgreSQL would hold of it."""

    id: int
    key: str
    started_at: datetime
    start: dict[str, Any]
    last_seq: int = 0
    state: str = "active"
    outcome: str | None = None
    ended_at: datetime | None = None
    goal_at: datetime | None = None
    is_paused: bool = False
    stage: str | None = None
    messages: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    sent: dict[tuple[str, str], str] = field(default_factory=dict)
    interpreter: Interpreter | None = None
    task: asyncio.Task[str | None] | None = None


class _CutShort(Exception):
    """The scenario would never come to rest."""


class Simulator:
    """Plays one scenario. `run()` returns everything that happened, in order."""

    def __init__(self, library: Library, scenario: Scenario, *, most_wakes: int = MOST_WAKES) -> None:
        self._scenario = scenario
        self._messages = library.messages
        self._listener = Listener(library.journeys[scenario.journey], VERSION)
        self._program = Program(self._listener.definition)
        self._begins = beginning(scenario)
        self._now = self._begins
        self._traits = dict(scenario.customer.traits)
        self._last_seen: datetime | None = None
        self._events: list[Fact] = []
        self._runs: list[_Run] = []
        self._sleepers: list[_Sleeper] = []
        self._calls = self._wakes = 0
        self._most_wakes = most_wakes
        self.happenings: list[Happening] = []

    async def run(self) -> list[Happening]:
        try:
            await self._play()
        except _CutShort:
            why = f"it waited {self._most_wakes} times; make its waits longer or the scenario shorter"
            self._note("cut_short", self._scenario.journey, why=why)
        for run in self._runs:
            if run.task and not run.task.done():
                run.task.cancel()
        await asyncio.gather(*(run.task for run in self._runs if run.task), return_exceptions=True)
        return self.happenings

    async def _play(self) -> None:
        for item in self._scenario.given:
            await self._run_until(self._begins + item.at)
            self._happen(item)
            await self._settle()
        await self._run_until(max(self._now, self._begins + LONGEST_RUN))

    # --- virtual time

    async def _run_until(self, end: datetime) -> None:
        """Let timers fire up to `end`; one due at that very moment waits for what else happens then."""
        await self._settle()
        while (due := min((s.until for s in self._sleepers if s.until), default=None)) is not None and due < end:
            self._wakes += 1
            if self._wakes > self._most_wakes:
                raise _CutShort
            self._now = max(self._now, due)
            for sleeper in [s for s in self._sleepers if s.until and s.until <= self._now]:
                self._wake(sleeper)
            await self._settle()
        self._now = max(self._now, end)

    async def _settle(self) -> None:
        """Until nothing goes on but sleeping."""
        quiet, seen = 0, -1
        while quiet < 6:
            await asyncio.sleep(0)
            for sleeper in [s for s in self._sleepers if s.wake()]:
                self._wake(sleeper)
            quiet = quiet + 1 if self._calls == seen else 0
            seen = self._calls
        for run in self._runs:
            if run.task and run.task.done() and not run.task.cancelled():
                run.task.result()

    def _wake(self, sleeper: _Sleeper) -> None:
        self._sleepers.remove(sleeper)
        self._calls += 1
        if not sleeper.done.done():
            sleeper.done.set_result(None)

    # --- what is given

    def _happen(self, given: Given) -> None:
        if given.traits is not None:
            self._traits.update(at_beginning(given.traits, self._begins))
        elif given.message_event is not None:
            self._about_message(*given.message_event)
        else:
            self._track(str(given.on), at_beginning(given.with_, self._begins))

    def _track(self, name: str, properties: dict[str, Any]) -> None:
        self._note("event", name)
        self._last_seen = self._now
        occurrence = Occurrence(name=name, properties=properties, at=self._now, occurred_at=self._now)
        fact = Fact(name=name, properties=properties, at=self._now)
        journeys = self._journeys()
        for run in list(self._runs):
            self._affect(run, fact, self._effects(run, occurrence, journeys))
        self._enter(occurrence, journeys)
        self._events.append(fact)

    def _effects(self, run: _Run, occurrence: Occurrence, journeys: dict[str, Any]) -> Effects:
        return self._listener.effects(
            occurrence,
            key=run.key,
            start=run.start,
            started_at=run.started_at,
            is_active=run.state == "active",
            has_goal=run.goal_at is not None,
            profile=self._profile(),
            journeys=journeys,
        )

    def _affect(self, run: _Run, fact: Fact, effects: Effects) -> None:
        if effects.goal:
            run.goal_at = self._now
        if effects.rearmed:
            run.start.update(effects.rearmed)
        if effects.outcome:
            self._close(run, effects.outcome)
        elif effects.heard or effects.rearmed is not None:
            self._deliver(run, kind="event", fact=fact, rearmed=effects.rearmed)

    def _close(self, run: _Run, outcome: str) -> None:
        run.state, run.outcome, run.ended_at = "ending", outcome, self._now
        self._deliver(run, kind="end", outcome=outcome)

    def _deliver(self, run: _Run, **what: Any) -> None:
        run.last_seq += 1
        if run.interpreter is not None:
            run.interpreter.absorb([Delivery(seq=run.last_seq, at=self._now, **what)])

    def _about_message(self, word: str, message: str) -> None:
        """Opened, clicked and so on: reaches the enrolment that sent it last."""
        for run in reversed(self._runs):
            for (step, channel), name in reversed(run.sent.items()):
                if name == message:
                    self._report(run, step, channel, message, word)
                    return

    def _report(self, run: _Run, step: str, channel: str, message: str, word: str) -> None:
        name = f"{'SMS' if channel == 'sms' else channel.replace('_', ' ').title()} {word}"
        self._note("event", name)
        is_activity = word in ("Opened", "Clicked", "Answered")
        if is_activity:
            self._last_seen = self._now
        run.messages[step][channel]["status"] = word.lower()
        about = {"step": step, "channel": channel, "message": message}
        fact = Fact(name=name, properties=about, at=self._now, about=about, is_activity=is_activity)
        if run.state == "active":
            self._deliver(run, kind="event", fact=fact)

    # --- entering

    def _enter(self, occurrence: Occurrence, journeys: dict[str, Any]) -> None:
        entry = self._listener.entry(occurrence, self._profile(), journeys)
        if entry is None:
            return None
        if entry.missing_key:
            return self._note("refused", occurrence.name, why="the event has no key")
        earlier = [run for run in self._runs if run.key == entry.key]
        ends = [run.ended_at for run in earlier if run.ended_at]
        is_open = any(run.state == "active" for run in earlier)
        admission = self._listener.admission(
            is_open=is_open, ever=bool(earlier), last_ended_at=max(ends, default=None), now=self._now
        )
        if admission.verb == "refuse":
            if is_open and not entry.is_named:
                return None
            return self._note("refused", occurrence.name, why=admission.reason)
        if admission.verb == "replace":
            for run in earlier:
                if run.state == "active":
                    self._close(run, "replaced")
        self._begin(entry.key, occurrence)
        return None

    def _begin(self, key: str, occurrence: Occurrence) -> None:
        run = _Run(len(self._runs) + 1, key, self._now, dict(occurrence.properties), last_seq=1)
        enrolment = Enrolment(
            enrolment_id=run.id,
            customer_id=1,
            journey=self._scenario.journey,
            version=VERSION,
            key=key,
            started_at=self._now,
            run_id="simulated",
        )
        state = State(step=self._program.first, start=dict(run.start))
        run.interpreter = Interpreter(self._program, enrolment, state, _Port(self, run))
        run.interpreter.absorb([Delivery(seq=1, kind="start", at=self._now)])
        run.task = asyncio.get_running_loop().create_task(run.interpreter.run())
        self._runs.append(run)
        self._note("started", self._scenario.journey)

    # --- facts

    def _profile(self) -> dict[str, Any]:
        customer = self._scenario.customer
        return {**self._traits, "id": 1, "time_zone": customer.time_zone, "locale": customer.locale}

    def _journeys(self) -> dict[str, Any]:
        if not self._runs:
            return {}
        last = self._runs[-1]
        standing = {
            "active": last.state == "active",
            "stage": last.stage,
            "outcome": last.outcome,
            "ended_at": last.ended_at,
        }
        return {self._scenario.journey: {**standing, "same_key": standing}}

    def _note(self, kind: str, name: str, **more: Any) -> None:
        self.happenings.append(Happening(self._now - self._begins, kind, name, **more))

    def _zone(self) -> str:
        for name in (self._scenario.customer.time_zone, self._traits.get("time_zone")):
            with suppress(ValueError):
                if isinstance(name, str):
                    return find_zone(name).key
        return DEFAULT_ZONE


@dataclass
class _Port:
    """`language.port.Port` for one simulated enrolment."""

    _world: Simulator
    _run: _Run

    def now(self) -> datetime:
        return self._world._now

    async def sleep(self, until: datetime | None, wake: Callable[[], bool]) -> None:
        if wake():
            return
        sleeper = _Sleeper(until, wake, asyncio.get_running_loop().create_future())
        self._world._sleepers.append(sleeper)
        self._world._calls += 1
        try:
            await sleeper.done
        finally:
            if sleeper in self._world._sleepers:
                self._world._sleepers.remove(sleeper)

    async def send(self, order: SendMessage) -> Receipt:
        world, run = self._world, self._run
        world._calls += 1
        if run.state != "active":
            return Receipt(verdict="closed", reason="the enrolment has ended")
        decided = self._decide(order)
        status = "sent" if isinstance(decided, Draft) else decided.verdict
        run.messages.setdefault(order.step, {})[order.channel] = {"status": status}
        if isinstance(decided, Refusal):
            world._note("not_sent", order.message, channel=order.channel, why=decided.reason)
            return Receipt(verdict=decided.verdict, reason=decided.reason)
        run.sent[order.step, order.channel] = order.message
        world._note("sent", order.message, channel=order.channel, text=_shown(decided))
        return Receipt(verdict="sent")

    def _decide(self, order: SendMessage) -> Draft | Refusal:
        world = self._world
        gate = MessageGate(order, world._messages[order.message], "simulated", "simulated", world._now)
        customer = Addressee(1, world._traits, world._scenario.customer.locale, world._zone())
        return gate.judge(customer, gate.recipient(customer), (), is_dead=False)

    async def look_up(self, question: LookUp) -> Known:
        world = self._world
        return Known(
            profile=world._profile() if question.profile else {},
            journeys={name: facts for name, facts in world._journeys().items() if name in question.journeys},
            messages=self._run.messages if question.messages else {},
            events=tuple(self._recalled(question)),
            last_seen_at=world._last_seen if question.last_seen else None,
            time_zone=world._zone(),
        )

    def _recalled(self, question: LookUp) -> Iterator[dict[str, Any]]:
        facts = (fact for fact in self._world._events if question.since and fact.at > question.since)
        named = (fact for fact in facts if fact.name in question.events or ACTIVITY in question.events)
        return (fact.model_dump(include={"name", "properties", "at"}) for fact in islice(named, MOST_EVENTS))

    async def record(self, progress: Progress) -> Standing:
        self._world._calls += 1
        run = self._run
        if progress.pause is not None:
            run.is_paused = True
            self._world._note("paused", progress.step or "", why=progress.pause)
        if progress.ended_as is not None:
            run.outcome = run.outcome or progress.ended_as
            run.ended_at = run.ended_at or progress.at
            run.state = "ended"
            self._world._note("ended", run.outcome)
        return Standing(paused=run.is_paused)

    async def set_traits(self, traits: SetTraits) -> None:
        self._world._traits.update(traits.traits)

    async def do(self, deed: Deed) -> Answer:
        raise NotImplementedError(deed.activity)

    def show(self, details: str, step: str | None) -> None:
        return None


def _shown(draft: Draft) -> str:
    return f"{draft.subject}\n\n{draft.text}" if draft.subject else draft.text


def beginning(scenario: Scenario) -> datetime:
    """When the scenario's clock starts, aware UTC."""
    if scenario.begins is not None:
        return scenario.begins.astimezone(UTC)
    return datetime(2026, 1, 5, 9, tzinfo=ZoneInfo(scenario.customer.time_zone or "UTC")).astimezone(UTC)


def simulate(library: Library, scenario: Scenario) -> list[Happening]:
    """Play a scenario to its end in virtual time."""
    return asyncio.run(Simulator(library, scenario).run())


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What was expected and did not happen, or happened and was not expected."""

    at: timedelta
    what: str


def compare(
    scenario: Scenario, happenings: list[Happening], tolerance: timedelta = timedelta(seconds=60)
) -> list[Mismatch]:
    """Hold what happened against what the scenario expects; empty when they agree. Every send counts."""
    left = [happening for happening in happenings if happening.kind in ("sent", "ended")]
    found = [Mismatch(h.at, f"{h.name} {_WORDS[h.kind]}: {h.why}") for h in happenings if h.kind in _WORDS]
    for expected in scenario.expect:
        meets = (item for item in left if _meets(item, expected) and abs(item.at - expected.at) <= tolerance)
        match = next(meets, None)
        if match is None:
            found.append(Mismatch(expected.at, _missed(expected, left)))
            continue
        left.remove(match)
        if expected.contains is not None and expected.contains not in (match.text or ""):
            found.append(Mismatch(expected.at, f"{_said(expected)} does not contain {expected.contains!r}"))
    unexpected = (item for item in left if item.kind == "sent")
    found += [Mismatch(item.at, f"{item.name} by {item.channel} was sent, unexpected") for item in unexpected]
    return sorted(found, key=lambda mismatch: mismatch.at)


_WORDS = {"paused": "was paused", "cut_short": "was cut short"}


def _meets(item: Happening, expected: Expect) -> bool:
    if expected.send is not None:
        return (item.kind, item.name, item.channel) == ("sent", expected.send, expected.via)
    return (item.kind, item.name) == ("ended", expected.outcome)


def _missed(expected: Expect, left: list[Happening]) -> str:
    """What did not happen, and what happened in its stead if that is plain."""
    what = f"expected {_said(expected)}, which did not happen then"
    others = [item for item in left if item.kind == "ended"] if expected.outcome else []
    return f"{what}; it ended as {others[0].name}" if others else what


def _said(expected: Expect) -> str:
    return f"{expected.send} by {expected.via}" if expected.send else f"the outcome {expected.outcome}"
