"""What starts an enrolment's workflow and what is signalled to it."""

from datetime import timedelta
from typing import Any

from pydantic import AwareDatetime, Field

from activities.payload import Frozen
from language.calendar import LOOK_EVERY
from language.clock import Pace
from language.delivery import Delivery
from language.state import Kept, State


class Resume(Frozen):
    """Where an earlier run of this enrolment stood, read back from its trace.

    The new run enters `step` again as its *same* visit (`visits[step]`, begun at `entered_at`, due at `waits_until`),
    so that message keys stay the same and nothing is sent twice. `results` holds what steps left, by step id; when
    `has_left`, that visit had ended and `results` may have its result. `seen_seq` is what PostgreSQL knows to be
    acknowledged; the deliveries after it come with the start. What was acknowledged after `heard_until`, when the last
    wait was over, may still count for the next and is read back. `kept` is what the earlier run kept with that visit.
    """

    step: str
    visits: dict[str, int] = Field(default_factory=dict)
    results: dict[str, dict[str, Any]] = Field(default_factory=dict)
    seen_seq: int = 0
    entered_at: AwareDatetime | None = None
    waits_until: AwareDatetime | None = None
    has_left: bool = False
    heard_until: AwareDatetime | None = None
    kept: Kept = Kept()


class StartEnrolment(Frozen):
    """Everything a run needs. `definition` is the compiled journey of this version (compact JSON, `digest` its hash).

    `start` holds the properties of the event that started the enrolment, as rearmed so far; `deliveries` is all that
    waited when it was started, the `start` itself included. `state` and `run_id` are carried through continue-as-new.
    """

    enrolment_id: int
    customer_id: int
    journey: str
    version: int
    title: str
    digest: str
    definition: str
    key: str
    arm: str | None
    start: dict[str, Any]
    started_at: AwareDatetime
    pace: Pace
    deliveries: tuple[Delivery, ...] = ()
    resume: Resume | None = None
    state: State | None = None
    run_id: str | None = None


class Deliveries(Frozen):
    """All that waited for one enrolment, in the order of `seq`. Some may have been seen before: ignore those.

    One that brings nothing new is a nudge: PostgreSQL does not know what the run has seen, so the run should write
    its progress.
    """

    deliveries: tuple[Delivery, ...]


class StartCalendar(Frozen):
    """The calendar of one journey. `look_every` is how soon (journey time) it notices a date that became known;
    `enrolled` is carried through continue-as-new."""

    journey: str
    title: str = ""
    pace: Pace = Pace()
    look_every: timedelta = LOOK_EVERY
    enrolled: int = 0


class LookAgain(Frozen):
    """A calendar's journey has a new version."""

    version: int
