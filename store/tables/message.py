"""Messages, what was reported of them, and where their links lead."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, Numeric, text
from sqlmodel import Field, SQLModel

from store.tables.column import big, jsonb, moment, row_id


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
    enrolment_id: int = big(index=True)
    customer_id: int = big()
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
    content: dict[str, Any] | None = jsonb(None)
    digest: str | None = None
    status: str
    reason: str | None = None
    provider: str | None = None
    account: str | None = None
    provider_id: str | None = Field(default=None, index=True)
    attempt: int = Field(default=0)
    call_until: datetime | None = moment()
    created_at: datetime = moment(nullable=False)
    claimed_at: datetime | None = moment()
    sent_at: datetime | None = moment()
    delivered_at: datetime | None = moment()
    segments: int | None = None
    cost: float | None = Field(default=None, sa_column=Column(Numeric))
    charged: dict[str, str] | None = jsonb(None)
    asks: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    ask_at: datetime | None = moment()


class MessageEventRow(SQLModel, table=True):
    """What was reported of a message, once per `event_id` of whoever reported it.

    `at` is when it was received and `occurred_at` when it happened; `details` are what the report said besides.
    """

    __tablename__ = "message_events"

    id: int = row_id()
    event_id: str = Field(unique=True)
    message_key: str = Field(index=True)
    report: str
    details: dict[str, Any] = jsonb()
    at: datetime = moment(nullable=False)
    occurred_at: datetime = moment(nullable=False)


class LinkRow(SQLModel, table=True):
    """A tracked link in a message: whoever opens `/l/<token>` is led to `url`. Its customer is the message's."""

    __tablename__ = "links"

    token: str = Field(primary_key=True)
    message_key: str = Field(index=True)
    url: str
    created_at: datetime = moment(nullable=False)
