"""Keeps a calendar running for every journey that starts by date or cron line."""

import time
from datetime import timedelta

import structlog

from language.calendar import LOOK_EVERY
from language.clock import Pace
from store.calendar import LiveCalendar, live_calendars
from store.database import Database
from workflows.client import JourneyClient, TemporalRefused
from workflows.payload import LookAgain, StartCalendar

log = structlog.get_logger()

PERIOD = 60.0
A_SECOND = timedelta(seconds=1)
"""Wall time: looking more often, in demo time, would only make work."""


class CalendarKeeper:
    """Any number may run. A new version's calendar is told at once; `period` (seconds, wall time) is how soon one that
    died is noticed."""

    def __init__(self, db: Database, client: JourneyClient, *, pace: Pace, period: float = PERIOD) -> None:
        self._db = db
        self._client = client
        self._pace = pace
        self._period = period
        self._told: dict[str, int] = {}
        self._kept_at: dict[str, float] = {}

    async def look(self) -> None:
        """One round. Raises TemporalAway, and what PostgreSQL raises when it is away."""
        for calendar in await live_calendars(self._db):
            is_news = self._told.get(calendar.journey) != calendar.version
            if is_news or time.monotonic() >= self._kept_at[calendar.journey] + self._period:
                await self._keep(calendar, LookAgain(version=calendar.version) if is_news else None)

    async def _keep(self, calendar: LiveCalendar, news: LookAgain | None) -> None:
        look_every = max(LOOK_EVERY, A_SECOND * self._pace.speed)
        start = StartCalendar(journey=calendar.journey, title=calendar.title, pace=self._pace, look_every=look_every)
        try:
            await self._client.keep_calendar(start, news=news)
        except TemporalRefused as error:
            log.error("a calendar cannot be started", journey=calendar.journey, error=type(error).__name__)
        self._told[calendar.journey] = calendar.version
        self._kept_at[calendar.journey] = time.monotonic()
