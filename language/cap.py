"""Caps: how many messages a customer may get in how long, counted over what went out before."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from language.channel import Channel
from language.duration import Duration
from language.message import MessageClass
from language.part import Part

REFUSED = frozenset(
    {"suppressed", "undeliverable", "expired", "failed", "held", "released", "held_out"},
)
"""What became of messages that count for nothing; all others were claimed and not refused."""

DAY = timedelta(days=1)


class Contact(NamedTuple):
    """An earlier message to the customer, claimed `at` (journey time). `step` is its enrolment, step and visit."""

    at: datetime
    channel: str
    message_class: str
    topic: str | None
    step: str


def _check_limit(limit: int) -> int:
    if limit < 1:
        raise ValueError("a cap lets at least 1 message pass; to send none, disable the step")
    return limit


def _one_or_more(value: Any) -> Any:
    """One name stands for a list of it."""
    return (value,) if isinstance(value, str) else value


Channels = Annotated[
    tuple[Channel, ...], BeforeValidator(_one_or_more, json_schema_input_type=Channel | tuple[Channel, ...])
]
MessageClasses = Annotated[
    tuple[MessageClass, ...],
    BeforeValidator(_one_or_more, json_schema_input_type=MessageClass | tuple[MessageClass, ...]),
]


class Cap(Part):
    """At most `limit` messages in any stretch of `per`, of those that `channel`, `class` and `topic` name."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Said in reasons.", examples=["offers_a_week"])
    limit: Annotated[int, AfterValidator(_check_limit)] = Field(description="How many may go out.", examples=[3])
    per: Duration = Field(description="In how long.", examples=["7d"])
    channel: Channels = Field(
        default=(), description="Only messages by these channels; left out: by any.", examples=["sms"]
    )
    class_: MessageClasses = Field(
        default=("promotional", "service"),
        alias="class",
        description="Only messages of these classes; left out: promotional and service.",
        examples=["promotional"],
    )
    topic: Annotated[tuple[str, ...], BeforeValidator(_one_or_more, json_schema_input_type=str | tuple[str, ...])] = (
        Field(default=(), description="Only messages about these topics; left out: about any.", examples=["offers"])
    )
    calendar: bool = Field(default=False, description="Count the customer's local days, today included.")
    count_transactional: bool = Field(
        default=False, description="Count transactional messages too. They pass the cap all the same."
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if "transactional" in self.class_:
            raise ValueError("transactional messages pass every cap; to count them write count_transactional: true")
        if self.per < timedelta(minutes=1):
            raise ValueError(f"the cap {self.name} is per less than a minute; write for example per: 7d")
        if self.calendar and self.per % DAY:
            raise ValueError(f"the cap {self.name} counts calendar days; write whole days, for example per: 1d")
        return self

    def binds(self, channel: str, message_class: str, topic: str | None) -> bool:
        """Whether messages of this kind are capped."""
        return message_class in self.class_ and self._names(channel, topic)

    def counts_since(self, now: datetime) -> datetime:
        """No message before this moment counts, in whatever zone."""
        return now - self.per - (DAY if self.calendar else timedelta())

    def standing(self, contacts: Iterable[Contact], zone: ZoneInfo) -> "CapStanding":
        """How the cap stands for a customer in this zone who got these messages."""
        ends = (self._counts_until(one.at, zone) for one in contacts if self._counts(one))
        return CapStanding(self, sorted(ends))

    def _counts(self, contact: Contact) -> bool:
        is_of_class = contact.message_class in self.class_ or (
            self.count_transactional and contact.message_class == "transactional"
        )
        return is_of_class and self._names(contact.channel, contact.topic)

    def _names(self, channel: str, topic: str | None) -> bool:
        return (not self.channel or channel in self.channel) and (not self.topic or topic in self.topic)

    def _counts_until(self, at: datetime, zone: ZoneInfo) -> datetime:
        if not self.calendar:
            return at + self.per
        day = at.astimezone(zone).date() + self.per
        return datetime.combine(day, time(), zone).astimezone(UTC)

    def named(self, count: int) -> str:
        """`3 promotional messages by sms`."""
        kind = "" if self.count_transactional or len(self.class_) > 1 else f"{self.class_[0]} "
        by = f" by {' or '.join(self.channel)}" if self.channel else ""
        about = f" about {' or '.join(self.topic)}" if self.topic else ""
        return f"{count} {kind}message{'' if count == 1 else 's'}{by}{about}"

    @property
    def span(self) -> str:
        """`7 days`, `24 hours`, `2 calendar days`."""
        for unit, name in ((DAY, "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute")):
            if not self.per % unit:
                count, named = self.per // unit, f"calendar {name}" if self.calendar else name
                return f"{count} {named}{'' if count == 1 else 's'}"
        return f"{self.per.total_seconds():g} seconds"


class CapStanding(NamedTuple):
    """`ends`: until when each counted message counts, in order."""

    cap: Cap
    ends: list[datetime]

    def count(self, now: datetime) -> int:
        return sum(end > now for end in self.ends)

    def free_at(self, now: datetime) -> datetime:
        """The first moment from `now` on at which one more may go out, if none goes out until then."""
        counted = [end for end in self.ends if end > now]
        return now if len(counted) < self.cap.limit else counted[len(counted) - self.cap.limit]

    def reason(self, now: datetime) -> str:
        """`3 promotional messages in 7 days, limit 3`."""
        return f"{self.cap.named(self.count(now))} in {self.cap.span}, limit {self.cap.limit}"
