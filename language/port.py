"""What the interpreter asks of the world, and the models they exchange: one frozen model in, one out."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from language.clock import Pace
from language.delivery import Delivery

Json = dict[str, Any]
MOST_EVENTS = 500
"""Stored events that one answer to a `LookUp` holds at most, the oldest; a full answer is asked on after."""


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class StepTrace(Frozen):
    """One visit of a step, written when it is entered, when it waits anew and when it is left.

    `result` is what the step left. `kept`, until then, is what another run needs besides to go on in this visit
    (`language.state.Kept`).
    """

    step: str
    visit: int
    verb: str
    entered_at: AwareDatetime
    left_at: AwareDatetime | None = None
    waits_until: AwareDatetime | None = None
    result: Json | None = None
    kept: Json | None = None


class Progress(Frozen):
    """Everything a run has to tell PostgreSQL since it last did, written together in one statement or transaction.

    Writing it takes the enrolment for `run_id` (compare-and-set on a null or equal `run_id`), acknowledges all
    deliveries up to `seen_seq`, and returns a `Standing`. `ended_as` closes the enrolment with that outcome unless
    PostgreSQL already decided another one. `pause` pauses it, for this reason: a person has to look.
    """

    enrolment_id: int
    run_id: str
    seen_seq: int
    at: AwareDatetime
    traces: tuple[StepTrace, ...] = ()
    step: str | None = None
    stage: str | None = None
    ended_as: str | None = None
    pause: str | None = None


class Standing(Frozen):
    """How an enrolment stands in PostgreSQL. `unseen`: deliveries past `seen_seq`, in order, for the run to absorb.

    `taken` is true when another run owns the enrolment or it has ended: the asking run must end quietly.
    """

    taken: bool = False
    paused: bool = False
    unseen: tuple[Delivery, ...] = ()


class LookUp(Frozen):
    """Ask for live facts. `events` names stored events of the customer (`*`: any activity), to be read back as far as
    they were received after `since`."""

    enrolment_id: int
    customer_id: int
    profile: bool = False
    journeys: tuple[str, ...] = ()
    messages: bool = False
    last_seen: bool = False
    events: tuple[str, ...] = ()
    since: AwareDatetime | None = None


class Known(Frozen):
    """The answer to `LookUp`; what was not asked for is empty.

    `profile` holds the traits with `id`, `time_zone`, `locale`; `journeys` maps a journey id to `active`, `stage`,
    `outcome`, `ended_at` and `same_key`; `messages` maps step → channel → `{status, reason}`; `events` are
    `{name, properties, at}` in order, of any key (the run tests that).
    """

    profile: Json = Field(default_factory=dict)
    journeys: dict[str, Json] = Field(default_factory=dict)
    messages: dict[str, dict[str, Json]] = Field(default_factory=dict)
    events: tuple[Json, ...] = ()
    last_seen_at: AwareDatetime | None = None
    time_zone: str = "UTC"


class SetTraits(Frozen):
    """Write computed traits. `key` (enrolment/step/visit) makes a repeated attempt harmless."""

    enrolment_id: int
    customer_id: int
    key: str
    traits: Json


class SendMessage(Frozen):
    """Send one message on one channel, once. `key` is `<enrolment>/<step>/<visit>/<channel>`.

    `due_at` is when the step became due and `at` the journey's now when the activity was scheduled (journey time);
    `seen_seq` is the last delivery the run has absorbed: a claim passes only if there is none after it.
    `progress` is written in the claiming transaction, so that a send costs no separate trace write.
    `scope` holds what a template may use besides the live profile: start, event, steps, repeat and `with` values.
    `refuse` is a reason decided already: nothing is sent, the refusal is recorded as `suppressed`. `held_out`: the
    customer is in the control group of the journey or stage, and only a transactional message goes out.
    `on_cap` says what a reached cap does: `drop` and `next_channel` refuse, `defer` holds until the first free moment.
    """

    key: str
    customer_id: int
    journey: str
    version: int
    step: str
    visit: int
    channel: str
    message: str
    due_at: AwareDatetime
    at: AwareDatetime
    pace: Pace = Pace()
    valid_for: timedelta | None = None
    if_unsure: Literal["rather_never", "rather_twice"] = "rather_never"
    scope: Json = Field(default_factory=dict)
    refuse: str | None = None
    held_out: bool = False
    on_cap: Literal["drop", "defer", "next_channel"] = "drop"
    progress: Progress

    @property
    def valid_until(self) -> datetime | None:
        """The last moment at which it may go out (journey time); None: there is none."""
        return None if self.valid_for is None else self.due_at + self.valid_for


Verdict = Literal[
    "sent",  # the provider accepted it (also: adopted after a look-up)
    "suppressed",  # decided against, with a reason
    "undeliverable",  # no usable address, or a value is missing
    "expired",  # later than `valid_for`
    "failed",  # the provider refused it for good
    "held_out",  # the customer belongs to the control group
    "unknown",  # it may or may not have gone out, and the message's policy is rather never
    "held",  # try again at `retry_at`
    "behind",  # there are unseen deliveries: absorb them and decide again
    "paused",  # the enrolment is paused: wait for its resumption
    "closed",  # the enrolment is ending or ended, or another run has it
]


class Receipt(Frozen):
    """What became of a `SendMessage`. `retry_at` is journey time, only with `held`; `unseen` only with `behind`."""

    verdict: Verdict
    reason: str | None = None
    retry_at: AwareDatetime | None = None
    unseen: tuple[Delivery, ...] = ()


class Deed(Frozen):
    """Something to be done in the world beside messages, once. `key` is `<enrolment>/<step>/<visit>`.

    Done again with the same key, it answers what it answered. `activity` is the name of the activity that does it, and
    `is_local` says that it takes one short transaction. `is_skipped`: not done when it falls due during a pause and the
    journey says `on_resume: skip`. `progress` is written in that transaction, which does nothing
    when there are unseen deliveries, or the enrolment is paused, ending or another run's. `at` and `pace` are as in
    `SendMessage`.
    """

    activity: ClassVar[str]
    is_local: ClassVar[bool] = True
    is_skipped: ClassVar[bool] = True

    key: str
    customer_id: int
    journey: str
    version: int
    step: str
    visit: int
    at: AwareDatetime
    pace: Pace = Pace()
    progress: Progress


class Escalation(Frozen):
    """From this moment on, an open task is these people's."""

    at: AwareDatetime
    to: str


class OpenTask(Deed):
    """Give a person something to do. `results` are the answers to choose from; none: it is only done or not.

    `due_at` None: no time limit. Completing it delivers the fact `Task Completed` with `about: {step, visit, task}`
    and the properties `result`, `note`, `by`. Answered by `{task_id}`, and once somebody
    has done it by `{completed: {result, note, by}}` too.
    """

    activity: ClassVar[str] = "open_task"

    task: str
    to: str
    title: str
    values: Json = Field(default_factory=dict)
    results: tuple[str, ...] = ()
    due_at: AwareDatetime | None = None
    escalations: tuple[Escalation, ...] = ()


class TakeCoupon(Deed):
    """Take one code out of a pool, for good. Answered by `{code}`; refused when the pool is empty or unknown."""

    activity: ClassVar[str] = "take_coupon"

    pool: str


class DrawArm(Deed):
    """Draw an arm of an experiment, or learn which one the customer has. Answered by `{arm}`.

    `shares` are weights by arm. An arm that is not among them is drawn anew. With `winner_by` goal: once an arm is
    better than all others with that `confidence`, each having `at_least` enrolments, newcomers get it.
    """

    activity: ClassVar[str] = "draw_arm"
    is_skipped: ClassVar[bool] = False

    experiment: str
    shares: dict[str, float]
    winner_by: Literal["goal"] | None = None
    confidence: float = 0.95
    at_least: int = 200


class StartJourney(Deed):
    """Enrol the customer in another journey. Answered by `{enrolment_id}`; refused when that one does not take them."""

    activity: ClassVar[str] = "start_journey"

    target: str
    properties: Json = Field(default_factory=dict)


class CallDestination(Deed):
    """Call a destination of `destinations.yaml`, or a registered Python function. Answered by what it answered.

    Refused when it refused for good, or stayed down longer than it is retried for.
    """

    activity: ClassVar[str] = "call_destination"
    is_local: ClassVar[bool] = False

    destination: str
    values: Json = Field(default_factory=dict)


class Answer(Frozen):
    """What became of a deed. `done` and `refused` are final; the other verdicts mean what they mean in a `Receipt`."""

    verdict: Literal["done", "refused", "held", "behind", "paused", "closed"]
    result: Json = Field(default_factory=dict)
    reason: str | None = None
    retry_at: AwareDatetime | None = None
    unseen: tuple[Delivery, ...] = ()


class Port(Protocol):
    """The world as the interpreter needs it. The workflow, the simulator and tests each have one."""

    def now(self) -> datetime:
        """Journey time, aware UTC."""
        ...

    async def sleep(self, until: datetime | None, wake: Callable[[], bool]) -> None:
        """Return as soon as `wake()` is true or `until` has come; `wake` changes only by what is absorbed."""
        ...

    async def send(self, order: SendMessage) -> Receipt: ...

    async def look_up(self, question: LookUp) -> Known: ...

    async def record(self, progress: Progress) -> Standing: ...

    async def set_traits(self, traits: SetTraits) -> None: ...

    async def do(self, deed: Deed) -> Answer:
        """Do it, once; or say why not now."""
        ...

    def show(self, details: str, step: str | None) -> None:
        """Tell people where the enrolment stands: Markdown, and the present step."""
        ...
