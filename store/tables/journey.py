"""Journeys and the contact policy as they were published, and how far the calendar has come."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, Text, text
from sqlmodel import Field, SQLModel

from store.tables.column import big, jsonb, moment, row_id


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
    messages: dict[str, Any] = jsonb()
    destinations: dict[str, Any] = jsonb()
    title: str = ""
    owner: str | None = None
    state: str = "live"
    published_at: datetime = moment(nullable=False)
    published_by: str | None = None


class PolicyRow(SQLModel, table=True):
    """A contact policy as it was published, a `language.policy.Policy`. The newest counts."""

    __tablename__ = "policies"

    id: int = row_id()
    digest: str
    definition: dict[str, Any] = jsonb()
    published_at: datetime = moment(nullable=False)


class CalendarRow(SQLModel, table=True):
    """How far one start of a journey by the calendar has come. `start` is what it says: `date birthday 09:00`.

    All that fell due up to `done_until` is decided. `until` is set while what fell due after that is being enrolled,
    in the order of customers: up to `customer_id`. `next_at` is the earliest moment found that is yet to come.
    """

    __tablename__ = "calendars"

    journey: str = Field(primary_key=True)
    start: str = Field(primary_key=True)
    done_until: datetime = moment(nullable=False)
    until: datetime | None = moment()
    customer_id: int = big(default=0)
    next_at: datetime | None = moment()
