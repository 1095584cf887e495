"""The contact policy, `policy.yaml` of a directory of journeys: how often, when and at what price customers are met."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from language.cap import Cap
from language.channel import CHANNELS, Channel
from language.duration import Duration
from language.message import LocaleTag
from language.part import Part
from language.quiet_hours import QuietHours, QuietSpan, quiet_until
from language.spending import Charge, PeriodBudget
from language.time_zone import TimeZones
from language.topic import Topic

PHONES: tuple[Channel, ...] = ("sms", "whatsapp", "voice")
"""The channels that cost by country."""

_A_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def _spans(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f'{value!r} are no quiet hours; write for example {{from: "21:00", to: "09:00"}}')
    return (value,) if isinstance(value, Mapping) else value


def _check_currency(code: str) -> str:
    if len(code) != 3 or not code.isalpha() or not code.isupper():
        raise ValueError(f"{code!r} is not a currency; write three capital letters, for example USD")
    return code


def _check_amount(amount: Decimal) -> Decimal:
    if amount <= 0:
        raise ValueError("a budget is more than nothing; write for example 0.50, or leave it out")
    return amount


def _check_count(count: int) -> int:
    if count < 1:
        raise ValueError("it is at least 1; write for example 2")
    return count


def _price_by_prefix(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f"{value!r} is not a price; write for example 0.05")
    return value if isinstance(value, Mapping) else {"default": value}


def _check_prefixes(prices: dict[str, Decimal]) -> dict[str, Decimal]:
    for prefix, price in prices.items():
        if prefix != "default" and not re.fullmatch(r"\+\d{1,7}", prefix):
            raise ValueError(f'{prefix!r} is not a country\'s prefix; write for example "+7", or default')
        if not 0 <= price <= 1000:
            raise ValueError(f"{price} is not a price; write for example 0.05")
    if "default" not in prices:
        raise ValueError("there is no price for other countries; add default: …")
    return prices


Price = Annotated[
    dict[str, Decimal],
    BeforeValidator(_price_by_prefix, json_schema_input_type=Decimal | dict[str, Decimal]),
    AfterValidator(_check_prefixes),
]
"""One price, or one by the number's first digits, the longest that fit; `default` for all others."""


class Costs(Part):
    """What one message costs: an SMS by the part, a call by the call."""

    currency: Annotated[str, AfterValidator(_check_currency)] = Field(
        default="USD", description="Of all prices.", examples=["EUR"]
    )
    email: Price | None = Field(default=None, description="Of an e-mail.", examples=[0.0006])
    sms: Price | None = Field(
        default=None, description="Of a part of an SMS.", examples=[{"default": 0.06, "+1": 0.0083}]
    )
    whatsapp: Price | None = Field(default=None, description="Of a WhatsApp message.", examples=[{"default": 0.03}])
    voice: Price | None = Field(default=None, description="Of a call.", examples=[{"default": 0.05, "+1": 0.014}])
    push: Price | None = Field(default=None, description="Of a notification in the app.", examples=[0])
    web_push: Price | None = Field(default=None, description="Of a notification in the browser.", examples=[0])

    @model_validator(mode="after")
    def _countries_have_phones(self) -> Self:
        for channel in CHANNELS:
            if channel not in PHONES and len(self._prices(channel)) > 1:
                raise ValueError(f"{channel} costs the same in every country; write one price")
        return self

    def _prices(self, channel: str) -> dict[str, Decimal]:
        prices: dict[str, Decimal] | None = getattr(self, channel)
        return prices or {}

    def of(self, channel: str, recipient: str, segments: int | None = None) -> Decimal | None:
        """What a message to this address costs; None where the policy does not say."""
        prices = self._prices(channel)
        fitting = [prefix for prefix in prices if prefix == "default" or recipient.startswith(prefix)]
        if not fitting:
            return None
        return prices[max(fitting, key=lambda prefix: (prefix != "default", len(prefix)))] * (segments or 1)

    def worst(self, channel: str, segments: int | None = None) -> Decimal | None:
        """What a message costs at most, to wherever it goes; None where the policy does not say."""
        prices = self._prices(channel)
        return max(prices.values()) * (segments or 1) if prices else None


class Budget(Part):
    """What may be spent."""

    per_enrolment: Annotated[Decimal, AfterValidator(_check_amount)] = Field(
        description="The most that one way through a journey may cost, whatever happens.", examples=[0.5]
    )


class Policy(Part):
    """The rules for all journeys of the directory. What is left out does not limit anything."""

    caps: tuple[Cap, ...] = Field(default=(), description="How many messages in how long.")
    quiet_hours: Annotated[
        tuple[QuietHours, ...], BeforeValidator(_spans, json_schema_input_type=QuietHours | tuple[QuietHours, ...])
    ] = Field(default=(), description="When only transactional messages go out; one span or a list.")
    time_zones: TimeZones = Field(default=TimeZones(), description="For customers whose zone is not known.")
    topics: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Topic] = Field(
        default_factory=dict,
        description="What customers choose from on the preference page, by the topic's id.",
        examples=[{"newsletter": {"title": "Newsletter", "description": "Once a week."}}],
    )
    minimum_gap: Duration | None = Field(
        default=None, description="How long after one promotional message the next may come.", examples=["4h"]
    )
    opt_out_words: dict[LocaleTag, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Whole replies that mean STOP, by language, beside those that every network knows.",
        examples=[{"ru": ["стоп", "отписаться"]}],
    )
    costs: Costs = Field(default=Costs(), description="What messages cost.")
    budget: Budget | None = Field(default=None, description="What may be spent on a customer.")
    budgets: tuple[PeriodBudget, ...] = Field(default=(), description="What may be spent in a day, a week or a month.")
    control: float = Field(
        default=0, ge=0, le=100, description="Per cent of customers who get nothing from any journey.", examples=[5]
    )
    promotional_in_a_row: Annotated[int, AfterValidator(_check_count)] = Field(
        default=2, description="After so many promotional messages the next one shows how to unsubscribe."
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [cap.name for cap in self.caps]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two caps are named {twice}; rename one of them")
        names = [budget.name for budget in self.budgets]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two budgets are named {twice}; rename one of them")
        return self

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        clocks = [(ZoneInfo("UTC"), timedelta())]
        for channel in CHANNELS:
            if quiet_until(self.quiet_spans(channel), _A_MONDAY, clocks) is None:
                raise ValueError(f"the quiet hours leave no time for {channel}; shorten them, or leave days out")
        return self

    @property
    def confirmed_topics(self) -> frozenset[str]:
        """Those that have to be asked for, and confirmed."""
        return frozenset(name for name, topic in self.topics.items() if topic.double_opt_in)

    def charges(self, channel: str, message_class: str, cost: Decimal | None, now: datetime) -> tuple[Charge, ...]:
        """What a message of this cost takes from which budgets, by their names; from none where it costs nothing."""
        zone, charges = ZoneInfo(self.time_zones.default), []
        for budget in sorted(self.budgets, key=lambda it: it.name):
            if cost and budget.counts(channel, message_class):
                is_free = message_class == "transactional"
                charges.append(Charge(budget, *budget.period(now, zone), cost, is_free))
        return tuple(charges)

    def quiet_spans(self, channel: str) -> tuple[QuietSpan, ...]:
        """The spans that are quiet on a channel."""
        spans = (hours.span_for(channel) for hours in self.quiet_hours)
        return tuple(span for span in spans if span is not None)
