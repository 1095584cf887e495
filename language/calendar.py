"""Starts by the calendar: when a date of the profile comes round, and when a cron line is due."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field

from language.clock import Pace
from language.journey import Start
from language.listening import Occurrence
from language.local_time import find_zone
from language.port import Frozen

DATE_CAME = "Date Came"
SCHEDULED = "Scheduled"
"""Names of the facts that such enrolments start with."""

DEFAULT_TIME = "09:00"
LOOK_EVERY = timedelta(minutes=15)
"""How soon a date that became known today can start something today."""

WIDEST = timedelta(days=2)
"""No local day begins or ends further from the same day in UTC."""


class EnrolDue(Frozen):
    """Enrol whom the journey's calendar brings, up to now. `at` is journey time when this was asked for; the answer
    says when to ask again, within `look_every` of journey time."""

    journey: str
    at: AwareDatetime
    pace: Pace = Pace()
    look_every: timedelta = Field(default=LOOK_EVERY, gt=timedelta(0))


class CalendarStanding(Frozen):
    """`is_done` false: more is due, ask again at once. `look_at` None: no live version starts by the calendar."""

    is_done: bool
    look_at: AwareDatetime | None = None
    enrolled: int = 0


def due(start: Start, profile: Mapping[str, Any], zone: ZoneInfo, after: datetime, until: datetime) -> list[datetime]:
    """The moments in (after, until] at which a start by the calendar takes in this customer, as far as time decides;
    aware UTC, in order. `zone` is the customer's."""
    if start.every is not None:
        return list(start.every.between(after, until, cron_zone(start)))
    day = anniversary(profile.get(start.trait or ""))
    moments = _moments(day, start.at or DEFAULT_TIME, zone, after, until) if day else ()
    return [moment for moment in moments if after < moment <= until]


def next_due(start: Start, profile: Mapping[str, Any], zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first such moment after this one; None when there is none."""
    if start.every is not None:
        return start.every.next_after(after, cron_zone(start))
    day = anniversary(profile.get(start.trait or ""))
    if day is None:
        return None
    until = datetime.combine(day.replace(day=1), time(), UTC) + timedelta(days=62)
    return next(iter(due(start, profile, zone, after, max(until, after + timedelta(days=370)))), None)


def occurrence(start: Start, moment: datetime, zone: ZoneInfo, now: datetime) -> Occurrence:
    """What such an enrolment starts with: due at `moment`, noticed `now`. Its properties are `at` and, of a date that
    came, `date` (the customer's own day)."""
    properties = {"at": moment.isoformat()}
    if start.date is not None:
        properties["date"] = moment.astimezone(zone).date().isoformat()
    name = DATE_CAME if start.date is not None else SCHEDULED
    return Occurrence(name=name, properties=properties, at=now, occurred_at=moment, is_activity=False)


class Come(NamedTuple):
    """A start that is due at that moment."""

    moment: datetime
    start: Start


class OwnCalendar:
    """The calendar of one journey for one customer; all up to `done_until` has been seen to."""

    def __init__(self, starts: Sequence[Start], done_until: datetime) -> None:
        self._starts = starts
        self.done_until = done_until

    def next_due(self, profile: Mapping[str, Any], zone: str) -> Come | None:
        """What comes next, if anything ever does. `zone` is the customer's."""
        moments = ((next_due(start, profile, find_zone(zone), self.done_until), start) for start in self._starts)
        return min((Come(moment, start) for moment, start in moments if moment), key=lambda it: it.moment, default=None)


def cron_zone(start: Start) -> ZoneInfo:
    """The zone whose clocks an `every` goes by."""
    return find_zone(start.time_zone or "UTC")


def anniversary(value: Any) -> date | None:
    """The day that a trait such as `1990-05-17`, or a date-time that begins so, comes round on; None: unreadable."""
    if not isinstance(value, str) or (value[10:] and value[10] not in "T "):
        return None
    try:
        day = date.fromisoformat(value[:10])
    except ValueError:
        return None
    return day if day.isoformat() == value[:10] else None


def days_around(after: datetime, until: datetime) -> list[str]:
    """`MM-DD` of every birthday that can be due in (after, until] somewhere on earth; sorted."""
    first, last = (after - WIDEST).date(), (until + WIDEST).date()
    length = min((last - first).days, 366)
    days = {f"{first + timedelta(days=number):%m-%d}" for number in range(length + 1)}
    return sorted(days | ({"02-29"} if "02-28" in days else set()))


def _moments(day: date, at: str, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    for year in range(max((after - WIDEST).year, day.year), (until + WIDEST).year + 1):
        yield local_moment(_in_year(day, year), at, zone.key)


def _in_year(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


@lru_cache(maxsize=4096)
def local_moment(day: date, at: str, zone_name: str) -> datetime:
    """When it is `at` (HH:MM) there on that day, aware UTC. A time that the clocks skip: the first moment after; one
    that they repeat: the first."""
    zone = find_zone(zone_name)
    local = datetime.combine(day, time.fromisoformat(at), zone)
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return moment
    return _end_of_gap(local.replace(fold=1).astimezone(UTC), moment, zone)


def _end_of_gap(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment between these two at which the clocks are put on, to the second."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=1) // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
