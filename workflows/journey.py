"""The workflow of one enrolment: the interpreter's port to Temporal, signals, commands and the query."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NoReturn

from temporalio import workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from activities.policy import CALL_START_TO_CLOSE, CALLS, LOCAL_START_TO_CLOSE, READS, SEND_START_TO_CLOSE, SENDS
    from language.interpreter import Interpreter
    from language.port import Answer, Deed, Frozen, Known, LookUp, Progress, Receipt, SendMessage, SetTraits, Standing
    from language.program import program
    from language.report import in_words
    from language.state import Enrolment, State
    from workflows import lanes
    from workflows.payload import Deliveries, Resume, StartEnrolment

STEP = SearchAttributeKey.for_keyword("SojournStep")
OUTCOME = SearchAttributeKey.for_keyword("SojournOutcome")


MOST_EVENTS = 500
"""History events after which a run goes on in a fresh one. Temporal suggests it at 4,096; but when events pour in, it
refuses the first attempt, and then turns signals away until a worker has replayed the whole history."""

MOST_BYTES = 300_000
"""Of history: thousands of events in few signals take as long to replay, and that must end within a workflow task."""

SUMMARY_BYTES = 400
WORTH_FINDING = timedelta(minutes=1)
"""How long (wall time) an enrolment must stay in a step to be found by it: each change costs the server a write."""


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
        self._timer: tuple[datetime, asyncio.Task[None]] | None = None
        self._shown_step: str | None = None
        self._overtaken: set[str] = set()
        self._first_bytes = workflow.info().get_current_history_size()  # the input alone may be large
        state = start.state or first_state(start.start, start.resume, self._program.first)
        self._interpreter = Interpreter(self._program, self._enrolment, state, self)
        self._interpreter.absorb(start.deliveries)

    @workflow.run
    async def run(self, start: StartEnrolment) -> str:
        """Returns the outcome; `closed` when another run has the enrolment."""
        try:
            outcome = await self._interpreter.run()
        except RollOver:
            return await self._roll_over()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return outcome or "closed"

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
        if self._is_long() and not wake():
            raise RollOver
        timer = self._timer_until(until)
        await workflow.wait_condition(lambda: wake() or (timer is not None and timer.done()) or self._is_long())
        if timer is not None and timer.done():
            self._timer = None

    def _is_long(self) -> bool:
        info = workflow.info()
        grown = info.get_current_history_size() - self._first_bytes
        return (
            info.get_current_history_length() >= MOST_EVENTS
            or grown >= MOST_BYTES
            or info.is_continue_as_new_suggested()
        )

    def _timer_until(self, until: datetime | None) -> asyncio.Task[None] | None:
        """One timer, kept while its deadline stays the same, so that news do not restart it."""
        if self._timer is not None and self._timer[0] != until:
            self._timer[1].cancel()
            self._timer = None
        if self._timer is None and until is not None:
            length = max(self._enrolment.pace.real_delay(until - self.now()), timedelta(milliseconds=1))
            summary = _summary(f"until {until:%Y-%m-%d %H:%M} UTC: {self._doing}")
            self._timer = (until, asyncio.create_task(workflow.sleep(length, summary=summary)))
        return self._timer[1] if self._timer else None

    async def send(self, order: SendMessage) -> Receipt:
        """On its lane. Where news came while it queued, it is decided again, and queues again ahead of others."""
        message_class = self._program.classes.get(order.message)
        if message_class == "promotional" and (refusal := await self._before_queue(order)) is not None:
            return refusal
        receipt: Receipt = await workflow.execute_activity(
            "send_message",
            order,
            task_queue=lanes.lane(order.channel, message_class),
            priority=lanes.place(message_class, has_queued=order.key in self._overtaken),
            result_type=Receipt,
            start_to_close_timeout=SEND_START_TO_CLOSE,
            retry_policy=SENDS,
            summary=_summary(f"send {order.channel.upper()} {order.message}"),
        )
        (self._overtaken.add if receipt.verdict == "behind" else self._overtaken.discard)(order.key)
        return receipt

    async def _before_queue(self, order: SendMessage) -> Receipt | None:
        """What may wait for long shows where it stands, and does not queue while there is news to decide by.

        PostgreSQL then knows that the run is well; it would be asked after, and in a blast that is a load of its own.
        What a pause or the end holds back queues all the same: the claim leaves the row that says so.
        """
        standing = await self.record(order.progress)
        return Receipt(verdict="behind", unseen=standing.unseen) if standing.unseen else None

    async def look_up(self, question: LookUp) -> Known:
        known: Known = await _locally("look_up", question, Known, "read profile")
        return known

    async def record(self, progress: Progress) -> Standing:
        doing = f"ended as {progress.ended_as}" if progress.ended_as else self._doing
        standing: Standing = await _locally("record_progress", progress, Standing, f"note: {doing}")
        return standing

    async def set_traits(self, traits: SetTraits) -> None:
        await _locally("set_traits", traits, None, self._doing)

    async def do(self, deed: Deed) -> Answer:
        if deed.is_local:
            local: Answer = await _locally(deed.activity, deed, Answer, self._doing)
            return local
        answer: Answer = await workflow.execute_activity(
            deed.activity,
            deed,
            result_type=Answer,
            start_to_close_timeout=CALL_START_TO_CLOSE,
            retry_policy=CALLS,
            summary=_summary(self._doing),
        )
        return answer

    @property
    def _doing(self) -> str:
        step = self._interpreter.state.step
        return in_words(self._program.place_by_id[step].step) if step else "the journey is done"

    def show(self, details: str, step: str | None) -> None:
        workflow.set_current_details(f"### {self._start.title or self._start.journey}\n\n{details}")
        state = self._interpreter.state
        if state.outcome:
            workflow.upsert_search_attributes([OUTCOME.value_set(state.outcome)])
        elif step and step != self._shown_step and self._stays():
            self._shown_step = step
            workflow.upsert_search_attributes([STEP.value_set(step)])

    def _stays(self) -> bool:
        """Whether it stands here long enough for somebody to look for it."""
        state = self._interpreter.state
        if state.step is None or not self._program.place_by_id[state.step].step.is_waiting:
            return False
        if state.waits_until is None:
            return True
        return self._enrolment.pace.real_delay(state.waits_until - self.now()) > WORTH_FINDING


async def _locally(activity: str, request: Frozen, result: type[Frozen] | None, summary: str) -> Any:
    """One short transaction or look, made by the worker that has the workflow. None: nothing is answered."""
    return await workflow.execute_local_activity(
        activity,
        request,
        result_type=result,
        start_to_close_timeout=LOCAL_START_TO_CLOSE,
        retry_policy=READS,
        summary=_summary(summary),
    )


def _summary(text: str) -> str:
    """Cut to what Temporal takes as a summary."""
    return text.encode()[:SUMMARY_BYTES].decode(errors="ignore")


def first_state(start: dict[str, Any], resume: Resume | None, first: str | None) -> State:
    """A new enrolment, or one that goes on from its trace: in the same visit, so that message keys stay the same."""
    if resume is None:
        return State(step=first, start=dict(start))
    return State(
        step=resume.step,
        is_inside=True,
        entered_at=resume.entered_at,
        moments=resume.kept.moments or ({"until": resume.waits_until} if resume.waits_until else {}),
        memory=dict(resume.kept.memory),
        visits=dict(resume.visits),
        results=dict(resume.results),
        start=dict(start),
        seen_seq=resume.seen_seq,
        heard_until=resume.heard_until,
        event=resume.kept.event,
        repeat=resume.kept.repeat,
        passes=dict(resume.kept.passes),
        last_wait=resume.kept.last_wait,
        has_lost_news=True,
    )
