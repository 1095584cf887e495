"""What reaches a running enrolment from outside: facts, the end, and people's commands, in the order of `seq`."""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Command = Literal["stop", "pause", "resume", "skip_wait"]


class Fact(BaseModel):
    """Something that happened, as a journey sees it.

    `at` is the journey time at which it was received. `about` says which of our own messages it concerns
    (`step`, `visit`, `channel`, `message`), or which task (`step`, `visit`, `task`), for facts such as `Email Opened`.
    `is_goal`: it reached the journey's goal. `seq` is its delivery's, 0 when read back.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    properties: dict[str, Any] = Field(default_factory=dict)
    at: AwareDatetime
    is_activity: bool = True
    about: dict[str, str] | None = None
    is_goal: bool = False
    seq: int = 0


class Delivery(BaseModel):
    """One row of the outbox. Exactly one of `fact`, `outcome` and `command` is set, as `kind` says.

    `rearmed` holds those properties of the fact that replaced the enrolment's `start` properties of the same name,
    as the ingest transaction decided. `stage` is the stage that the fact's status stands for.
    """

    model_config = ConfigDict(frozen=True)

    seq: int
    kind: Literal["start", "event", "end", "command"]
    at: AwareDatetime
    fact: Fact | None = None
    rearmed: dict[str, Any] | None = None
    stage: str | None = None
    outcome: str | None = None
    command: Command | None = None
    step: str | None = None
