"""The head of a journey, and its steps."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from language.clause import Clause, Names, ToClauses, Use, uses
from language.cron import Cron
from language.duration import Duration
from language.expression import Expression
from language.local_time import ZoneName
from language.part import Part
from language.steps import HEAD_ROOTS, Block, Step

NAME = r"^[a-z][a-z0-9_]*$"
_TRAIT = re.compile(r"profile\.[A-Za-z_]\w*")


class Start(Part):
    """One way into the journey: an event, the calendar, or `call: true` for the API alone."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": [way]} for way in ("on", "call", "audience", "date", "every")]}
    )

    on: Names = Field(default=(), description="The event's name, or several.", examples=["Account Created"])
    where: Expression | None = Field(default=None, description="Only if this is true.")
    call: bool = Field(default=False, description="true: enrolled through the API.")
    audience: dict[str, str] | None = Field(default=None, description="`joins: x` or `leaves: x`. Not in this release.")
    date: Expression | None = Field(
        default=None,
        description="A date of the profile: starts on that day of every year, from the date itself on.",
        examples=["profile.birthday"],
    )
    at: str | None = Field(
        default=None,
        description="The local time of a `date` start; 09:00 if left out.",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        examples=["10:30"],
    )
    every: Cron | None = Field(default=None, description="A cron line: a broadcast to all who fit `where`.")
    time_zone: ZoneName | None = Field(
        default=None, description="Whose clocks an `every` goes by; UTC if left out.", examples=["Europe/Moscow"]
    )

    @field_validator("date")
    @classmethod
    def _a_trait(cls, value: Expression | None) -> Expression | None:
        if value is not None and not _TRAIT.fullmatch(value.source.strip()):
            raise ValueError("`date` names one trait of the profile; write for example `date: profile.birthday`")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> "Start":
        ways = [bool(self.on), self.call, self.date is not None, self.every is not None]
        if sum(ways) != 1 and not (self.audience and not any(ways)):
            raise ValueError(
                "a start has exactly one of on, call, audience, date, every; write for example `on: Signed Up`"
            )
        if self.at is not None and self.date is None:
            raise ValueError("`at` is the time of a `date` start; remove it, or write the time into the cron line")
        if self.time_zone is not None and self.every is None:
            raise ValueError("`time_zone` belongs to `every`; a `date` start goes by each customer's own: remove it")
        return self

    @property
    def is_calendar(self) -> bool:
        """Whether time itself starts it, and no event."""
        return self.date is not None or self.every is not None

    @property
    def trait(self) -> str | None:
        """The trait that a `date` start reads."""
        return self.date.source.strip().removeprefix("profile.") if self.date is not None else None

    @property
    def clause(self) -> Clause | None:
        """The event that starts, if an event does."""
        return Clause(on=self.on, where=self.where) if self.on else None


class Exit(Clause):
    """An event that ends the enrolment at once, wherever it stands."""

    outcome: str = Field(default="exited", pattern=NAME, description="What the enrolment ends as.")


class Goal(Clause):
    """What the journey is for; counted once per enrolment."""

    within: Duration | None = Field(default=None, description="Counts only this long after the start.")
    value: Expression | None = Field(default=None, description="Revenue.")
    ends: bool = Field(default=True, description="true: the enrolment ends as `converted`.")


class After(Part):
    """Enter again this long after the last enrolment ended."""

    after: Duration = Field(description="How long after the end of the last one.", examples=["30d"])


class StageRule(Part):
    """Which events move an enrolment between stages, and what names the stage."""

    on: Names = Field(min_length=1, description="The event's name, or several.", examples=["Funnel Status Changed"])
    is_: Expression = Field(alias="is", description="The status: a stage's id, or one of its `statuses`.")


class Stage(Part):
    """One stage of a funnel. When its steps are done, the enrolment rests there until the next status."""

    statuses: tuple[str, ...] = Field(default=(), description="Further values that mean this stage.")
    steps: Block = Field(default=(), description="What is done in this stage.")
    restart: bool = Field(default=False, description="true: the same stage again begins it anew.")
    control: float | None = Field(default=None, ge=0, le=100, description="Per cent held out in this stage.")
    note: str | None = Field(default=None, description="For people.")


class Journey(Part):
    """What a customer goes through: a head that says who enters and leaves, and steps."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["steps"]}, {"required": ["stage", "stages"]}]})

    journey: str = Field(pattern=NAME, description="The journey's id: snake_case, unique.")
    title: str = Field(default="", description="For people.")
    owner: str | None = Field(default=None, description="Who approves it.")
    description: str | None = Field(default=None, description="What it is for, in a few sentences.")
    note: str | None = Field(default=None, description="For people.")

    key: Expression | None = Field(default=None, description="One enrolment per customer and key.")
    start: Annotated[
        tuple[Start, ...],
        BeforeValidator(
            lambda v: (v,) if isinstance(v, Mapping) else v,
            json_schema_input_type=Start | Annotated[tuple[Start, ...], Field(min_length=1)],
        ),
    ] = Field(min_length=1, description="What brings a customer in.", examples=[[{"on": "Account Created"}]])
    again: Literal["never", "after_exit", "always"] | After = Field(
        default="never",
        description="Whether a customer comes in again: never, after the last enrolment ended, always (the open one "
        "ends as `replaced`), or so long after the last end.",
        examples=["after_exit", {"after": "30d"}],
    )
    late: Duration = Field(default=timedelta(days=7), description="Older events start nothing.")
    exit: Annotated[tuple[Exit, ...], ToClauses] = Field(
        default=(), description="Events that end it at once.", examples=[{"on": "Account Closed", "outcome": "closed"}]
    )
    goal: Goal | None = Field(
        default=None, description="The event that it is all for.", examples=[{"on": "Subscribed", "within": "30d"}]
    )
    on_resume: Literal["send", "skip", "replan"] = Field(
        default="send",
        description="After a pause, what fell due meanwhile is sent if still valid, skipped, or planned anew.",
    )
    control: float = Field(default=0, ge=0, le=100, description="Per cent held out.")
    group: str | None = Field(
        default=None,
        description="Of the journeys of one group a customer is in one at a time. Not acted on yet.",
        examples=["lifecycle"],
    )
    priority: int | Expression = Field(default=50, description="Who wins in the group; the higher one, 0 to 100.")
    locked: bool = Field(default=False, description="true: no other journey of the group displaces it.")
    when_displaced: Literal["exit", "suspend"] = Field(
        default="exit", description="What becomes of it when it is displaced: it ends, or goes on afterwards."
    )
    wait_turn: Duration | None = Field(
        default=None,
        description="How long somebody who may not come in now, for a journey of the group that stays, waits for it.",
        examples=["2d"],
    )

    stage: StageRule | None = Field(
        default=None,
        description="For a funnel: the event that moves customers between the stages.",
        examples=[{"on": "Funnel Status Changed", "is": "event.to"}],
    )
    steps: Block = Field(default=(), description="What is done, one after the other.", examples=[[{"send": "welcome"}]])
    stages: dict[Annotated[str, Field(pattern=NAME)], Stage] = Field(
        default_factory=dict, description="For a funnel, instead of `steps`: what is done in each stage, by its id."
    )

    @model_validator(mode="after")
    def _steps_or_stages(self) -> "Journey":
        if self.steps and self.stages:
            raise ValueError("a journey has either `steps:` or `stages:`; remove one of them")
        if not self.steps and not self.stages:
            raise ValueError("the journey has no steps; add `steps:` with at least one step")
        if self.stages and self.stage is None:
            raise ValueError("nothing says which stage it is; add `stage: {on: Status Changed, is: event.to}`")
        if self.stage is not None and not self.stages:
            raise ValueError("`stage` without `stages` does nothing; add the stages, or remove it")
        return self

    @model_validator(mode="after")
    def _calendar_without_key(self) -> "Journey":
        if self.key is not None and self.calendar_starts:
            raise ValueError("a `date` or `every` start has no event to find the `key` on; remove one of them")
        return self

    @property
    def calendar_starts(self) -> tuple[Start, ...]:
        """The starts that time itself brings."""
        return tuple(start for start in self.start if start.is_calendar)

    def every_step(self) -> Iterator[Step]:
        """All steps, nested ones too, in the order in which they are written."""
        yield from walk(self.steps)
        for stage in self.stages.values():
            yield from walk(stage.steps)

    def heard(self) -> Iterator[Clause]:
        """Every clause whose events a running enrolment has to hear."""
        for step in self.every_step():
            yield from (*step.clauses(), *step.rearms())

    def head_uses(self) -> Iterator[Use]:
        """The expressions of the head and the names they may use."""
        if self.key is not None:
            yield Use("key", self.key, frozenset({"event", "profile"}))
        for number, start in enumerate(self.start):
            if start.where is not None:
                roots = HEAD_ROOTS - ({"start", "event"} if start.is_calendar else {"start"})
                yield Use(f"start.{number}.where", start.where, roots)
        yield from uses("exit", self.exit, HEAD_ROOTS)
        if self.stage is not None:
            yield Use("stage.is", self.stage.is_, HEAD_ROOTS)
        if self.goal is not None:
            yield from (
                (Use(field.replace("goal.0", "goal"), x, r)) for field, x, r in uses("goal", (self.goal,), HEAD_ROOTS)
            )
            if self.goal.value is not None:
                yield Use("goal.value", self.goal.value, HEAD_ROOTS)


def walk(block: Block) -> Iterator[Step]:
    """The steps of a block, each followed by those nested in it."""
    for step in block:
        yield step
        for nested in step.blocks().values():
            yield from walk(nested)


M = TypeVar("M", bound=BaseModel)


def without_notes(part: M) -> M:
    """The same without what is only for people, for the workflow to carry."""
    changes: dict[str, Any] = {}
    for name in type(part).model_fields:
        value = getattr(part, name)
        if name in ("note", "description"):
            changes[name] = None
        elif isinstance(value, BaseModel):
            changes[name] = without_notes(value)
        elif isinstance(value, tuple) and any(isinstance(item, BaseModel) for item in value):
            changes[name] = tuple(without_notes(item) if isinstance(item, BaseModel) else item for item in value)
        elif isinstance(value, dict) and any(isinstance(item, BaseModel) for item in value.values()):
            changes[name] = {key: without_notes(item) for key, item in value.items()}
    return part.model_copy(update=changes)
