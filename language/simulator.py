"""A scenario in virtual time: the same steps, gate and templates as in production, and no server.

The simulator plays ingest for one customer, in memory; `simulated_port` plays PostgreSQL and the providers.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from language.calendar import OwnCalendar
from language.calendar import occurrence as calendar_occurrence
from language.consent import EVENT_BY_STATE
from language.delivery import Fact
from language.happening import Happening
from language.interpreter import Interpreter
from language.journey import Start
from language.library import Library
from language.listening import Effects, Entry, Listener, Occurrence
from language.local_time import find_zone
from language.message_event import ACTIVITY, Report, event_name, outranks, reports_of
from language.opt_out_offer import ANSWERS
from language.program import Program
from language.scenario import Given, Scenario, at_beginning
from language.sending import Consent
from language.simulated_interpreter import TellingInterpreter, told_of
from language.simulated_port import SimulatedPort
from language.simulated_world import SentMessage, SimulatedEnrolment, SimulatedWorld
from language.state import Enrolment, State
from language.steps.doing import TASK_COMPLETED
from language.virtual_time import TooManyWakes, VirtualTime

LONGEST_RUN = timedelta(days=400)
MOST_WAKES = 50_000
"""Timers that one scenario may have: more than anyone waits for, and a matter of seconds."""

VERSION = 1
CONFIRM_URL = "https://example.com/confirm/anna"


class Simulator:
    """Plays one scenario. `run()` returns everything that happened, in order; `world` is what is left then."""

    def __init__(
        self, library: Library, scenario: Scenario, *, most_wakes: int = MOST_WAKES, tells_all: bool = False
    ) -> None:
        self._scenario = scenario
        self._listener = Listener(library.journeys[scenario.journey], VERSION)
        self._program = Program(self._listener.definition)
        self._begins = beginning(scenario)
        self._most_wakes = most_wakes
        self._time = VirtualTime(self._begins, most_wakes)
        self._calendar = OwnCalendar(self._listener.definition.calendar_starts, self._begins)
        self.world = SimulatedWorld(library, scenario, self._begins, self._time, tells_all=tells_all)

    async def run(self) -> list[Happening]:
        try:
            await self._play()
        except TooManyWakes:
            why = f"it waited {self._most_wakes} times; make its waits longer or the scenario shorter"
            self.world.note("cut_short", self._scenario.journey, why=why)
        await self.stop()
        return self.world.happenings

    async def stop(self) -> None:
        """Leave all enrolments where they stand."""
        tasks = [enrolment.task for enrolment in self.world.enrolments if enrolment.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _play(self) -> None:
        for item in self._scenario.given:
            await self.pass_until(self._begins + item.at)
            await self.give(item)
        await self.pass_until(self._begins + self._scenario.length)
        await self._run_until(max(self._time.now, self._begins + LONGEST_RUN))

    async def give(self, given: Given) -> None:
        """Let it happen now, whatever its `at`, and have all act on it."""
        self._happen(given)
        await self._time.settle()

    async def pass_until(self, end: datetime) -> None:
        """With what the calendar brings meanwhile; it brings nothing after the last that is given or expected."""
        calendar, world = self._calendar, self.world
        while (came := calendar.next_due(world.profile(), world.zone())) and came.moment <= end:
            await self._run_until(came.moment)
            calendar.done_until = came.moment
            self._come(came.start)
            await self._time.settle()
        calendar.done_until = max(calendar.done_until, end)
        await self._run_until(end)

    async def _run_until(self, end: datetime) -> None:
        await self._time.run_until(end)
        for enrolment in self.world.enrolments:
            if enrolment.task and enrolment.task.done():
                enrolment.task.result()

    # --- what is given

    def _happen(self, given: Given) -> None:
        if given.traits is not None:
            traits = at_beginning(given.traits, self._begins)
            self.world.traits.update(traits)
            self.world.tell("traits", ", ".join(traits), values=traits)
        elif given.report is not None:
            self._report(*given.report, given.via, given.details)
        elif given.done is not None:
            self._complete(given.done, given.result)
        elif given.consent is not None:
            self._consent(given.consent.consent)
        else:
            self._track(str(given.on), at_beginning(given.with_, self._begins))

    def _consent(self, said: Consent) -> None:
        """A word of the ledger, and its event."""
        if said.state != "pending":
            self.world.consents[said.channel, said.topic] = said
        properties = {"channel": said.channel, "topic": said.topic, "source": "scenario"}
        asks = {"confirm_url": CONFIRM_URL} if said.state == "pending" else {}
        self._track(EVENT_BY_STATE[said.state], properties | asks, is_activity=False)

    def _track(self, name: str, properties: dict[str, Any], *, is_activity: bool = True) -> None:
        world, now = self.world, self._time.now
        world.note("event", name, values=properties)
        world.last_seen = now if is_activity else world.last_seen
        occurrence = Occurrence(name=name, properties=properties, at=now, occurred_at=now, is_activity=is_activity)
        journeys = world.journeys()
        for enrolment in list(world.enrolments):
            self._affect(enrolment, occurrence, journeys)
        self._enter(occurrence, journeys)
        world.events.append(Fact(name=name, properties=properties, at=now, is_activity=is_activity))

    def _affect(self, enrolment: SimulatedEnrolment, occurrence: Occurrence, journeys: dict[str, Any]) -> None:
        effects = self._effects(enrolment, occurrence, journeys)
        self._tell(enrolment, occurrence, effects)
        if effects.goal:
            enrolment.goal_at = self._time.now
        if effects.unlisted is not None:
            self.world.note("ignored", occurrence.name, why=f"the status {effects.unlisted} is listed in no stage")
        if effects.outcome:
            enrolment.close(effects.outcome, self._time.now)
        elif effects.is_heard:
            enrolment.start.update(effects.rearmed or {})
            enrolment.stage = effects.stage or enrolment.stage
            enrolment.deliver(
                self._time.now,
                kind="event",
                fact=_fact(occurrence, effects),
                rearmed=effects.rearmed,
                stage=effects.stage,
            )

    def _tell(self, enrolment: SimulatedEnrolment, occurrence: Occurrence, effects: Effects) -> None:
        """What the event does to the enrolment, beside what its run will tell."""
        for kind, why in told_of(occurrence.name, effects, is_active=enrolment.is_active):
            self.world.tell(kind, occurrence.name, why=why, enrolment=enrolment.id)

    def _effects(self, enrolment: SimulatedEnrolment, occurrence: Occurrence, journeys: dict[str, Any]) -> Effects:
        return self._listener.effects(
            occurrence,
            key=enrolment.key,
            start=enrolment.start,
            started_at=enrolment.started_at,
            is_active=enrolment.is_active,
            has_goal=enrolment.goal_at is not None,
            profile=self.world.profile(),
            journeys=journeys,
        )

    # --- what is told of messages and tasks

    def _report(self, report: Report, message: str, via: str | None, details: dict[str, str]) -> None:
        """Reaches the enrolment that sent the message last, on a channel of which such a thing can be told."""
        for enrolment in reversed(self.world.enrolments):
            for sent in reversed(enrolment.sent):
                if sent.message == message and report in reports_of(sent.channel) and via in (None, sent.channel):
                    self._report_of(enrolment, sent, report, details)
                    return
        self.world.note("impossible", message, why=f"it was not sent before, so it cannot be {report}")

    def _report_of(
        self, enrolment: SimulatedEnrolment, sent: SentMessage, report: Report, details: dict[str, str]
    ) -> None:
        told = enrolment.messages[sent.step][sent.channel]
        if outranks(report, told["status"]):
            told["status"] = report
        about = {"step": sent.step, "visit": str(sent.visit), "channel": sent.channel, "message": sent.message}
        if report in ACTIVITY:
            self.world.last_seen = self._time.now
        if report in ANSWERS:
            self.world.noticed_at = self._time.now
        name, is_activity = event_name(sent.channel, report), report in ACTIVITY
        properties = {**details, **about}
        self._about(enrolment, name, properties, about, is_activity=is_activity)
        fact = Fact(name=name, properties=properties, at=self._time.now, is_activity=is_activity, about=about)
        enrolment.reports.append(fact)

    def _complete(self, task: str, result: str | None) -> None:
        for enrolment in reversed(self.world.enrolments):
            for opened in reversed(enrolment.tasks):
                is_open = enrolment.is_active and (opened.due_at is None or self._time.now <= opened.due_at)
                if opened.task == task and is_open:
                    enrolment.tasks.remove(opened)
                    about = {"step": opened.step, "visit": str(opened.visit), "task": task}
                    properties = {"task": task, "result": result, "note": None, "by": None}
                    self._about(enrolment, TASK_COMPLETED, properties, about, is_activity=False)
                    return
        self.world.note("impossible", task, why="no such task is open then")

    def _about(
        self,
        enrolment: SimulatedEnrolment,
        name: str,
        properties: dict[str, Any],
        about: dict[str, str],
        *,
        is_activity: bool,
    ) -> None:
        now = self._time.now
        self.world.note("event", name, values=properties, step=about["step"])
        occurrence = Occurrence(
            name=name, properties=properties, at=now, occurred_at=now, is_activity=is_activity, about=about
        )
        self._affect(enrolment, occurrence, self.world.journeys())

    # --- entering

    def _come(self, start: Start) -> None:
        """The calendar brings the customer in, if `where` is true."""
        world, now = self.world, self._time.now
        came = calendar_occurrence(start, now, find_zone(world.zone()), now)
        if start.where is None or start.where.is_true({"profile": world.profile(), "journeys": world.journeys()}):
            world.note("event", came.name)
            self._admit(Entry("", missing_key=False), came)
        else:
            world.tell("why", came.name, why=f"does not concern the customer: {start.where.source} is not true")

    def _enter(self, occurrence: Occurrence, journeys: dict[str, Any]) -> None:
        entry = self._listener.entry(occurrence, self.world.profile(), journeys)
        if entry is None:
            if not any(it.is_active or it.ended_at == occurrence.at for it in self.world.enrolments):
                self.world.tell("why", occurrence.name, why="starts nothing: no `start` of the journey fits it")
            return None
        if entry.missing_key:
            return self._refuse(occurrence, "the event has no key")
        return self._admit(entry, occurrence)

    def _admit(self, entry: Entry, occurrence: Occurrence) -> None:
        world = self.world
        earlier = [enrolment for enrolment in world.enrolments if enrolment.key == entry.key]
        is_open = any(enrolment.is_active for enrolment in earlier)
        admission = self._listener.admission(
            is_open=is_open,
            ever=bool(earlier),
            last_ended_at=max((it.ended_at for it in earlier if it.ended_at), default=None),
            now=self._time.now,
        )
        if admission.verb == "refuse":
            return None if is_open and not entry.is_named else self._refuse(occurrence, admission.reason)
        for enrolment in earlier:
            if enrolment.is_active:
                enrolment.close("replaced", self._time.now)
        return self._begin(entry.key, occurrence)

    def _refuse(self, occurrence: Occurrence, reason: str | None) -> None:
        self.world.note("refused", occurrence.name, why=reason)

    def _begin(self, key: str, occurrence: Occurrence) -> None:
        world, now = self.world, self._time.now
        stage = self._listener.first_stage(occurrence, world.profile())
        simulated = SimulatedEnrolment(len(world.enrolments) + 1, key, now, dict(occurrence.properties), stage=stage)
        enrolment = Enrolment(
            enrolment_id=simulated.id,
            customer_id=1,
            journey=self._scenario.journey,
            version=VERSION,
            key=key,
            started_at=now,
            run_id="simulated",
        )
        state = State(step=self._program.first, start=dict(simulated.start))
        kind = TellingInterpreter if world.tells_all else Interpreter
        simulated.interpreter = kind(self._program, enrolment, state, SimulatedPort(world, simulated))
        simulated.deliver(now, kind="start", stage=stage)
        simulated.task = asyncio.get_running_loop().create_task(simulated.interpreter.run())
        world.enrolments.append(simulated)
        world.note("started", self._scenario.journey, enrolment=simulated.id)


def _fact(occurrence: Occurrence, effects: Effects) -> Fact:
    return Fact(
        name=occurrence.name,
        properties=occurrence.properties,
        at=occurrence.at,
        is_activity=occurrence.is_activity,
        about=occurrence.about,
        is_goal=effects.goal,
    )


def beginning(scenario: Scenario) -> datetime:
    """When the scenario's clock starts, aware UTC."""
    if scenario.begins is not None:
        return scenario.begins.astimezone(UTC)
    return datetime(2026, 1, 5, 9, tzinfo=ZoneInfo(scenario.customer.time_zone or "UTC")).astimezone(UTC)


def simulate(library: Library, scenario: Scenario, *, tells_all: bool = False) -> list[Happening]:
    """Play a scenario to its end in virtual time. `tells_all`: with waits, stages, and the reason of everything."""
    return asyncio.run(Simulator(library, scenario, tells_all=tells_all).run())
