"""Enrolments: where each stands, how it came there, what it has yet to hear, and what was decided."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Numeric, text
from sqlmodel import Field, SQLModel

from store.tables.column import big, jsonb, moment, row_id, small


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

    id: int = row_id()
    customer_id: int = big()
    journey: str
    version: int
    key: str = ""
    arm: str | None = None
    start: dict[str, Any] = jsonb()
    state: str = "active"
    outcome: str | None = None
    reason: str | None = None
    started_at: datetime = moment(nullable=False)
    ended_at: datetime | None = moment()
    paused_at: datetime | None = moment()
    suspended_by: int | None = big(nullable=True)
    goal_at: datetime | None = moment()
    goal_value: float | None = Field(default=None, sa_column=Column(Numeric))
    stage: str | None = None
    step: str | None = None
    run_id: str | None = None
    last_seq: int = big(default=0)
    seen_seq: int = big(default=0)
    checked_at: datetime | None = moment()
    nudged_at: datetime | None = moment()
    urgency: int = small(default=3)
    nudges: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    noted_at: datetime | None = moment()


class StepRow(SQLModel, table=True):
    """The trace of one visit of a step. `number` tells the order of visits that took no time."""

    __tablename__ = "steps"

    enrolment_id: int = Field(sa_column=Column(BigInteger, primary_key=True))
    step: str = Field(primary_key=True)
    visit: int = Field(primary_key=True)
    verb: str
    entered_at: datetime = moment(nullable=False)
    left_at: datetime | None = moment()
    waits_until: datetime | None = moment()
    result: dict[str, Any] | None = jsonb(None)
    kept: dict[str, Any] | None = jsonb(None)
    number: int = Field(default=None, sa_column=Column(BigInteger, Identity(), nullable=False))


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
    payload: dict[str, Any] = jsonb()
    relay_until: datetime | None = moment()
    relayed_at: datetime | None = moment()
    urgency: int = small(default=3)


class VerdictRow(SQLModel, table=True):
    """A decision that left no other row: why a journey did not start, why a send was held or an enrolment ended."""

    __tablename__ = "verdicts"
    __table_args__ = (Index("verdicts_customer", "customer_id", "at"),)

    id: int = row_id()
    customer_id: int = big()
    enrolment_id: int | None = big(nullable=True)
    journey: str
    step: str | None = None
    verdict: str
    reason: str
    at: datetime = moment(nullable=False)
