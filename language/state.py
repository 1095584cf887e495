"""Where an enrolment stands: one model, returned by the query and carried whole through continue-as-new."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from language.clock import Pace
from language.delivery import Fact
from language.port import StepTrace

MOST_NEWS = 100
MOST_PASSED = 8


class Enrolment(BaseModel):
    """What never changes about an enrolment while a run has it."""

    model_config = ConfigDict(frozen=True)

    enrolment_id: int
    customer_id: int
    journey: str
    version: int
    key: str = ""
    started_at: AwareDatetime
    run_id: str
    pace: Pace = Pace()


class Passed(BaseModel):
    """A step that was left, for people to read."""

    model_config = ConfigDict(frozen=True)

    step: str
    left_at: AwareDatetime
    result: str


class Pass(BaseModel):
    """The latest pass through a block that repeats: the how-manieth, and since when."""

    model_config = ConfigDict(frozen=True)

    count: int
    began_at: AwareDatetime


class Kept(BaseModel):
    """What a run keeps in PostgreSQL with the visit in which it stands, for another to go on if it dies.

    The fields are those of `State`.
    """

    model_config = ConfigDict(frozen=True)

    moments: dict[str, AwareDatetime | None] = Field(default_factory=dict)
    memory: dict[str, Any] = Field(default_factory=dict)
    event: dict[str, Any] | None = None
    repeat: int | None = None
    passes: dict[str, Pass] = Field(default_factory=dict)
    last_wait: str | None = None


class State(BaseModel):
    """`step` is the cursor, `is_inside` whether its visit has begun; the rest of the first block belongs to that visit.

    `news` holds events that no wait has passed or tested in vain (those are up to `heard_until`), at most `MOST_NEWS`;
    `has_lost_news` says that there were more. Events up to `deaf_until` are not new even when they arrive later.
    `unwritten` is trace that PostgreSQL does not have yet, `written_seq` what it knows of `seen_seq`. `ended_as` is an
    outcome decided from outside, `to_stage` a stage. `refuse` says why what is due now is left out, until something is
    waited for. `may_have_moved`: a wait already left may lie ahead again. `untested` are events that may end a block.
    `passes` are those of blocks that repeat, by step; `arms` those drawn, by experiment. `trail` holds the steps passed
    last, at most `MOST_PASSED`.
    """

    step: str | None
    is_inside: bool = False
    entered_at: AwareDatetime | None = None
    waits_until: AwareDatetime | None = None
    moments: dict[str, AwareDatetime | None] = Field(default_factory=dict)
    memory: dict[str, Any] = Field(default_factory=dict)

    visits: dict[str, int] = Field(default_factory=dict)
    results: dict[str, dict[str, Any]] = Field(default_factory=dict)
    start: dict[str, Any] = Field(default_factory=dict)
    event: dict[str, Any] | None = None
    repeat: int | None = None
    passes: dict[str, Pass] = Field(default_factory=dict)
    arms: dict[str, str] = Field(default_factory=dict)
    last_wait: str | None = None

    seen_seq: int = 0
    written_seq: int = -1
    news: list[Fact] = Field(default_factory=list)
    has_lost_news: bool = False
    untested: list[Fact] = Field(default_factory=list)
    heard_until: AwareDatetime | None = None
    deaf_until: AwareDatetime | None = None
    unwritten: list[StepTrace] = Field(default_factory=list)
    trail: list[Passed] = Field(default_factory=list)

    is_paused: bool = False
    refuse: str | None = None
    ended_as: str | None = None
    to_stage: str | None = None
    may_have_moved: bool = False
    outcome: str | None = None

    def keep(self) -> dict[str, Any] | None:
        """`Kept` as JSON; None when there is nothing to keep."""
        kept = Kept.model_construct(**{name: getattr(self, name) for name in Kept.model_fields})
        return kept.model_dump(mode="json", exclude_defaults=True) or None
