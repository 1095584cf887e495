"""Opening hours such as `Mon-Fri 09:00-18:00`, in local time, right across daylight saving."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from language.compact import Compact

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"(?:(?P<days>[A-Za-z,\- ]+?)\s+)?(?P<start>\d\d:\d\d)\s*-\s*(?P<end>\d\d:\d\d)")


class Window(Compact):
    """Days of the week and a span of hours; the start belongs to it, the end does not. `24:00` ends a day."""

    __slots__ = ("days", "end", "start")

    def __init__(self, source: str) -> None:
        found = _WINDOW.fullmatch(source.strip())
        if not found:
            raise ValueError(f"{source!r} is not a window; write for example Mon-Fri 09:00-18:00")
        super().__init__(source)
        self.days = parse_days(found["days"] or "Mon-Sun")
        self.start, self.end = parse_minutes(found["start"]), parse_minutes(found["end"])
        if self.start >= self.end:
            raise ValueError(f"the window {source!r} ends before it starts; write the earlier time first")

    def opens_at(self, now: datetime, zone: ZoneInfo) -> datetime:
        """`now` when inside the window, else the next moment at which it opens (aware UTC)."""
        day = now.astimezone(zone).date()
        for _ in range(9):
            opening, closing = _moment(day, self.start, zone), _moment(day, self.end, zone)
            if day.weekday() in self.days and now < closing:
                return max(now, opening)
            day += timedelta(days=1)
        raise AssertionError("a week has one of the days")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        pattern = r"^\s*([A-Za-z,\- ]+\s+)?\d\d:\d\d\s*-\s*\d\d:\d\d\s*$"
        return {"type": "string", "pattern": pattern, "examples": ["Mon-Fri 09:00-18:00", "10:00-20:00"]}


def parse_minutes(text: str) -> int:
    """Minutes since midnight of `09:00`; `24:00` ends a day."""
    hours, minutes = (int(part) for part in text.split(":"))
    if minutes > 59 or hours * 60 + minutes > 24 * 60:
        raise ValueError(f"{text} is not a time of day; write 00:00 to 24:00")
    return hours * 60 + minutes


def parse_days(text: str) -> frozenset[int]:
    """Days of the week, Monday 0, of `Mon-Fri` or `Sat, Sun`."""
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = (word.strip().lower()[:3] for word in part.strip().partition("-"))
        if first not in _DAYS or (last or first) not in _DAYS:
            raise ValueError(f"{part.strip()!r} is no day of the week; write Mon, Tue, Wed, Thu, Fri, Sat or Sun")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        days.update((begin + n) % 7 for n in range((end - begin) % 7 + 1))
    return frozenset(days)


def _moment(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    day += timedelta(days=minutes // (24 * 60))
    local = datetime.combine(day, time(minutes // 60 % 24, minutes % 60), zone)
    return local.astimezone(UTC)
