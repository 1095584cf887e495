"""What was told of customers, once each, and what could not be understood."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from store.tables.column import big, jsonb, moment, row_id


class EventIdRow(SQLModel, table=True):
    """Which events were ever accepted: 16 bytes of a hash of source and message id. Kept when events are not."""

    __tablename__ = "event_ids"

    hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))


class EventRow(SQLModel, table=True):
    """`kind` is track, identify, page, screen, group or alias; `name` is the event's, or the kind's own word."""

    __tablename__ = "events"
    __table_args__ = (Index("events_customer", "customer_id", "received_at"),)

    id: int = row_id()
    source: str
    message_id: str
    customer_id: int = big()
    kind: str
    name: str
    properties: dict[str, Any] = jsonb()
    occurred_at: datetime = moment(nullable=False)
    received_at: datetime = moment(nullable=False)


class QuarantineRow(SQLModel, table=True):
    """What could not be understood, once per source and digest of its content. `body` is what was sent."""

    __tablename__ = "quarantine"
    __table_args__ = (Index("quarantine_once", "source", "digest", unique=True),)

    id: int = row_id()
    source: str
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    reason: str
    body: str = Field(sa_column=Column(Text, nullable=False))
    times: int = Field(default=1)
    first_at: datetime = moment(nullable=False)
    last_at: datetime = moment(nullable=False)
