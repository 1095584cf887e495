"""Runs one enrolment: the loop around the steps, and what the steps may do. The same under Temporal and simulated.

Steps decide, the loop acts: it visits, traces, absorbs what comes from outside, and asks the port for every effect.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from language.clause import Clause
from language.context import FORWARD, Next, SendOrder, Woke, go_to
from language.delivery import Delivery, Fact
from language.expression import Expression
from language.listening import Listener
from language.port import Known, LookUp, Port, Progress, Receipt, SendMessage, SetTraits, Standing, StepTrace
from language.program import Program
from language.state import MOST_NEWS, Enrolment, State
from language.steps import Send, Until, Wait, moment_of

LIVE = frozenset({"profile", "journeys", "steps"})


class Ended(Exception):
    """An exit, a goal or a person ended the enrolment; what runs is left where it stands."""


class Moved(Exception):
    """The enrolment goes on at another step."""

    def __init__(self, step: str) -> None:
        self.step = step


class Closed(Exception):
    """Another run has the enrolment, or it has ended already: stop without a word."""


class Interpreter:
    """One enrolment on its way. `absorb` may be called at any moment, also while `run` waits."""

    def __init__(self, program: Program, enrolment: Enrolment, state: State, port: Port) -> None:
        self.program = program
        self.enrolment = enrolment
        self.state = state
        self._port = port
        self._listener = Listener(program.journey, enrolment.version)
        self._known: dict[str, Known] = {}
        self._has_fresh_news = False
        self._is_rearmed = False
        self._is_skipped = False
        self._has_gap = False
        self._may_have_moved = False
        self._is_nudged = False
        self._is_shown = False
        self._came_at: dict[str, datetime] = {}

    # --- the loop

    async def run(self) -> str | None:
        """Run to the end; returns the outcome, or None when another run has the enrolment."""
        try:
            outcome = await self._walk()
            return await self._end(outcome)
        except Closed:
            return None

    async def _walk(self) -> str:
        try:
            while self.state.step is not None:
                self._stop_if_ended()
                way = await self._visit(self.state.step)
                if way.way == "finish":
                    return way.to
                self.state.step = self.program.follow(self.state.step, way)
            return "completed"
        except Ended:
            return self.state.ended_as or "stopped"

    async def _visit(self, step_id: str) -> Next:
        step = self.program.place_by_id[step_id].step
        if not self.state.is_inside:
            await self._enter(step_id)
        self._known.clear()
        try:
            way = await self._run(step)
            await self._move_if_rearmed()
        except Moved as moved:
            way = go_to(moved.step)
        self._left(step_id, step.is_waiting)
        return way

    async def _run(self, step: Any) -> Next:
        if not step.enabled:
            return self._passed_over("not enabled")
        if step.when is not None and await self.evaluate(step.when) is not True:
            return self._passed_over(f"not true: {step.when.source}")
        self._show(step.title())
        way: Next = await step.run(self)
        return way

    def _passed_over(self, why: str) -> Next:
        self.leave({"skipped": why})
        return FORWARD

    async def _enter(self, step_id: str) -> None:
        state, now = self.state, self.now
        state.is_inside, state.entered_at, state.waits_until = True, now, None
        state.moments, state.memory = {}, {}
        state.visits[step_id] = state.visits.get(step_id, 0) + 1
        self._is_shown = False
        self._trace(self._present())
        if self._came_at.get(step_id) == now:
            await self._break_the_circle(step_id)
        self._came_at[step_id] = self.now

    async def _break_the_circle(self, step_id: str) -> None:
        self.state.is_paused = True
        await self._write(pause=f"the step {step_id} was reached twice at the same moment: a loop without a wait")
        await self._resumption()

    def _left(self, step_id: str, was_waiting: bool) -> None:
        state = self.state
        self._trace(self._present(left_at=self.now))
        state.is_inside = False
        if was_waiting:
            state.last_wait = step_id

    async def _end(self, outcome: str) -> str:
        if self.state.is_inside and self.state.step:
            self._trace(self._present(left_at=self.now))
        self.state.outcome = outcome
        self._show(f"ended: {outcome}")
        await self._write(ended_as=outcome)
        return outcome

    # --- what comes from outside

    def absorb(self, deliveries: Sequence[Delivery]) -> None:
        """Take in deliveries. Seen ones are ignored; a gap is filled from PostgreSQL before anything goes on."""
        self._is_nudged = self._is_nudged or all(item.seq <= self.state.seen_seq for item in deliveries)
        for item in sorted(deliveries, key=lambda delivery: delivery.seq):
            if item.seq == self.state.seen_seq + 1:
                self.state.seen_seq = item.seq
                self._take(item)
            elif item.seq > self.state.seen_seq:
                self._has_gap = True

    def _take(self, delivery: Delivery) -> None:
        if delivery.rearmed is not None:
            self.state.start.update(delivery.rearmed)
            self._is_rearmed = self._may_have_moved = True
        if delivery.kind == "event" and delivery.fact:
            self._hear_of(delivery.fact.model_copy(update={"seq": delivery.seq}))
        elif delivery.kind == "end":
            self.state.ended_as = delivery.outcome or "exited"
        elif delivery.kind == "command":
            self._obey(delivery)

    def _obey(self, delivery: Delivery) -> None:
        match delivery.command:
            case "pause":
                self.state.is_paused = True
            case "resume":
                self.state.is_paused = False
            case "skip_wait" if delivery.step in (None, self.state.step):
                self._is_skipped = True
            case "stop":
                self.state.ended_as = delivery.outcome or "stopped"

    def _hear_of(self, fact: Fact) -> None:
        news = self.state.news
        news.append(fact)
        self._has_fresh_news = True
        if len(news) > MOST_NEWS:
            self.state.has_lost_news = True
            del news[: len(news) - MOST_NEWS]

    def _stirred(self) -> bool:
        return (
            self.state.ended_as is not None
            or self._has_gap
            or self._is_nudged
            or self.state.seen_seq > self.state.written_seq
            or self._is_skipped
        )

    def _stop_if_ended(self) -> None:
        if self.state.ended_as is not None:
            raise Ended

    async def _move_if_rearmed(self) -> None:
        """`again_if_moved`: a wait already left is waited for again when its date moved ahead."""
        while self._may_have_moved:
            self._may_have_moved = False
            for step in self.program.moving:
                if self.state.visits.get(step.id) and step.id != self.state.step and await self._lies_ahead(step):
                    raise Moved(step.id)

    async def _lies_ahead(self, step: Any) -> bool:
        assert isinstance(step, Wait) and isinstance(step.wait, Until)
        date = await moment_of(step.wait.until, self)
        return date is not None and date > self.now

    # --- writing to PostgreSQL

    async def _write(self, *, ended_as: str | None = None, pause: str | None = None) -> Standing:
        """Write what is unwritten and take in what had not arrived; raises `Closed` when the enrolment is not ours."""
        progress = self._progress(ended_as=ended_as, pause=pause)
        self._is_nudged = False
        standing = await self._port.record(progress)
        if standing.taken:
            raise Closed
        self._written(progress)
        self._catch_up(standing.unseen)
        return standing

    def _progress(self, *, ended_as: str | None = None, pause: str | None = None) -> Progress:
        state = self.state
        return Progress(
            enrolment_id=self.enrolment.enrolment_id,
            run_id=self.enrolment.run_id,
            seen_seq=state.seen_seq,
            at=self.now,
            traces=tuple(state.unwritten),
            step=state.step,
            ended_as=ended_as,
            pause=pause,
        )

    def _written(self, progress: Progress) -> None:
        state = self.state
        state.unwritten = [trace for trace in state.unwritten if trace not in progress.traces]
        state.written_seq = max(state.written_seq, progress.seen_seq)

    def _catch_up(self, unseen: Sequence[Delivery]) -> None:
        self._has_gap = False
        if unseen:
            self.absorb(unseen)

    def _present(self, left_at: datetime | None = None) -> StepTrace:
        state = self.state
        step = self.program.place_by_id[state.step or ""].step
        return StepTrace(
            step=step.id,
            visit=state.visits[step.id],
            verb=step.verb,
            entered_at=state.entered_at or self.now,
            left_at=left_at,
            waits_until=state.waits_until,
            result=state.results.get(step.id) if left_at else None,
        )

    def _trace(self, trace: StepTrace) -> None:
        kept = [old for old in self.state.unwritten if (old.step, old.visit) != (trace.step, trace.visit)]
        self.state.unwritten = [*kept, trace]

    def _show(self, doing: str) -> None:
        state = self.state
        lines = [f"**{state.step or 'done'}**: {doing}"]
        if state.waits_until:
            lines.append(f"waits until {state.waits_until:%Y-%m-%d %H:%M:%S} UTC")
        if state.is_paused:
            lines.append("**paused**: nothing is sent until it is resumed")
        self._port.show("\n\n".join(lines), state.step)

    # --- what a step may do (language.context.Context)

    @property
    def now(self) -> datetime:
        return self._port.now()

    @property
    def entered_at(self) -> datetime:
        return self.state.entered_at or self.now

    @property
    def news(self) -> Sequence[Fact]:
        return tuple(self.state.news)

    @property
    def lost_since(self) -> datetime | None:
        return (self.state.heard_until or self.enrolment.started_at) if self.state.has_lost_news else None

    def remember(self, name: str, make: Callable[[], Any]) -> Any:
        for kept in (self.state.moments, self.state.memory):
            if name in kept:
                return kept[name]
        value = make()
        self.rewrite(name, value)
        return value

    def rewrite(self, name: str, value: Any) -> None:
        if isinstance(value, datetime) or value is None:
            self.state.moments[name] = value
        else:
            self.state.memory[name] = value

    def leave(self, result: Mapping[str, Any]) -> None:
        self.state.results[self.state.step or ""] = dict(result)

    async def sleep(self, until: datetime | None, *, listen: bool = False, rearm: bool = False) -> Woke:
        self._waits(until)
        may_be_late = listen or rearm
        while True:
            if (woke := await self._reason(listen, rearm)) is not None:
                return woke
            if self.state.unwritten or self._stirred():
                await self._write()
            elif until is None or self.now < until:
                await self._port.sleep(until, lambda: self._wakes(listen, rearm))
            elif may_be_late:
                may_be_late = False
                await self._write()
            else:
                return Woke.DUE

    async def _reason(self, listen: bool, rearm: bool) -> Woke | None:
        self._stop_if_ended()
        await self._move_if_rearmed()
        if self._is_skipped:
            self._is_skipped = False
            return Woke.SKIPPED
        if rearm and self._is_rearmed:
            self._is_rearmed = False
            return Woke.REARMED
        if listen and self._has_fresh_news:
            self._has_fresh_news = False
            return Woke.NEWS
        return None

    def _wakes(self, listen: bool, rearm: bool) -> bool:
        return (
            self._stirred() or self._may_have_moved or (rearm and self._is_rearmed) or (listen and self._has_fresh_news)
        )

    def _waits(self, until: datetime | None) -> None:
        self._known.clear()
        if until != self.state.waits_until or not self._is_shown:
            self.state.waits_until = until
            self._is_shown = True
            self._trace(self._present())
            self._show(self.program.place_by_id[self.state.step or ""].step.title())

    def hear(self, fact: Fact | None, deadline: datetime | None) -> None:
        state = self.state
        if fact is not None:
            state.event = dict(fact.properties)
            cut = fact.at if fact.seq or state.has_lost_news else self.now
            state.news = [kept for kept in state.news if (kept.seq > fact.seq if fact.seq else kept.at > cut)]
        else:
            cut = min(deadline, self.now) if deadline else self.now
            state.news = [kept for kept in state.news if kept.at > cut]
        state.has_lost_news = state.has_lost_news and len(state.news) == MOST_NEWS
        state.heard_until = cut

    def ignore(self, facts: Sequence[Fact]) -> None:
        tested = {fact.seq for fact in facts}
        self.state.news = [kept for kept in self.state.news if kept.seq not in tested]

    async def recall(self, clauses: Sequence[Clause], since: datetime | None = None) -> Sequence[Fact]:
        names = tuple(dict.fromkeys(name for clause in clauses for name in clause.on))
        known = await self._ask(self._question(events=names, since=since or self.enrolment.started_at))
        facts = [Fact.model_validate(event) for event in known.events]
        loose = any(clause.match == "customer" for clause in clauses)
        return [fact for fact in facts if loose or self._is_of_this_key(fact)]

    def _is_of_this_key(self, fact: Fact) -> bool:
        return self._listener.key_of(fact.properties, {}) == self.enrolment.key

    async def last_activity(self) -> datetime | None:
        return (await self._port.look_up(self._question(last_seen=True))).last_seen_at

    async def time_zone(self) -> str:
        return (await self._ask(self._question(profile=True))).time_zone

    async def set_traits(self, traits: Mapping[str, Any]) -> None:
        state = self.state
        key = f"{self.enrolment.enrolment_id}/{state.step}/{state.visits[state.step or '']}"
        await self._port.set_traits(
            SetTraits(
                enrolment_id=self.enrolment.enrolment_id,
                customer_id=self.enrolment.customer_id,
                key=key,
                traits=_json(traits),
            )
        )
        self._known.clear()

    def _question(self, **what: Any) -> LookUp:
        return LookUp(enrolment_id=self.enrolment.enrolment_id, customer_id=self.enrolment.customer_id, **what)

    async def _ask(self, question: LookUp) -> Known:
        """Live facts; asked once while time stands still, that is between two waits."""
        name = question.model_dump_json()
        if name not in self._known:
            self._known[name] = await self._port.look_up(question)
        return self._known[name]

    async def evaluate(self, expression: Expression, event: Fact | None = None) -> Any:
        return expression.evaluate(await self._scope(expression, event))

    async def _scope(self, expression: Expression, event: Fact | None) -> dict[str, Any]:
        state = self.state
        scope: dict[str, Any] = {
            "start": state.start,
            "event": event.properties if event else state.event,
            "steps": state.results,
            "repeat": {"index": state.repeat},
            "now": self.now,
        }
        if not expression.roots & LIVE:
            return scope
        sent = self._messages_named(expression)
        journeys = tuple(sorted({path[1] for path in expression.paths if path[0] == "journeys" and len(path) > 1}))
        if "profile" in expression.roots or journeys or sent:
            wants_profile = "profile" in expression.roots
            known = await self._ask(self._question(profile=wants_profile, journeys=journeys, messages=sent))
            scope |= {"profile": known.profile, "journeys": known.journeys, "steps": self._live_results(known)}
        return scope

    def _messages_named(self, expression: Expression) -> bool:
        named = {path[1] for path in expression.paths if path[0] == "steps" and len(path) > 1}
        return any(isinstance(place.step, Send) for name in named if (place := self.program.place_by_id.get(name)))

    def _live_results(self, known: Known) -> dict[str, Any]:
        """What steps left, with the present status of their messages."""
        results = dict(self.state.results)
        for step_id, by_channel in known.messages.items():
            if (place := self.program.place_by_id.get(step_id)) and isinstance(place.step, Send):
                outcome = by_channel.get(place.step.via[0], {}).get("status")
                results[step_id] = {**results.get(step_id, {}), **by_channel, "outcome": outcome}
        return results

    # --- sending

    async def send(self, order: SendOrder) -> Mapping[str, Mapping[str, Any]]:
        """All channels at the same moment; each goes on until its message is decided."""
        done: dict[str, dict[str, Any]] = self.remember("receipts", dict)
        left = [channel for channel in order.channels if channel not in done]
        outcomes = await asyncio.gather(*(self._send_on(order, channel) for channel in left), return_exceptions=True)
        for channel, outcome in zip(left, outcomes, strict=True):
            if not isinstance(outcome, BaseException):
                done[channel] = outcome
        failure = next((outcome for outcome in outcomes if isinstance(outcome, BaseException)), None)
        if failure is not None:
            raise failure
        return done

    async def _send_on(self, order: SendOrder, channel: str) -> dict[str, Any]:
        due_at = self.remember(f"due {channel}", lambda: self.now)
        refuse: str | None = None
        while True:
            self._stop_if_ended()
            await self._move_if_rearmed()
            if self.state.is_paused:
                refuse = await self._resumption()
            message = self._message(order, channel, due_at, refuse)
            receipt = await self._port.send(message)
            if not await self._wants_another(receipt, message.progress):
                return {"status": receipt.verdict, "reason": receipt.reason}

    async def _wants_another(self, receipt: Receipt, progress: Progress) -> bool:
        if receipt.verdict == "closed":
            await self._write()
            self._stop_if_ended()
            return True
        self._written(progress)
        if receipt.verdict == "behind":
            self._catch_up(receipt.unseen)
        elif receipt.verdict == "paused":
            self.state.is_paused = True
        elif receipt.verdict == "held":
            await self.sleep(receipt.retry_at or self.now + timedelta(minutes=5))
        else:
            return False
        return True

    async def _resumption(self) -> str | None:
        """Wait until a person resumes; then what `on_resume` says: None to go on, or a reason not to send."""
        self._show("paused")
        while self.state.is_paused:
            self._stop_if_ended()
            if self.state.unwritten or self._stirred():
                self._is_skipped = False
                await self._write()
            else:
                await self._port.sleep(None, lambda: self._stirred() or not self.state.is_paused)
        self._stop_if_ended()
        if self.program.journey.on_resume == "replan" and self.state.last_wait:
            raise Moved(self.state.last_wait)
        skips = self.program.journey.on_resume == "skip"
        return "it fell due during a pause, and the journey says `on_resume: skip`" if skips else None

    def _message(self, order: SendOrder, channel: str, due_at: datetime, refuse: str | None) -> SendMessage:
        state, enrolment = self.state, self.enrolment
        step, visit = state.step or "", state.visits[state.step or ""]
        return SendMessage(
            key=f"{enrolment.enrolment_id}/{step}/{visit}/{channel}",
            customer_id=enrolment.customer_id,
            journey=enrolment.journey,
            version=enrolment.version,
            step=step,
            visit=visit,
            channel=channel,
            message=order.message,
            due_at=due_at,
            at=self.now,
            pace=enrolment.pace,
            valid_for=order.valid_for,
            if_unsure=order.if_unsure,
            scope=self._template_scope(order),
            refuse=refuse,
            progress=self._progress(),
        )

    def _template_scope(self, order: SendOrder) -> dict[str, Any]:
        state = self.state
        scope = {
            "start": state.start,
            "event": state.event,
            "steps": state.results,
            "repeat": {"index": state.repeat},
            "now": self.now,
            **(order.values or {}),
        }
        return _json(scope)


def _json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON has them: moments become ISO text, lengths of time seconds."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Mapping():
            return {str(name): _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value
