"""Quiet hours: spans of local time in which nothing but transactional messages goes out, right across daylight saving.

A local time that the clocks skip is the moment of the skip; of one that comes twice, a span begins at the first and
ends at the second.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from language.channel import Channel
from language.part import Part
from language.window import parse_days, parse_minutes

MOST_SPANS = 12
"""Spans that may follow on one another: more than the days of a week."""

_DAY = 24 * 60


def _check_time(text: str) -> str:
    if len(text) != 5 or text[2] != ":" or not (text[:2] + text[3:]).isdigit():
        raise ValueError(f"{text!r} is not a time of day; write for example 21:00")
    parse_minutes(text)
    return text


def _check_days(text: str) -> str:
    parse_days(text)
    return text


TimeOfDay = Annotated[str, AfterValidator(_check_time)]


class QuietSpan(Part):
    """From a local time to another, over midnight where the second is the earlier one."""

    from_: TimeOfDay = Field(alias="from", description="The first quiet minute, local time.", examples=["21:00"])
    to: TimeOfDay = Field(description="The first minute that is quiet no more.", examples=["09:00"])
    days: Annotated[str, AfterValidator(_check_days)] = Field(
        default="Mon-Sun", description="The days on which the span begins.", examples=["Mon-Fri"]
    )

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.from_ in (self.to, "24:00"):
            raise ValueError(
                f"quiet hours from {self.from_} to {self.to} have no length; write 00:00 to 24:00 for days"
            )
        return self

    def end_after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """When the span that `moment` lies in ends (aware UTC); None when it lies in none."""
        today = moment.astimezone(zone).date()
        start, end = parse_minutes(self.from_), parse_minutes(self.to)
        end += 0 if end > start else _DAY
        for day in (today - timedelta(days=1), today):
            begins, ends = _first(day, start, zone), _last(day, end, zone)
            if day.weekday() in parse_days(self.days) and begins <= moment < ends:
                return ends
        return None

    def __str__(self) -> str:
        return f"{self.from_} to {self.to}"


class QuietHours(QuietSpan):
    """Quiet hours of all channels; `channels` gives some of them hours of their own, or none."""

    channels: dict[Channel, QuietSpan | Literal["never"]] = Field(
        default_factory=dict,
        description="Channels with hours of their own, or `never` any.",
        examples=[{"email": "never", "voice": {"from": "20:00", "to": "10:00"}}],
    )

    def span_for(self, channel: str) -> QuietSpan | None:
        own = next((span for name, span in self.channels.items() if name == channel), self)
        return None if own == "never" else own


Clock = tuple[ZoneInfo, timedelta]
"""A local clock, put forward by so much."""


def quiet_until(spans: Iterable[QuietSpan], moment: datetime, clocks: Sequence[Clock]) -> datetime | None:
    """The first moment from this one on that is quiet on none of the clocks: `moment` itself when it is not.

    None when there is no such moment within days.
    """
    spans = tuple(spans)
    for _ in range(MOST_SPANS):
        ends = (_end(span, moment, clock) for span in spans for clock in clocks)
        latest = max((end for end in ends if end is not None), default=None)
        if latest is None:
            return moment
        moment = latest
    return None


def _end(span: QuietSpan, moment: datetime, clock: Clock) -> datetime | None:
    zone, ahead = clock
    end = span.end_after(moment + ahead, zone)
    return None if end is None else end - ahead


def _first(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    return min(_moments(day, minutes, zone))


def _last(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    return max(_moments(day, minutes, zone))


def _moments(day: date, minutes: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The moments at which local clocks show this time: the same twice, save where they are put back."""
    local = datetime.combine(day + timedelta(days=minutes // _DAY), time(minutes // 60 % 24, minutes % 60), zone)
    one, other = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if one <= other:
        return one, other
    skip = _skip(other, one, zone)
    return skip, skip


def _skip(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment between these two at which the zone's clocks are put forward, to the second."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        before, after = (middle, after) if middle.astimezone(zone).utcoffset() == offset else (before, middle)
    return after
