"""Calls that nobody takes up on the sandbox page end by themselves, after the phone has rung as long as it would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from api.problem import Problem
from api.sandbox.reports import SandboxReports
from language.message_event import Report
from store.database import POSTGRES_AWAY
from store.sandbox import SandboxInbox

PERIOD = 0.5
"""Seconds between two looks."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RingingCalls:
    """Looks for calls that have rung out by the journeys' clock, and ends each as `ends_as`.

    What has rung out is asked of the database: a call that rang while this was not running ends as well.
    """

    reports: SandboxReports
    ends_as: Report = "no_answer"
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.look()
            except (*POSTGRES_AWAY, Problem) as error:
                log.warning("sandbox.calls_waiting", error=type(error).__name__)
            try:
                await asyncio.wait_for(self._stopping.wait(), PERIOD)
            except TimeoutError:
                continue

    async def look(self) -> int:
        """How many calls it has ended."""
        rung_out = await SandboxInbox(self.reports.db).rung_out(self.reports.clock())
        for message_id, _ in rung_out:
            await self.reports.say(message_id, self.ends_as)
        return len(rung_out)

    def stop(self) -> None:
        self._stopping.set()


@asynccontextmanager
async def ending(calls: RingingCalls | None) -> AsyncIterator[None]:
    """Calls end while this is open; None: they do not."""
    if calls is None:
        yield
        return
    running = asyncio.create_task(calls.run(), name="RingingCalls")
    try:
        yield
    finally:
        calls.stop()
        await running
