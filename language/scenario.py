"""A scenario: what happens to one customer, and everything that must be sent."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, Field, field_validator, model_validator

from language.duration import Duration, parse_duration
from language.local_time import find_zone
from language.part import Part

_RELATIVE = re.compile(r"\{\{\s*(-?)\s*([^{}]+?)\s*\}\}")
MESSAGE_EVENTS = {
    "delivered": "Delivered",
    "opened": "Opened",
    "clicked": "Clicked",
    "answered": "Answered",
    "bounced": "Bounced",
}


class Customer(Part):
    """Who the scenario is about."""

    traits: dict[str, Any] = Field(default_factory=dict, examples=[{"first_name": "Ana", "email": "ana@example.com"}])
    time_zone: str | None = Field(default=None, examples=["America/Sao_Paulo"])
    locale: str | None = Field(default=None, examples=["pt-BR"])

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        try:
            return name if name is None else find_zone(name).key
        except ValueError:
            raise ValueError(f"{name!r} is no time zone; write for example Europe/Moscow") from None


class Given(Part):
    """Something that happens, that long after the beginning."""

    at: Duration
    on: str | None = Field(default=None, description="An event's name.")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="Its properties.")
    traits: dict[str, Any] | None = Field(default=None, description="New traits of the customer.")
    opened: str | None = Field(default=None, description="The customer opens this message.")
    clicked: str | None = None
    delivered: str | None = None
    answered: str | None = None
    bounced: str | None = None

    @field_validator("with_", "traits")
    @classmethod
    def _readable_moments(cls, values: dict[str, Any] | None) -> dict[str, Any] | None:
        at_beginning(values, datetime(2000, 1, 1, tzinfo=UTC))
        return values

    @model_validator(mode="after")
    def _one_thing(self) -> "Given":
        given = [name for name in ("on", "traits", *MESSAGE_EVENTS) if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"something given is exactly one of on, traits, {', '.join(MESSAGE_EVENTS)}; split it")
        return self

    @property
    def message_event(self) -> tuple[str, str] | None:
        """What happened to which message: (`Opened`, message id)."""
        for name, word in MESSAGE_EVENTS.items():
            if (message := getattr(self, name)) is not None:
                return word, message
        return None


class Expect(Part):
    """A message that is sent or an outcome that is reached, that long after the beginning."""

    at: Duration
    send: str | None = Field(default=None, description="A message's id.")
    via: Literal["email", "sms", "whatsapp", "voice", "push", "web_push"] | None = None
    outcome: str | None = None
    contains: str | None = Field(default=None, description="The sent text contains this.")

    @model_validator(mode="after")
    def _send_or_outcome(self) -> "Expect":
        if (self.send is None) == (self.outcome is None):
            raise ValueError("what is expected is either a `send` (with `via`) or an `outcome`; write one of them")
        if self.send is not None and self.via is None:
            raise ValueError("an expected send needs its channel; add `via: email`, for example")
        return self


class Scenario(Part):
    """A test of one journey. `expect` is complete: anything else that is sent fails it."""

    scenario: str = Field(min_length=1, description="What it shows, in words.")
    journey: str = Field(description="The journey's id.")
    customer: Customer = Customer()
    begins: AwareDatetime | None = Field(
        default=None, description="Default: Monday 2026-01-05 09:00 in the customer's zone."
    )
    given: tuple[Given, ...] = Field(min_length=1)
    expect: tuple[Expect, ...] = ()
    note: str | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Scenario":
        for name in ("given", "expect"):
            times = [item.at for item in getattr(self, name)]
            if times != sorted(times):
                raise ValueError(f"`{name}` is not in the order of time; sort it by `at`")
        return self


def at_beginning(value: Any, begins: datetime) -> Any:
    """A property with every `{{ 9d }}` replaced by the moment that long after the beginning, as ISO 8601."""
    match value:
        case str():
            found = _RELATIVE.fullmatch(value)
            return (begins + _offset(found[1], found[2])).isoformat() if found else value
        case dict():
            return {name: at_beginning(item, begins) for name, item in value.items()}
        case list():
            return [at_beginning(item, begins) for item in value]
    return value


def _offset(sign: str, text: str) -> timedelta:
    length = parse_duration(text)
    return -length if sign else length
