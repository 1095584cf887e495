"""Enrols whom the calendar brings. Run as a local activity, a few seconds at a time."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from temporalio import activity

from activities.clock import journey_now
from language.calendar import CalendarStanding, EnrolDue

MOST_SECONDS = 3.0
"""Less than a local activity may take, with time for a last page."""


class Calendars(Protocol):
    """Where it is kept how far each journey's calendar has come."""

    async def enrol_page(self, order: EnrolDue, clock: Callable[[], datetime]) -> CalendarStanding:
        """Decide about the next page of customers, all or nothing."""
        ...


class CalendarActivities:
    """`most` bounds the time after which no further page is begun."""

    def __init__(self, calendars: Calendars, *, most: timedelta = timedelta(seconds=MOST_SECONDS)) -> None:
        self._calendars = calendars
        self._most = most.total_seconds()

    @activity.defn
    async def enrol_due(self, order: EnrolDue) -> CalendarStanding:
        """Page after page until nobody is left who is due, or time is up. An attempt that dies loses no page."""
        clock = partial(journey_now, order.at, order.pace)
        give_up_at, enrolled = time.monotonic() + self._most, 0
        while True:
            standing = await self._calendars.enrol_page(order, clock)
            enrolled += standing.enrolled
            if standing.is_done or time.monotonic() >= give_up_at:
                return standing.model_copy(update={"enrolled": enrolled})
