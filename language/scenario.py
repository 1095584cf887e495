"""A scenario: what happens to one customer, and everything that must be sent."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, field_validator, model_validator

from language.channel import Channel
from language.duration import Duration, parse_duration
from language.local_time import ZoneName
from language.message_event import REPORTS, Report
from language.part import Part
from language.sending import Consent

_RELATIVE = re.compile(r"\{\{\s*(-?)\s*([^{}]+?)\s*\}\}")


class ConsentGiven(Part):
    """A word about being written to. `opted_in` is a confirmed one; `pending` waits for its confirmation."""

    state: Literal["opted_in", "opted_out", "pending"] = Field(description="Whether they want it.")
    channel: Channel | None = Field(default=None, description="Only by this channel; left out: by any.")
    topic: str | None = Field(
        default=None, description="Only about this topic; `*`: about all but transactional ones; left out: everything."
    )

    @property
    def consent(self) -> Consent:
        return Consent(self.channel, self.topic, self.state)


class Customer(Part):
    """Who the scenario is about."""

    traits: dict[str, Any] = Field(
        default_factory=dict,
        description="What is known of them.",
        examples=[{"first_name": "Ana", "email": "ana@example.com"}],
    )
    time_zone: ZoneName | None = Field(
        default=None, description="Where their clocks stand.", examples=["America/Sao_Paulo"]
    )
    locale: str | None = Field(default=None, description="Their language.", examples=["pt-BR"])
    consents: tuple[ConsentGiven, ...] = Field(
        default=(),
        description="What they have said about being written to, before it begins.",
        examples=[[{"topic": "newsletter", "state": "opted_in"}]],
    )


GIVEN = ("on", "traits", "done", "consent", *REPORTS)


class Given(Part):
    """Something that happens, that long after the beginning."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in GIVEN]})

    at: Duration = Field(description="How long after the beginning.", examples=["1d 2h"])
    on: str | None = Field(default=None, description="An event's name.")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="Its properties.")
    traits: dict[str, Any] | None = Field(default=None, description="New traits of the customer.")
    delivered: str | None = Field(default=None, description="This message is delivered.")
    opened: str | None = Field(default=None, description="The customer opens this message.")
    clicked: str | None = Field(default=None, description="The customer opens a link of this message.")
    answered: str | None = Field(default=None, description="The customer answers this message, or picks up this call.")
    pressed: str | None = Field(default=None, description="The customer presses `digits` during this call.")
    digits: str | None = Field(
        default=None, pattern=r"^[0-9*#]{1,20}$", description="What they press. Default: 1.", examples=["1"]
    )
    no_answer: str | None = Field(default=None, description="Nobody picks up this call.")
    busy: str | None = Field(default=None, description="The line is busy for this call.")
    machine: str | None = Field(default=None, description="An answering machine picks up this call.")
    bounced: str | None = Field(default=None, description="This e-mail bounces.")
    failed: str | None = Field(default=None, description="This message fails after it was accepted.")
    spam: str | None = Field(default=None, description="The customer marks this message as spam.")
    via: Channel | None = Field(default=None, description="On which channel, where the message went by several.")

    consent: ConsentGiven | None = Field(
        default=None,
        description="The customer says whether they want to be written to.",
        examples=[{"topic": "newsletter", "channel": "email", "state": "opted_out"}],
    )

    done: str | None = Field(default=None, description="A person completes this task.", examples=["qualify"])
    result: str | None = Field(default=None, description="What they answer.", examples=["A"])

    @field_validator("with_", "traits")
    @classmethod
    def _readable_moments(cls, values: dict[str, Any] | None) -> dict[str, Any] | None:
        at_beginning(values, datetime(2000, 1, 1, tzinfo=UTC))
        return values

    @model_validator(mode="after")
    def _one_thing(self) -> "Given":
        given = [name for name in GIVEN if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"something given is exactly one of {', '.join(GIVEN)}; split it")
        return self

    @property
    def details(self) -> dict[str, str]:
        """What a report says besides."""
        return {"digits": self.digits or "1"} if self.pressed is not None else {}

    @property
    def report(self) -> tuple[Report, str] | None:
        """What happened to which message: (`opened`, message id)."""
        return next(((name, message) for name in REPORTS if (message := getattr(self, name)) is not None), None)


EXPECTED = ("send", "outcome", "task", "start", "call")


class Expect(Part):
    """A message that is sent, an outcome that is reached, or another thing done, that long after the beginning."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": [name]} for name in EXPECTED],
            "dependentRequired": {"send": ["via"]},
        }
    )

    at: Duration = Field(description="How long after the beginning.", examples=["1d 2h"])
    send: str | None = Field(default=None, description="A message's id.")
    via: Channel | None = Field(default=None, description="The channel it is sent by.")
    outcome: str | None = Field(default=None, description="How the enrolment ends.")
    task: str | None = Field(default=None, description="A task is opened for a person.")
    start: str | None = Field(default=None, description="The customer is enrolled in this other journey.")
    call: str | None = Field(default=None, description="A destination or function is called.")
    contains: str | None = Field(default=None, description="The sent text contains this.")

    @model_validator(mode="after")
    def _one_thing(self) -> "Expect":
        if sum(getattr(self, name) is not None for name in EXPECTED) != 1:
            what = "what is expected is a `send` (with `via`), an `outcome`, a `task`, a `start` or a `call`"
            raise ValueError(f"{what}; write one of them")
        if self.send is not None and self.via is None:
            raise ValueError("an expected send needs its channel; add `via: email`, for example")
        return self


class Standing(Part):
    """The customer's latest enrolment in another journey."""

    active: bool = Field(default=True, description="Whether they are in it now.")
    stage: str | None = Field(default=None, description="The stage they are or were in.")
    outcome: str | None = Field(default=None, description="How it ended.")


class Scenario(Part):
    """A test of one journey. `expect` is complete: anything else that is sent fails it."""

    scenario: str = Field(min_length=1, description="What it shows, in words.")
    journey: str = Field(description="The journey's id.")
    customer: Customer = Field(default=Customer(), description="Who it is about.")
    begins: AwareDatetime | None = Field(
        default=None, description="Default: Monday 2026-01-05 09:00 in the customer's zone."
    )
    journeys: dict[str, Standing] = Field(
        default_factory=dict, description="Other journeys that the customer is or was in, by id."
    )
    arms: dict[str, str] = Field(
        default_factory=dict,
        description="The arm of each experiment; default: the first. A control group: `control/<journey>: held_out`.",
        examples=[{"reminder_tone": "formal"}],
    )
    coupons: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="The codes left in a pool; default: as many as are needed."
    )
    answers: dict[str, dict[str, Any] | Literal["refused"]] = Field(
        default_factory=dict, description="What each destination or function answers, or `refused`; default: nothing."
    )
    given: tuple[Given, ...] = Field(
        min_length=1,
        description="What happens, in the order of time.",
        examples=[[{"at": "0d", "on": "Account Created"}]],
    )
    expect: tuple[Expect, ...] = Field(
        default=(),
        description="Everything that comes of it, in the order of time.",
        examples=[[{"at": "0d", "send": "welcome", "via": "email"}, {"at": "0d", "outcome": "completed"}]],
    )
    note: str | None = Field(default=None, description="For people.")

    @model_validator(mode="after")
    def _in_order(self) -> "Scenario":
        for name in ("given", "expect"):
            times = [item.at for item in getattr(self, name)]
            if times != sorted(times):
                raise ValueError(f"`{name}` is not in the order of time; sort it by `at`")
        return self

    @property
    def length(self) -> timedelta:
        """How long after the beginning the last thing is given or expected."""
        return max(*(given.at for given in self.given), *(expected.at for expected in self.expect), timedelta(0))


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
