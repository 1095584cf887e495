"""The tables. `*_at` columns are journey time unless their comment says wall time."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


def _id() -> Any:
    return Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))


def _json(default: str | None = "{}") -> Any:
    server = text(f"'{default}'::jsonb") if default is not None else None
    return Field(sa_column=Column(JSONB, nullable=default is None, server_default=server))


def _at(*, nullable: bool = True, index: bool = False) -> Any:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable, index=index))


def _big(*, nullable: bool = False, index: bool = False, default: int | None = None) -> Any:
    server = text(str(default)) if default is not None else None
    return Field(default=default, sa_column=Column(BigInteger, nullable=nullable, index=index, server_default=server))


def _small(*, default: int) -> Any:
    server = text(str(default))
    return Field(default=default, sa_column=Column(SmallInteger, nullable=False, server_default=server))


class CustomerRow(SQLModel, table=True):
    """`traits_at` is when traits were last written by an identify: of two merged customers the newer word wins."""

    __tablename__ = "customers"

    id: int = _id()
    traits: dict[str, Any] = _json()
    traits_at: datetime | None = _at()
    time_zone: str | None = None
    locale: str | None = None
    first_seen_at: datetime = _at(nullable=False)
    last_seen_at: datetime | None = _at()
    merged_into: int | None = _big(nullable=True, index=True)


class IdentifierRow(SQLModel, table=True):
    """`kind` is user_id, anonymous_id, email or phone; a value belongs to one customer."""

    __tablename__ = "identifiers"

    kind: str = Field(sa_column=Column(Text, primary_key=True))
    value: str = Field(sa_column=Column(Text, primary_key=True))
    customer_id: int = _big(index=True)


class EventIdRow(SQLModel, table=True):
    """Which events were ever accepted: 16 bytes of a hash of source and message id. Kept when events are not."""

    __tablename__ = "event_ids"

    hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))


class EventRow(SQLModel, table=True):
    """`kind` is track, identify, page, screen, group or alias; `name` is the event's, or the kind's own word."""

    __tablename__ = "events"
    __table_args__ = (Index("events_customer", "customer_id", "received_at"),)

    id: int = _id()
    source: str
    message_id: str
    customer_id: int = _big()
    kind: str
    name: str
    properties: dict[str, Any] = _json()
    occurred_at: datetime = _at(nullable=False)
    received_at: datetime = _at(nullable=False)


class QuarantineRow(SQLModel, table=True):
    """What could not be understood, once per source and digest of its content. `body` is what was sent."""

    __tablename__ = "quarantine"
    __table_args__ = (Index("quarantine_once", "source", "digest", unique=True),)

    id: int = _id()
    source: str
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    reason: str
    body: str = Field(sa_column=Column(Text, nullable=False))
    times: int = Field(default=1)
    first_at: datetime = _at(nullable=False)
    last_at: datetime = _at(nullable=False)


class JourneyVersionRow(SQLModel, table=True):
    """`definition` is what a workflow carries (compact JSON text); `messages` are the message files and `destinations`
    the destinations that it names, by id.

    `state` is draft, review, live or archived; one version of a journey is live.
    """

    __tablename__ = "journey_versions"
    __table_args__ = (Index("journey_versions_live", "journey", unique=True, postgresql_where=text("state = 'live'")),)

    journey: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    digest: str
    definition: str = Field(sa_column=Column(Text, nullable=False))
    messages: dict[str, Any] = _json()
    destinations: dict[str, Any] = _json()
    title: str = ""
    owner: str | None = None
    state: str = "live"
    published_at: datetime = _at(nullable=False)
    published_by: str | None = None


class EnrolmentRow(SQLModel, table=True):
    """One customer in one journey. `state`: active, ending (decided here, the workflow does not know yet), ended.

    `last_seq` counts its deliveries, `seen_seq` is what its run has acknowledged. `checked_at` and `nudged_at` are
    the reconciler's, wall time. `urgency` is its journey's, see `language.urgency`. `noted_at`: the
    newest moment (journey time) at which its run has said where it stands.
    """

    __tablename__ = "enrolments"
    __table_args__ = (
        Index(
            "enrolments_one_active",
            "journey",
            "customer_id",
            "key",
            unique=True,
            postgresql_where=text("state = 'active'"),
        ),
        Index("enrolments_customer", "customer_id", "journey", "key"),
        Index("enrolments_open", "checked_at", postgresql_where=text("state <> 'ended'")),
        Index("enrolments_journey", "journey", "state", "started_at", "id"),
        Index("enrolments_key", "key", "started_at", "id", postgresql_where=text("key <> ''")),
    )

    id: int = _id()
    customer_id: int = _big()
    journey: str
    version: int
    key: str = ""
    arm: str | None = None
    start: dict[str, Any] = _json()
    state: str = "active"
    outcome: str | None = None
    reason: str | None = None
    started_at: datetime = _at(nullable=False)
    ended_at: datetime | None = _at()
    paused_at: datetime | None = _at()
    suspended_by: int | None = _big(nullable=True)
    goal_at: datetime | None = _at()
    goal_value: float | None = Field(default=None, sa_column=Column(Numeric))
    stage: str | None = None
    step: str | None = None
    run_id: str | None = None
    last_seq: int = _big(default=0)
    seen_seq: int = _big(default=0)
    checked_at: datetime | None = _at()
    nudged_at: datetime | None = _at()
    urgency: int = _small(default=3)
    nudges: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    noted_at: datetime | None = _at()


class StepRow(SQLModel, table=True):
    """The trace of one visit of a step. `number` tells the order of visits that took no time."""

    __tablename__ = "steps"

    enrolment_id: int = Field(sa_column=Column(BigInteger, primary_key=True))
    step: str = Field(primary_key=True)
    visit: int = Field(primary_key=True)
    verb: str
    entered_at: datetime = _at(nullable=False)
    left_at: datetime | None = _at()
    waits_until: datetime | None = _at()
    result: dict[str, Any] | None = _json(None)
    kept: dict[str, Any] | None = _json(None)
    number: int = Field(default=None, sa_column=Column(BigInteger, Identity(), nullable=False))


class MessageRow(SQLModel, table=True):
    """One message on one channel, or the decision not to send it. `key` is `<enrolment>/<step>/<visit>/<channel>`.

    `status`: held, claimed, released, sent, suppressed, undeliverable, expired, failed, held_out, unknown; and what was
    reported of it since (`language.message_event`). `content`: what went out beside texts. `charged`: the period of
    each budget that the cost is taken from. `account`: which of the channel's accounts the last attempt used, see
    `activities.channel.Route`. `call_until` is wall time: until then the attempt that claimed it may still be talking
    to the provider. `asks`: how often the provider was asked after it; `ask_at` (wall time): not before.
    """

    __tablename__ = "messages"
    __table_args__ = (
        Index("messages_customer", "customer_id", "created_at"),
        Index("messages_newest", "created_at", "key"),
        Index(
            "messages_not_sent",
            "status",
            "created_at",
            "key",
            postgresql_where=text("status NOT IN ('sent', 'delivered', 'opened', 'clicked')"),
        ),
        Index("messages_ringing", "sent_at", postgresql_where=text("channel = 'voice' AND status = 'sent'")),
        Index(
            "messages_unheard",
            "call_until",
            postgresql_where=text("status = 'sent' AND provider IN ('twilio', 'sendgrid')"),
        ),
    )

    key: str = Field(primary_key=True)
    enrolment_id: int = _big(index=True)
    customer_id: int = _big()
    step: str
    visit: int
    channel: str
    message: str
    message_class: str
    topic: str | None = None
    recipient: str | None = Field(default=None, index=True)
    sender: str | None = None
    subject: str | None = None
    body: str | None = None
    html: str | None = None
    content: dict[str, Any] | None = _json(None)
    digest: str | None = None
    status: str
    reason: str | None = None
    provider: str | None = None
    account: str | None = None
    provider_id: str | None = Field(default=None, index=True)
    attempt: int = Field(default=0)
    call_until: datetime | None = _at()
    created_at: datetime = _at(nullable=False)
    claimed_at: datetime | None = _at()
    sent_at: datetime | None = _at()
    delivered_at: datetime | None = _at()
    segments: int | None = None
    cost: float | None = Field(default=None, sa_column=Column(Numeric))
    charged: dict[str, str] | None = _json(None)
    asks: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    ask_at: datetime | None = _at()


class VerdictRow(SQLModel, table=True):
    """A decision that left no other row: why a journey did not start, why a send was held or an enrolment ended."""

    __tablename__ = "verdicts"
    __table_args__ = (Index("verdicts_customer", "customer_id", "at"),)

    id: int = _id()
    customer_id: int = _big()
    enrolment_id: int | None = _big(nullable=True)
    journey: str
    step: str | None = None
    verdict: str
    reason: str
    at: datetime = _at(nullable=False)


class ConsentRow(SQLModel, table=True):
    """A ledger: the newest row of a channel and topic counts. Null channel or topic: all of them; the topic `*`: all
    but what is transactional.

    `state`: opted_in, opted_out, pending (it waits for its confirmation, and counts for nothing). `told_at` is wall
    time: when journeys were told of it by an event.
    """

    __tablename__ = "consents"
    __table_args__ = (
        Index("consents_customer", "customer_id", "at"),
        Index("consents_untold", "id", postgresql_where=text("told_at IS NULL")),
    )

    id: int = _id()
    customer_id: int = _big()
    channel: str | None = None
    topic: str | None = None
    state: str
    source: str
    evidence: str | None = None
    at: datetime = _at(nullable=False)
    told_at: datetime | None = _at()


class DeliveryRow(SQLModel, table=True):
    """The outbox. A row stays until its enrolment's run has acknowledged its `seq`; `relay_until` is a lease and
    `relayed_at` says when Temporal took it (both wall time). `payload` is a `language.delivery.Delivery`, `urgency` the
    enrolment's."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("deliveries_waiting", "urgency", "enrolment_id", "seq", postgresql_where=text("relayed_at IS NULL")),
    )

    enrolment_id: int = Field(sa_column=Column(BigInteger, primary_key=True))
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True))
    kind: str
    payload: dict[str, Any] = _json()
    relay_until: datetime | None = _at()
    relayed_at: datetime | None = _at()
    urgency: int = _small(default=3)


class SandboxMessageRow(SQLModel, table=True):
    """What the sandbox received as a provider; never used when real provider keys are set."""

    __tablename__ = "sandbox_messages"

    id: int = _id()
    provider: str
    provider_id: str = Field(unique=True)
    channel: str
    sender: str | None = None
    recipient: str = Field(index=True)
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    details: dict[str, Any] = _json()
    received_at: datetime = _at(nullable=False)


class TaskRow(SQLModel, table=True):
    """Something for a person to do. `key` is `<enrolment>/<step>/<visit>`.

    `state`: open, claimed, done, expired, cancelled. The last two are true of an open task as soon as `due_at` has come
    or its enrolment has ended, before its run says so. `escalations` are `{at, to}`: whose it is from then on.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        Index("tasks_open", "id", postgresql_where=text("state IN ('open', 'claimed')")),
        Index("tasks_open_of_enrolment", "enrolment_id", postgresql_where=text("state IN ('open', 'claimed')")),
    )

    id: int = _id()
    key: str = Field(unique=True)
    enrolment_id: int = _big()
    customer_id: int = _big(index=True)
    journey: str
    step: str
    visit: int
    task: str
    team: str
    title: str
    values: dict[str, Any] = _json()
    results: list[str] = _json("[]")
    escalations: list[dict[str, Any]] = _json("[]")
    created_at: datetime = _at(nullable=False)
    due_at: datetime | None = _at()
    state: str = "open"
    claimed_by: str | None = None
    claimed_at: datetime | None = _at()
    result: str | None = None
    note: str | None = None
    completed_by: str | None = None
    closed_at: datetime | None = _at()


class CouponRow(SQLModel, table=True):
    """A code of a pool. `taken_key` is `<enrolment>/<step>/<visit>` of whoever took it, for good; null: it is left."""

    __tablename__ = "coupons"
    __table_args__ = (
        Index("coupons_left", "pool", "code", postgresql_where=text("taken_key IS NULL")),
        Index("coupons_taken", "taken_key", unique=True, postgresql_where=text("taken_key IS NOT NULL")),
        Index("coupons_customer", "customer_id", postgresql_where=text("customer_id IS NOT NULL")),
    )

    pool: str = Field(primary_key=True)
    code: str = Field(primary_key=True)
    taken_key: str | None = None
    customer_id: int | None = _big(nullable=True)
    enrolment_id: int | None = _big(nullable=True)
    taken_at: datetime | None = _at()


class PolicyRow(SQLModel, table=True):
    """A contact policy as it was published, a `language.policy.Policy`. The newest counts."""

    __tablename__ = "policies"

    id: int = _id()
    digest: str
    definition: dict[str, Any] = _json()
    published_at: datetime = _at(nullable=False)


class MessageEventRow(SQLModel, table=True):
    """What was reported of a message, once per `event_id` of whoever reported it.

    `at` is when it was received and `occurred_at` when it happened; `details` are what the report said besides.
    """

    __tablename__ = "message_events"

    id: int = _id()
    event_id: str = Field(unique=True)
    message_key: str = Field(index=True)
    report: str
    details: dict[str, Any] = _json()
    at: datetime = _at(nullable=False)
    occurred_at: datetime = _at(nullable=False)


class LinkRow(SQLModel, table=True):
    """A tracked link in a message: whoever opens `/l/<token>` is led to `url`. Its customer is the message's."""

    __tablename__ = "links"

    token: str = Field(primary_key=True)
    message_key: str = Field(index=True)
    url: str
    created_at: datetime = _at(nullable=False)


class ArmRow(SQLModel, table=True):
    """Which arm of an experiment a customer has, for good: stored, not drawn again."""

    __tablename__ = "arms"
    __table_args__ = (Index("arms_experiment", "experiment", "customer_id"),)

    customer_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    experiment: str = Field(primary_key=True)
    arm: str
    drawn_at: datetime = _at(nullable=False)


class ExperimentRow(SQLModel, table=True):
    """The arm that has won an experiment in a journey; null: none yet, when last looked at `checked_at`."""

    __tablename__ = "experiments"

    journey: str = Field(primary_key=True)
    experiment: str = Field(primary_key=True)
    winner: str | None = None
    found_at: datetime | None = _at()
    checked_at: datetime = _at(nullable=False)


class CallRow(SQLModel, table=True):
    """One call of a destination or a function. `key` is `<enrolment>/<step>/<visit>`.

    `status`: claimed, held, done, refused; the last two are final, and what the journey goes by. `first_at` begins the
    time it is retried for. `values` are what it tells, the JSON as it is sent; null once it is done. `call_until` is
    wall time: until then whoever took it last may still be calling.

    `replay`: what has become of it since a person asked at `replay_asked_at` for it to be made again: waiting (not
    before `replay_from`, given up after `replay_until`, both wall time), done or refused. `replay_attempts` counts on
    when it is asked for anew.
    """

    __tablename__ = "calls"
    __table_args__ = (
        Index("calls_newest", "at", "key"),
        Index("calls_not_done", "status", "at", "key", postgresql_where=text("status <> 'done'")),
        Index("calls_replays", "replay_from", postgresql_where=text("replay = 'waiting'")),
    )

    key: str = Field(primary_key=True)
    enrolment_id: int = _big()
    customer_id: int = _big(index=True)
    destination: str
    status: str
    attempts: int
    answer: dict[str, Any] | None = _json(None)
    reason: str | None = None
    values: str | None = Field(default=None, sa_column=Column(Text))
    first_at: datetime = _at(nullable=False)
    at: datetime = _at(nullable=False)
    call_until: datetime | None = _at()
    replay: str | None = Field(default=None, sa_column=Column(Text))
    replay_reason: str | None = Field(default=None, sa_column=Column(Text))
    replay_attempts: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    replay_asked_at: datetime | None = _at()
    replayed_at: datetime | None = _at()
    replay_from: datetime | None = _at()
    replay_until: datetime | None = _at()


class JourneyStartRow(SQLModel, table=True):
    """What became of one `start` of another journey, by the key of its step: an enrolment, or the reason for none."""

    __tablename__ = "journey_starts"

    key: str = Field(primary_key=True)
    enrolment_id: int | None = _big(nullable=True)
    reason: str | None = None
    at: datetime = _at(nullable=False)


class CalendarRow(SQLModel, table=True):
    """How far one start of a journey by the calendar has come. `start` is what it says: `date birthday 09:00`.

    All that fell due up to `done_until` is decided. `until` is set while what fell due after that is being enrolled,
    in the order of customers: up to `customer_id`. `next_at` is the earliest moment found that is yet to come.
    """

    __tablename__ = "calendars"

    journey: str = Field(primary_key=True)
    start: str = Field(primary_key=True)
    done_until: datetime = _at(nullable=False)
    until: datetime | None = _at()
    customer_id: int = _big(default=0)
    next_at: datetime | None = _at()


class SuppressionRow(SQLModel, table=True):
    """An address that nothing is sent to by this channel, since `at` until `lifted_at`; e-mail in small letters.

    `source` says who found it: a provider's webhook or answer. `reason` is for people.
    """

    __tablename__ = "suppressions"
    __table_args__ = (Index("suppressions_once", "address", "channel", unique=True),)

    id: int = _id()
    channel: str
    address: str
    reason: str
    source: str
    at: datetime = _at(nullable=False)
    lifted_at: datetime | None = _at()


class SpendingRow(SQLModel, table=True):
    """What is spent of a budget in a period, `2026-03-01`, `2026-W10` or `2026-03`: the sum of the costs of the
    messages charged to it. `most` is the limit as it was last; `is_used_up`: a message was held or dropped for it."""

    __tablename__ = "spending"

    budget: str = Field(primary_key=True)
    period: str = Field(primary_key=True)
    spent: float = Field(sa_column=Column(Numeric, nullable=False))
    most: float | None = Field(default=None, sa_column=Column(Numeric))
    is_used_up: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("false")))


class CircuitRow(SQLModel, table=True):
    """An account that a channel sends by, tried in the order of `place`. `opened_at`: since when nothing is sent by it,
    but for one probe at `probe_at` or later, of which nobody else may make one until `probing_until`; null: it is
    closed. `openings`: probes that failed in a row, and one. All wall time."""

    __tablename__ = "circuits"

    channel: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    provider: str
    place: int
    opened_at: datetime | None = _at()
    probe_at: datetime | None = _at()
    probing_until: datetime | None = _at()
    openings: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    reason: str | None = None
