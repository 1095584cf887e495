"""Runs one enrolment: the loop around the steps, and what the steps may do. The same under Temporal and simulated.

Steps decide, the loop acts: it visits, traces, absorbs what comes from outside, and asks the port for every effect.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from language.clause import Clause
from language.context import FORWARD, Next, SendOrder, Woke, concerns
from language.delivery import Delivery, Fact
from language.duration import LONGEST
from language.expression import Expression
from language.inbox import Inbox
from language.inquiry import Inquiry, base_scope, plain
from language.journal import Journal
from language.lot import HELD_OUT
from language.news import News
from language.port import Answer, Deed, DrawArm, Port, Progress, Receipt, SendMessage, SetTraits, Standing
from language.program import Program
from language.report import report, result_in_words
from language.state import MOST_PASSED, Enrolment, Pass, Passed, State
from language.steps import Step, Until, Wait, moment_of

_NOT_YET = frozenset({"held", "behind", "paused", "closed"})
A_WHILE = timedelta(minutes=5)
"""Until the next try where nobody says when."""


class Ended(Exception):
    """An exit, a goal or a person ended the enrolment; what runs is left where it stands."""


class Moved(Exception):
    """The enrolment goes on at another step; None: its steps are done."""

    def __init__(self, step: str | None) -> None:
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
        self._inquiry = Inquiry(program, enrolment, state, port)
        self._news = News(state)
        self._journal = Journal(program, enrolment, state)
        self._inbox = Inbox(program, state, self._news)
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
                if not self.state.is_inside and self.state.to_stage:
                    self._go(self._stage_entry())
                outcome = await self._visit(self.state.step)
                if outcome is not None:
                    return outcome
            return "completed"
        except Ended:
            return self.state.ended_as or "stopped"

    async def _visit(self, step_id: str) -> str | None:
        """Do one step and go on to the next; returns the outcome when the step ends the enrolment."""
        step = self.program.place_by_id[step_id].step
        self._inquiry.forget()
        try:
            if not self.state.is_inside:
                self._enter(step_id)
            if self.state.memory.get("circles"):
                await self._break_the_circle(step_id)
            way = await self._run(step)
            await self._attend()
            outcome = way.to if way.way == "finish" else None
            following = None if outcome else self.program.follow(step_id, way)
        except Moved as moved:
            outcome, following = None, moved.step
        self._leave_behind(step_id)
        if outcome is None:
            self._go(following)
        return outcome

    def _go(self, step_id: str | None) -> None:
        """Stand before a step. A block that is entered from outside begins to count anew."""
        place = self.program.place_by_id.get(self.state.step or "")
        if step_id is not None and (place is None or step_id not in place.around):
            self.state.passes.pop(step_id, None)
        self.state.step = step_id

    def _leave_behind(self, step_id: str) -> None:
        state = self.state
        self._journal.note(self.now, has_left=True)
        state.is_inside = False
        passed = Passed(step=step_id, left_at=self.now, result=result_in_words(state.results.get(step_id)))
        state.trail = [*state.trail, passed][-MOST_PASSED:]

    async def _run(self, step: Step) -> Next:
        if not step.enabled:
            return self._passed_over("not enabled")
        if not await self._is_wanted(step):
            return self._passed_over(f"not true: {step.when.source if step.when else ''}")
        if self._is_passed_over(step):
            del self.state.results[step.id]
        if step.resumes:
            self.state.last_wait = step.id
        if not step.is_waiting:
            self._show()
        return await step.run(self)

    async def _is_wanted(self, step: Step) -> bool:
        """Asked once a visit: what is true on entering stays so through a long wait."""
        if step.when is not None and not self.state.memory.get("is_wanted"):
            self.rewrite("is_wanted", await self.evaluate(step.when) is True)
        return step.when is None or bool(self.state.memory["is_wanted"])

    def _passed_over(self, why: str) -> Next:
        self.leave({"skipped": why})
        return FORWARD

    def _enter(self, step_id: str) -> None:
        state, now = self.state, self.now
        state.is_inside, state.entered_at, state.waits_until = True, now, None
        state.moments, state.memory = {}, {}
        state.visits[step_id] = state.visits.get(step_id, 0) + 1
        state.repeat = self._index()
        self._is_shown = self._inbox.is_skipped = False
        self._journal.note(self.now)
        is_counted = self.program.place_by_id[step_id].step.repeats_block
        if self._came_at.get(step_id) == now and not is_counted:
            self.rewrite("circles", True)
        self._came_at[step_id] = now

    def _index(self) -> int | None:
        """`repeat.index`: the pass of the innermost block around this step that repeats."""
        around = self.program.place_by_id[self.state.step or ""].around
        counted = [self.state.passes[step_id].count for step_id in around if step_id in self.state.passes]
        return counted[-1] if counted else None

    async def _break_the_circle(self, step_id: str) -> None:
        self.state.is_paused = True
        await self._write(pause=f"the step {step_id} was reached twice at the same moment: a loop without a wait")
        await self._resumption()
        self.rewrite("circles", False)
        self._came_at[step_id] = self.now

    async def _end(self, outcome: str) -> str:
        if self.state.is_inside and self.state.step:
            self._leave_behind(self.state.step)
        self.state.outcome = outcome
        self._show()
        await self._write(ended_as=outcome)
        return outcome

    # --- what comes from outside

    def absorb(self, deliveries: Sequence[Delivery]) -> None:
        """Take in deliveries, in any order and as often as they come."""
        self._inbox.absorb(deliveries)
        if any(delivery.kind == "command" for delivery in deliveries):
            self._show()

    def _stop_if_ended(self) -> None:
        if self.state.ended_as is not None:
            raise Ended

    async def _attend(self) -> None:
        """What takes the enrolment elsewhere: its end, another stage, an event that ends a block, a date that moved."""
        seen_seq = None
        while seen_seq != self.state.seen_seq:  # more may come while this looks, and what was seen counts as acted on
            seen_seq = self.state.seen_seq
            self._stop_if_ended()
            if self.state.to_stage is not None:
                raise Moved(self._stage_entry())
            await self._leave_blocks()
            await self._move_if_rearmed()

    def _stage_entry(self) -> str:
        """The first step of the stage to go to. What moved so far counts there when its waits are come to."""
        self.state.may_have_moved = False
        self._came_at.clear()
        stage, self.state.to_stage = self.state.to_stage or "", None
        return self.program.entry_by_stage[stage]

    async def _leave_blocks(self) -> None:
        """Test what came since against the events that end the blocks around this step, the outermost first."""
        while self.state.untested:
            fact = self.state.untested.pop(0)
            for step_id in self.program.place_by_id[self.state.step or ""].around:
                place = self.program.place_by_id[step_id]
                for clause in place.step.interrupts():
                    if await concerns(self, clause, fact):
                        self.hear(fact, None)
                        self.state.results[step_id] = {"outcome": fact.name}
                        raise Moved(place.after)

    async def _move_if_rearmed(self) -> None:
        """`again_if_moved`: a wait of this stage, already left, is waited for again when its date moved ahead."""
        while self.state.may_have_moved:
            self.state.may_have_moved = False
            stage = self.program.stage_of(self.state.step)
            for step in self.program.moving:
                is_left = step.id in self.state.visits and step.id != self.state.step and not self._is_passed_over(step)
                if is_left and self.program.stage_of(step.id) == stage and await self._lies_ahead(step):
                    raise Moved(step.id)

    def _is_passed_over(self, step: Step) -> bool:
        return "skipped" in self.state.results.get(step.id, {})

    async def _lies_ahead(self, step: Step) -> bool:
        assert isinstance(step, Wait)
        assert isinstance(step.wait, Until)
        date = await moment_of(step.wait.until, self)
        return date is not None and date > self.now

    # --- writing to PostgreSQL

    async def _write(self, *, ended_as: str | None = None, pause: str | None = None) -> Standing:
        """Write what is unwritten and take in what had not arrived; raises `Closed` when the enrolment is not ours."""
        progress = self._journal.progress(self.now, ended_as=ended_as, pause=pause)
        self._inbox.is_nudged = False
        standing = await self._port.record(progress)
        if standing.taken:
            raise Closed
        self._journal.written(progress)
        if self.state.seen_seq == progress.seen_seq:
            self.state.is_paused = standing.paused
        self._inbox.catch_up(standing.unseen)
        return standing

    def _show(self) -> None:
        self._port.show(report(self.program, self.state), self.state.step)

    # --- what a step may do (language.context.Context)

    @property
    def now(self) -> datetime:
        return self._port.now()

    @property
    def entered_at(self) -> datetime:
        return self.state.entered_at or self.now

    @property
    def visit(self) -> int:
        return self.state.visits[self.state.step or ""]

    @property
    def passes(self) -> int:
        latest = self.state.passes.get(self.state.step or "")
        return latest.count if latest else 0

    @property
    def pass_began_at(self) -> datetime:
        return self.state.passes[self.state.step or ""].began_at

    def begin_pass(self) -> None:
        around = {step: self.program.place_by_id[step].around for step in self._came_at}
        self._came_at = {step: at for step, at in self._came_at.items() if self.state.step not in around[step]}
        self.state.passes[self.state.step or ""] = Pass(count=self.passes + 1, began_at=self.now)

    @property
    def rearmed_at(self) -> datetime:
        return self._inbox.rearmed_at or self.now

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

    async def evaluate(self, expression: Expression, event: Fact | None = None) -> Any:
        seen = event.properties if event else self.state.event
        return expression.evaluate(await self._inquiry.scope(expression, seen, self.now))

    async def set_traits(self, traits: Mapping[str, Any]) -> None:
        state = self.state
        await self._port.set_traits(
            SetTraits(
                enrolment_id=self.enrolment.enrolment_id,
                customer_id=self.enrolment.customer_id,
                key=f"{self.enrolment.enrolment_id}/{state.step}/{state.visits[state.step or '']}",
                traits=plain(dict(traits)),
            )
        )
        self._inquiry.forget()

    # --- waiting

    async def sleep(self, until: datetime | None, *, listen: bool = False, rearm: bool = False) -> Woke:
        self._waits(until)
        may_be_late = listen or rearm
        while (woke := await self._reason(listen, rearm)) is None:
            if self.state.unwritten or self._inbox.is_stirred:
                await self._write()
            elif until is None or self.now < until:
                self.state.refuse = None
                await self._port.sleep(until and min(until, self.now + LONGEST), lambda: self._wakes(listen, rearm))
                self._inquiry.forget()
            elif may_be_late:
                may_be_late = False
                await self._write()
            else:
                return Woke.DUE
        return woke

    async def _reason(self, listen: bool, rearm: bool) -> Woke | None:
        await self._attend()
        if self._inbox.is_skipped:
            self._inbox.is_skipped = False
            return Woke.SKIPPED
        if rearm and self._inbox.is_rearmed:
            self._inbox.is_rearmed = False
            return Woke.REARMED
        if listen and self._news.is_fresh:
            self._news.is_fresh = False
            return Woke.NEWS
        return None

    def _wakes(self, listen: bool, rearm: bool) -> bool:
        inbox = self._inbox
        if inbox.is_stirred or self.state.may_have_moved:
            return True
        return (rearm and inbox.is_rearmed) or (listen and self._news.is_fresh)

    def _waits(self, until: datetime | None) -> None:
        self._inquiry.forget()
        if until != self.state.waits_until or not self._is_shown:
            self.state.waits_until = until
            self._is_shown = True
            self._journal.note(self.now)
            self._show()

    async def news(self, clauses: Sequence[Clause]) -> Sequence[Fact]:
        state = self.state
        lost: list[Fact] = []
        if state.has_lost_news:
            recalled = await self._inquiry.recall(clauses, state.heard_until)
            lost = [fact for fact in recalled if not state.news or fact.at <= state.news[0].at]
        return sorted([*lost, *state.news], key=lambda fact: fact.at)

    async def recall(self, clauses: Sequence[Clause]) -> Sequence[Fact]:
        return await self._inquiry.recall(clauses, None)

    async def reaches(self, clause: Clause, fact: Fact) -> bool:
        return await self._inquiry.reaches(clause, fact)

    async def last_activity(self) -> datetime | None:
        return await self._inquiry.last_activity()

    async def zone(self) -> ZoneInfo:
        return await self._inquiry.zone()

    def hear(self, fact: Fact | None, deadline: datetime | None) -> None:
        if fact is None:
            self._news.pass_moment(min(deadline, self.now) if deadline else self.now)
            return
        self.state.event = dict(fact.properties)
        if self._news.is_new(fact):
            self._came_at.clear()  # a loop that consumes events comes to an end
            self._news.pass_event(fact)
        else:
            self._news.pass_moment(self.now)

    def ignore(self, facts: Sequence[Fact]) -> None:
        self._news.ignore(facts)

    # --- sending, and doing other things

    async def send(self, order: SendOrder) -> Mapping[str, Mapping[str, Any]]:
        """All channels at the same moment, in rounds, until each message is decided."""
        done: dict[str, dict[str, Any]] = self.remember("receipts", dict)
        while left := [channel for channel in order.channels if channel not in done]:
            await self._get_ready()
            seen_seq = self.state.seen_seq
            is_held_out = await self._is_held_out()
            if order.unless is not None and await order.unless():
                done.update({channel: {"status": "cancelled"} for channel in left})
                break
            if self.state.seen_seq != seen_seq:
                continue  # a claim would pass for what was seen meanwhile
            messages = [self._message(order, channel, is_held_out) for channel in left]
            receipts = await asyncio.gather(*(self._port.send(message) for message in messages))
            retries = [await self._settle(*pair, done) for pair in zip(messages, receipts, strict=True)]
            waits = [at for channel, at in zip(left, retries, strict=True) if channel not in done]
            if waits and None not in waits:
                await self.sleep(min(at for at in waits if at), listen=order.unless is not None)
        return done

    async def do(self, deed: type[Deed], **what: Any) -> Answer:
        while True:
            await self._get_ready()
            if deed.is_skipped and (reason := self.state.refuse):
                return Answer(verdict="refused", reason=reason)
            wanted = self._deed(deed, what)
            answer = await self._port.do(wanted)
            retry_at = await self._take_verdict(answer, wanted.progress)
            if answer.verdict in ("done", "refused"):
                self.state.last_wait = None
                return answer
            if retry_at is not None:
                await self.sleep(retry_at)

    async def _get_ready(self) -> None:
        await self._attend()
        while self.state.is_paused:
            if reason := await self._resumption():
                self.state.refuse = reason
            await self._attend()

    async def _settle(self, message: SendMessage, receipt: Receipt, done: dict[str, Any]) -> datetime | None:
        """Take in a verdict. Returns when to try again; None: at once, or not at all."""
        retry_at = await self._take_verdict(receipt, message.progress)
        if receipt.verdict not in _NOT_YET:
            self.state.last_wait = None
            done[message.channel] = {"status": receipt.verdict, "reason": receipt.reason}
        return retry_at

    async def _take_verdict(self, answer: Receipt | Answer, progress: Progress) -> datetime | None:
        """What PostgreSQL said about going on now. Returns when to try again, if that is not at once."""
        if answer.verdict == "closed":
            await self._write()
            self._stop_if_ended()
            return self.now + A_WHILE
        self._journal.written(progress)
        has_heard_more = self.state.seen_seq > progress.seen_seq
        match answer.verdict:
            case "behind":
                self._inbox.catch_up(answer.unseen)
                return None if self.state.seen_seq > progress.seen_seq else self.now + A_WHILE
            case "paused":
                self.state.is_paused = self.state.is_paused or not has_heard_more
            case "held":
                return answer.retry_at or self.now + A_WHILE
        return None

    async def _is_held_out(self) -> bool:
        """Whether the customer is in the control group of this journey, or of this stage; drawn once."""
        journey, stage = self.program.journey, self.program.stage_of(self.state.step)
        of_stage = journey.stages[stage].control if stage else None
        control = journey.control if of_stage is None else of_stage
        if not control:
            return False
        experiment = f"control/{journey.journey}" + (f"/{stage}" if of_stage is not None else "")
        if experiment not in self.state.arms:
            shares = {HELD_OUT: control, "messaged": 100 - control}
            answer = await self.do(DrawArm, experiment=experiment, shares=shares)
            if answer.verdict == "done":
                self.state.arms[experiment] = str(answer.result["arm"])
        return self.state.arms.get(experiment) == HELD_OUT

    async def _resumption(self) -> str | None:
        """Wait until a person resumes; then what `on_resume` says: None to go on, or a reason not to send."""
        self._show()
        while self.state.is_paused:
            await self._attend()
            if self.state.unwritten or self._inbox.is_stirred:
                self._inbox.is_skipped = False
                await self._write()
            else:
                await self._port.sleep(None, lambda: self._inbox.is_stirred or not self.state.is_paused)
                self._inquiry.forget()
        self._stop_if_ended()
        if self.program.journey.on_resume == "replan" and self.state.last_wait:
            raise Moved(self.state.last_wait)
        skips = self.program.journey.on_resume == "skip"
        return "it fell due during a pause, and the journey says `on_resume: skip`" if skips else None

    def _deed(self, deed: type[Deed], what: Mapping[str, Any]) -> Deed:
        enrolment = self.enrolment
        return deed(
            key=f"{enrolment.enrolment_id}/{self.state.step}/{self.visit}",
            customer_id=enrolment.customer_id,
            journey=enrolment.journey,
            version=enrolment.version,
            step=self.state.step or "",
            visit=self.visit,
            at=self.now,
            pace=enrolment.pace,
            progress=self._journal.progress(self.now),
            **{name: plain(value) if isinstance(value, Mapping) else value for name, value in what.items()},
        )

    def _message(self, order: SendOrder, channel: str, is_held_out: bool) -> SendMessage:
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
            due_at=order.due_at or self.entered_at,
            at=self.now,
            pace=enrolment.pace,
            valid_for=order.valid_for,
            if_unsure=order.if_unsure,
            scope=plain({**base_scope(state, self.now), **(order.values or {})}),
            refuse=state.refuse,
            held_out=is_held_out,
            on_cap=order.on_cap,
            progress=self._journal.progress(self.now),
        )
