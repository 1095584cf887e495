"""Customers: who they are, what they want to hear, and where nothing reaches them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, Text, text
from sqlmodel import Field, SQLModel

from store.tables.column import big, jsonb, moment, row_id


class CustomerRow(SQLModel, table=True):
    """`traits_at` is when traits were last written by an identify: of two merged customers the newer word wins."""

    __tablename__ = "customers"

    id: int = row_id()
    traits: dict[str, Any] = jsonb()
    traits_at: datetime | None = moment()
    time_zone: str | None = None
    locale: str | None = None
    first_seen_at: datetime = moment(nullable=False)
    last_seen_at: datetime | None = moment()
    merged_into: int | None = big(nullable=True, index=True)


class IdentifierRow(SQLModel, table=True):
    """`kind` is user_id, anonymous_id, email or phone; a value belongs to one customer."""

    __tablename__ = "identifiers"

    kind: str = Field(sa_column=Column(Text, primary_key=True))
    value: str = Field(sa_column=Column(Text, primary_key=True))
    customer_id: int = big(index=True)


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

    id: int = row_id()
    customer_id: int = big()
    channel: str | None = None
    topic: str | None = None
    state: str
    source: str
    evidence: str | None = None
    at: datetime = moment(nullable=False)
    told_at: datetime | None = moment()


class SuppressionRow(SQLModel, table=True):
    """An address that nothing is sent to by this channel, since `at` until `lifted_at`; e-mail in small letters.

    `source` says who found it: a provider's webhook or answer, or a `reply` from there that said STOP. `reason` is for
    people.
    """

    __tablename__ = "suppressions"
    __table_args__ = (Index("suppressions_once", "address", "channel", unique=True),)

    id: int = row_id()
    channel: str
    address: str
    reason: str
    source: str
    at: datetime = moment(nullable=False)
    lifted_at: datetime | None = moment()
