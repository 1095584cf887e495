"""What steps have had done beside messages, once each, by the key of the visit."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, Text, text
from sqlmodel import Field, SQLModel

from store.tables.column import big, jsonb, moment, row_id


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

    id: int = row_id()
    key: str = Field(unique=True)
    enrolment_id: int = big()
    customer_id: int = big(index=True)
    journey: str
    step: str
    visit: int
    task: str
    team: str
    title: str
    values: dict[str, Any] = jsonb()
    results: list[str] = jsonb("[]")
    escalations: list[dict[str, Any]] = jsonb("[]")
    created_at: datetime = moment(nullable=False)
    due_at: datetime | None = moment()
    state: str = "open"
    claimed_by: str | None = None
    claimed_at: datetime | None = moment()
    result: str | None = None
    note: str | None = None
    completed_by: str | None = None
    closed_at: datetime | None = moment()


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
    customer_id: int | None = big(nullable=True)
    enrolment_id: int | None = big(nullable=True)
    taken_at: datetime | None = moment()


class ArmRow(SQLModel, table=True):
    """Which arm of an experiment a customer has, for good: stored, not drawn again."""

    __tablename__ = "arms"
    __table_args__ = (Index("arms_experiment", "experiment", "customer_id"),)

    customer_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    experiment: str = Field(primary_key=True)
    arm: str
    drawn_at: datetime = moment(nullable=False)


class ExperimentRow(SQLModel, table=True):
    """The arm that has won an experiment in a journey; null: none yet, when last looked at `checked_at`."""

    __tablename__ = "experiments"

    journey: str = Field(primary_key=True)
    experiment: str = Field(primary_key=True)
    winner: str | None = None
    found_at: datetime | None = moment()
    checked_at: datetime = moment(nullable=False)


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
    enrolment_id: int = big()
    customer_id: int = big(index=True)
    destination: str
    status: str
    attempts: int
    answer: dict[str, Any] | None = jsonb(None)
    reason: str | None = None
    values: str | None = Field(default=None, sa_column=Column(Text))
    first_at: datetime = moment(nullable=False)
    at: datetime = moment(nullable=False)
    call_until: datetime | None = moment()
    replay: str | None = Field(default=None, sa_column=Column(Text))
    replay_reason: str | None = Field(default=None, sa_column=Column(Text))
    replay_attempts: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    replay_asked_at: datetime | None = moment()
    replayed_at: datetime | None = moment()
    replay_from: datetime | None = moment()
    replay_until: datetime | None = moment()


class JourneyStartRow(SQLModel, table=True):
    """What became of one `start` of another journey, by the key of its step: an enrolment, or the reason for none."""

    __tablename__ = "journey_starts"

    key: str = Field(primary_key=True)
    enrolment_id: int | None = big(nullable=True)
    reason: str | None = None
    at: datetime = moment(nullable=False)
