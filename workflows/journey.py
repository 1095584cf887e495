"""The workflow of one enrolment: the interpreter's port to Temporal, signals, commands and the query."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NoReturn

from temporalio import workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from activities.policy import LOCAL_START_TO_CLOSE, READS, SEND_START_TO_CLOSE, SENDS
    from language.interpreter import Interpreter
    from language.port import Known, LookUp, Progress, Receipt, SendMessage, SetTraits, Standing
    from language.program import program
    from language.state import Enrolment, State
    from workflows.payload import Deliveries, StartEnrolment

STEP = SearchAttributeKey.for_keyword("SojournStep")
OUTCOME = SearchAttributeKey.for_keyword("SojournOutcome")


MOST_EVENTS = 500
"""History events after which a run goes on in a fresh one. Temporal suggests it at 4,096; but when events pour in, it
refuses the first attempt, and then turns signals away until a worker has replayed the whole history."""


class RollOver(Exception):
    """The history is long and only waiting goes on: the moment for a fresh one."""


@workflow.defn(name="JourneyWorkflow")
class JourneyWorkflow:
    """One customer in one journey, from the event that started it to its outcome."""

    @workflow.init
    def __init__(self, start: StartEnrolment) -> None:
        self._start = start
        self._program = program(start.definition)
        self._enrolment = Enrolment(
            enrolment_id=start.enrolment_id,
            customer_id=start.customer_id,
            journey=start.journey,
            version=start.version,
            key=start.key,
            started_at=start.started_at,
            run_id=start.run_id or workflow.info().run_id,
            pace=start.pace,
        )
        self._timers: dict[datetime, asyncio.Task[None]] = {}
        self._sleepers: list[datetime | None] = []
        self._shown_step: str | None = None
        self._sending = 0
        state = start.state or _first_state(start, self._program.first)
        self._interpreter = Interpreter(self._program, self._enrolment, state, self)
        self._interpreter.absorb(start.deliveries)

    @workflow.run
    async def run(self, start: StartEnrolment) -> str:
        """Returns the outcome; `closed` when another run has the enrolment."""
        outcome = await self._run()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return outcome or "closed"

    async def _run(self) -> str | None:
        while True:
            try:
                return await self._interpreter.run()
            except RollOver:
                # What came while another channel was still at work is acted on first: only the state is carried over.
                if self._interpreter.is_at_rest:
                    await self._roll_over()

    async def _roll_over(self) -> NoReturn:
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(
            self._start.model_copy(
                update={
                    "state": self._interpreter.state,
                    "run_id": self._enrolment.run_id,
                    "deliveries": (),
                    "resume": None,
                }
            )
        )

    @workflow.signal(description="Events, commands and the end, in order; sent by the relay.")
    def deliver(self, deliveries: Deliveries) -> None:
        self._interpreter.absorb(deliveries.deliveries)

    @workflow.query(description="Where this enrolment stands.")
    def progress(self) -> State:
        return self._interpreter.state

    # --- language.port.Port

    def now(self) -> datetime:
        return self._enrolment.pace.journey_time(workflow.now())

    async def sleep(self, until: datetime | None, wake: Callable[[], bool]) -> None:
        if self._must_roll_over() and not wake():
            raise RollOver
        self._sleepers.append(until)
        timer = self._timer(until)
        try:
            await workflow.wait_condition(
                lambda: wake() or (timer is not None and timer.done()) or self._must_roll_over()
            )
        finally:
            self._sleepers.remove(until)
        if until is not None and timer is not None and timer.done():
            self._timers.pop(until, None)

    def _must_roll_over(self) -> bool:
        info = workflow.info()
        is_long = info.is_continue_as_new_suggested() or info.get_current_history_length() >= MOST_EVENTS
        return is_long and not self._sending

    def _timer(self, until: datetime | None) -> asyncio.Task[None] | None:
        """The timer of a deadline, kept while anybody sleeps to it, so that news do not restart it.

        There is one, unless several channels are held to different times.
        """
        for deadline in [one for one in self._timers if one not in self._sleepers]:
            self._timers.pop(deadline).cancel()
        if until is None:
            return None
        if until not in self._timers:
            length = max(self._enrolment.pace.real_delay(until - self.now()), timedelta(milliseconds=1))
            summary = f"until {until:%Y-%m-%d %H:%M} UTC"
            self._timers[until] = asyncio.create_task(workflow.sleep(length, summary=summary))
        return self._timers[until]

    async def send(self, order: SendMessage) -> Receipt:
        self._sending += 1
        try:
            receipt: Receipt = await workflow.execute_activity(
                "send_message",
                order,
                result_type=Receipt,
                start_to_close_timeout=SEND_START_TO_CLOSE,
                retry_policy=SENDS,
                summary=f"{order.channel.upper()} {order.message}",
            )
            return receipt
        finally:
            self._sending -= 1

    async def look_up(self, question: LookUp) -> Known:
        known: Known = await workflow.execute_local_activity(
            "look_up",
            question,
            result_type=Known,
            start_to_close_timeout=LOCAL_START_TO_CLOSE,
            retry_policy=READS,
            summary="read profile",
        )
        return known

    async def record(self, progress: Progress) -> Standing:
        standing: Standing = await workflow.execute_local_activity(
            "record_progress",
            progress,
            result_type=Standing,
            start_to_close_timeout=LOCAL_START_TO_CLOSE,
            retry_policy=READS,
            summary=f"ended: {progress.ended_as}" if progress.ended_as else f"at {progress.step}",
        )
        return standing

    async def set_traits(self, traits: SetTraits) -> None:
        await workflow.execute_local_activity(
            "set_traits",
            traits,
            start_to_close_timeout=LOCAL_START_TO_CLOSE,
            retry_policy=READS,
            summary=f"set {', '.join(traits.traits)}",
        )

    def show(self, details: str, step: str | None) -> None:
        workflow.set_current_details(f"{self._start.title}\n\n{details}")
        state = self._interpreter.state
        if state.outcome:
            workflow.upsert_search_attributes([OUTCOME.value_set(state.outcome)])
        elif step and step != self._shown_step and state.waits_until:
            self._shown_step = step
            workflow.upsert_search_attributes([STEP.value_set(step)])


def _first_state(start: StartEnrolment, first: str | None) -> State:
    """A new enrolment, or one that goes on from its trace: in the same visit, so that message keys stay the same."""
    if start.resume is None:
        return State(step=first, start=dict(start.start))
    resume = start.resume
    return State(
        step=resume.step,
        is_inside=True,
        entered_at=resume.entered_at,
        moments={"until": resume.waits_until} if resume.waits_until else {},
        visits=dict(resume.visits),
        results=dict(resume.results),
        start=dict(start.start),
        seen_seq=resume.seen_seq,
    )
