"""What messages are sent by and paid from: accounts, budgets, and the sandbox in a provider's place."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, Integer, Numeric, text
from sqlmodel import Field, SQLModel

from store.tables.column import jsonb, moment, row_id


class CircuitRow(SQLModel, table=True):
    """An account that a channel sends by, tried in the order of `place`. `opened_at`: since when nothing is sent by it,
    but for one probe at `probe_at` or later, of which nobody else may make one until `probing_until`; null: it is
    closed. `openings`: probes that failed in a row, and one. All wall time."""

    __tablename__ = "circuits"

    channel: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    provider: str
    place: int
    opened_at: datetime | None = moment()
    probe_at: datetime | None = moment()
    probing_until: datetime | None = moment()
    openings: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    reason: str | None = None


class SpendingRow(SQLModel, table=True):
    """What is spent of a budget in a period, `2026-03-01`, `2026-W10` or `2026-03`: the sum of the costs of the
    messages charged to it. `most` is the limit as it was last; `is_used_up`: a message was held or dropped for it."""

    __tablename__ = "spending"

    budget: str = Field(primary_key=True)
    period: str = Field(primary_key=True)
    spent: float = Field(sa_column=Column(Numeric, nullable=False))
    most: float | None = Field(default=None, sa_column=Column(Numeric))
    is_used_up: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("false")))


class SandboxMessageRow(SQLModel, table=True):
    """What the sandbox received as a provider; never used when real provider keys are set."""

    __tablename__ = "sandbox_messages"

    id: int = row_id()
    provider: str
    provider_id: str = Field(unique=True)
    channel: str
    sender: str | None = None
    recipient: str = Field(index=True)
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    details: dict[str, Any] = jsonb()
    received_at: datetime = moment(nullable=False)
