"""The workflow of one journey's calendar: sleeps until something is due, and has it enrolled."""

from datetime import datetime, timedelta
from typing import NoReturn

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.policy import LOCAL_START_TO_CLOSE, READS
    from language.calendar import CalendarStanding, EnrolDue
    from workflows.payload import LookAgain, StartCalendar

MOST_LOOKS = 200
"""Looks after which a run goes on in a fresh one."""

SHORTEST_SLEEP = timedelta(milliseconds=500)
"""Wall time, however fast the journeys' clock runs."""


@workflow.defn(name="CalendarWorkflow")
class CalendarWorkflow:
    """Runs as long as a live version of the journey starts by the calendar."""

    @workflow.init
    def __init__(self, start: StartCalendar) -> None:
        self._start = start
        self._is_told = False
        self._enrolled = start.enrolled

    @workflow.run
    async def run(self, start: StartCalendar) -> int:
        """Returns how many were enrolled, when the journey starts by the calendar no longer."""
        for _ in range(MOST_LOOKS):
            self._is_told = False
            standing = await self._enrol_due()
            self._enrolled += standing.enrolled
            if standing.look_at is None and not self._is_told:
                return self._enrolled
            if standing.is_done and standing.look_at is not None:
                await self._sleep_until(standing.look_at)
        return self._roll_over()

    def _roll_over(self) -> NoReturn:
        workflow.continue_as_new(self._start.model_copy(update={"enrolled": self._enrolled}))

    @workflow.signal(description="A version of the journey was published.")
    def look(self, again: LookAgain) -> None:
        self._is_told = True

    async def _enrol_due(self) -> CalendarStanding:
        start = self._start
        standing: CalendarStanding = await workflow.execute_local_activity(
            "enrol_due",
            EnrolDue(journey=start.journey, at=self._now(), pace=start.pace, look_every=start.look_every),
            result_type=CalendarStanding,
            start_to_close_timeout=LOCAL_START_TO_CLOSE,
            retry_policy=READS,
            summary="enrol who is due",
        )
        return standing

    def _now(self) -> datetime:
        return self._start.pace.journey_time(workflow.now())

    async def _sleep_until(self, moment: datetime) -> None:
        """Also ends when told to look."""
        workflow.set_current_details(
            f"### Calendar of {self._start.title or self._start.journey}\n\n"
            f"{self._enrolled} enrolled so far. Looks again at {moment:%Y-%m-%d %H:%M} UTC, or earlier."
        )
        length = max(self._start.pace.real_delay(moment - self._now()), SHORTEST_SLEEP)
        try:
            summary = f"until {moment:%Y-%m-%d %H:%M} UTC"
            await workflow.wait_condition(lambda: self._is_told, timeout=length, timeout_summary=summary)
        except TimeoutError:
            return
