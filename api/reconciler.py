"""Finds enrolments that Temporal has forgotten, wakes those that have not heard all there is, and keeps calendars."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from api.calendar import CalendarKeeper
from api.starting import starting
from language.clock import Pace
from language.state import Kept
from runtime.metrics import DELIVERIES_WAITING, ENROLMENTS_BROKEN, ENROLMENTS_RESTARTED
from store.database import POSTGRES_AWAY
from store.outbox import Outbox
from store.reconcile import Open, Reconciliation, Trace
from store.versions import Versions
from workflows.client import JourneyClient, Run, TemporalAway, TemporalRefused
from workflows.payload import Resume, StartEnrolment

log = structlog.get_logger()

NUDGES = tuple(timedelta(seconds=seconds) for seconds in (15, 60, 300, 900, 3600))
PERIOD = timedelta(minutes=10)
MOST_RESTARTS = 3
"""At one step; then it is not chance but a fault, and a person must look."""


class Reconciler:
    """Any number may run. `clock` is the journeys'; `every` (seconds) is how often it looks, `page` how many
    enrolments it asks Temporal about each time, `period` how long one that was found well is left alone."""

    def __init__(
        self,
        reconciliation: Reconciliation,
        outbox: Outbox,
        versions: Versions,
        client: JourneyClient,
        *,
        clock: Callable[[], datetime],
        pace: Pace,
        every: float = 5.0,
        page: int = 20,
        period: timedelta = PERIOD,
        nudges: Sequence[timedelta] = NUDGES,
        calendars: CalendarKeeper | None = None,
    ) -> None:
        self._reconciliation = reconciliation
        self._outbox = outbox
        self._versions = versions
        self._client = client
        self._clock = clock
        self._pace = pace
        self._every = every
        self._page = page
        self._period = period
        self._nudges = nudges
        self._calendars = calendars
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Look again and again until `stop()`. Survives the absence of Temporal and PostgreSQL."""
        while not self._stopping.is_set():
            try:
                await self.look()
            except (TemporalAway, *POSTGRES_AWAY) as error:
                log.debug("the reconciler will look again later", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._every)

    def stop(self) -> None:
        self._stopping.set()

    async def look(self) -> None:
        """One round: tidy the outbox, nudge, check, keep calendars running."""
        await self._outbox.purge()
        DELIVERIES_WAITING.set(await self._outbox.waiting())
        await self._reconciliation.nudge(self._nudges)
        for enrolment in await self._reconciliation.take_due(self._period, self._page):
            await self._check(enrolment)
        if self._calendars is not None:
            await self._calendars.look()

    async def _check(self, enrolment: Open) -> None:
        try:
            run = await self._client.describe(enrolment.journey, enrolment.enrolment_id)
            if run is None or not run.is_running:
                await self._mend(enrolment, run)
        except TemporalAway:
            await self._outbox.ask_for_check(enrolment.enrolment_id)
            raise

    async def _mend(self, enrolment: Open, run: Run | None) -> None:
        if enrolment.state == "ending":
            await self._reconciliation.close(enrolment)
            return
        reason = f"its workflow {'was not there' if run is None else f'is {run.status}'} while it was open"
        if await self._reconciliation.restarts(enrolment) >= MOST_RESTARTS:
            await self._give_up(enrolment, reason)
        elif await self._reconciliation.release(enrolment):
            await self._restart(enrolment, reason)

    async def _restart(self, enrolment: Open, reason: str) -> None:
        try:
            is_started = await self._client.start(await self._starting(enrolment), anew=True)
        except (TemporalRefused, LookupError) as error:
            await self._give_up(enrolment, f"its workflow cannot be started: {type(error).__name__}")
            return
        if is_started:
            await self._reconciliation.note(enrolment, "restarted", at=self._clock(), reason=reason)
            ENROLMENTS_RESTARTED.inc()
            log.warning("restarted an enrolment from its trace", enrolment=enrolment.enrolment_id, step=enrolment.step)

    async def _give_up(self, enrolment: Open, reason: str) -> None:
        await self._reconciliation.mark_broken(enrolment, at=self._clock(), reason=reason)
        ENROLMENTS_BROKEN.inc()
        log.error("an enrolment is broken", enrolment=enrolment.enrolment_id, step=enrolment.step, reason=reason)

    async def _starting(self, enrolment: Open) -> StartEnrolment:
        version = await self._versions.get(enrolment.journey, enrolment.version)
        trace = await self._reconciliation.trace(enrolment)
        resume = resumption(trace, enrolment.seen_seq) if trace else None
        pending = await self._reconciliation.pending(enrolment)
        return starting(enrolment, version, pending, self._pace, resume)


def resumption(trace: Trace, seen_seq: int) -> Resume:
    """Where the next run begins; `seen_seq` is what PostgreSQL knows to be acknowledged."""
    return Resume(
        step=trace.step,
        visits=trace.visits,
        results=trace.results,
        seen_seq=seen_seq,
        entered_at=trace.entered_at,
        waits_until=trace.waits_until,
        has_left=trace.left_at is not None,
        heard_until=trace.heard_until,
        kept=Kept.model_validate(trace.kept or {}),
    )
