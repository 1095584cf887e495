"""Budgets of the contact policy: what all journeys together may spend in a day, a week or a month."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from language.cap import Channels, MessageClasses
from language.part import Part

NEARLY = Decimal("0.8")
"""The part of a budget at which somebody is told that it is filling."""


def _check_limit(limit: Decimal) -> Decimal:
    if limit <= 0:
        raise ValueError("a budget is more than nothing; write for example 50, or disable the steps that send")
    return limit


class PeriodBudget(Part):
    """At most `limit`, in the currency of `costs`, for the messages that `channel` and `class` name."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Said in reasons.", examples=["sms_a_day"])
    limit: Annotated[Decimal, AfterValidator(_check_limit)] = Field(
        description="How much, in the currency of `costs`.", examples=[50]
    )
    per: Literal["day", "week", "month"] = Field(
        description="By the calendar and the clock of `time_zones.default`; weeks begin on Mondays."
    )
    channel: Channels = Field(
        default=(), description="Only messages by these channels; left out: by any.", examples=["sms"]
    )
    class_: MessageClasses = Field(
        default=(),
        alias="class",
        description="Only messages of these classes; left out: all count, and transactional ones pass.",
        examples=["promotional"],
    )
    on_reached: Literal["hold", "drop"] = Field(
        default="hold", description="Once it is used up: hold messages until the period ends, or do not send them."
    )

    @model_validator(mode="after")
    def _spares_what_must_go_out(self) -> Self:
        if "transactional" in self.class_:
            raise ValueError(
                "transactional messages pass every budget; leave class out, so that they count and are never held"
            )
        return self

    def counts(self, channel: str, message_class: str) -> bool:
        """Whether messages of this kind use it up."""
        return (not self.channel or channel in self.channel) and (not self.class_ or message_class in self.class_)

    def period(self, now: datetime, zone: ZoneInfo) -> tuple[str, datetime]:
        """The name of the period that `now` lies in, such as `2026-03-01`, and when it ends (aware UTC)."""
        day = now.astimezone(zone).date()
        match self.per:
            case "day":
                named, after = day.isoformat(), day + timedelta(days=1)
            case "week":
                named, after = f"{day:%G-W%V}", day + timedelta(days=7 - day.weekday())
            case "month":
                named, after = f"{day:%Y-%m}", (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        return named, datetime.combine(after, time(), zone).astimezone(UTC)


class Charge(NamedTuple):
    """What one message takes from one budget. `is_free`: it passes even when the budget is used up."""

    budget: PeriodBudget
    period: str
    ends_at: datetime
    amount: Decimal
    is_free: bool

    def fits(self, spent: Decimal) -> bool:
        """Whether it may be taken when so much is spent."""
        return self.is_free or spent + self.amount <= self.budget.limit


class Filling(NamedTuple):
    """A budget as it stands after a claim. `crossed`: it is nearly used up, or is, since this very claim."""

    budget: str
    period: str
    spent: Decimal
    limit: Decimal
    crossed: Literal["nearly", "used_up"] | None = None


def filling(charge: Charge, spent: Decimal) -> Filling:
    """After a charge was taken, which made `spent` of it."""
    nearly = charge.budget.limit * NEARLY
    crossed: Literal["nearly"] | None = "nearly" if spent - charge.amount < nearly <= spent else None
    return Filling(charge.budget.name, charge.period, spent, charge.budget.limit, crossed)
