"""Messages: what was sent to whom, what became of it, and what was not sent and why."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.naming import NAMES, CustomerName, family_of
from api.paging import Asked, Paged, PageRead, Text
from api.problem import Problem
from api.provided import Db
from api.security import NeedsApiKey
from language.channel import Channel
from language.message_event import MachineReport, Report
from store import reading_messages as reading

router = APIRouter(prefix="/v1/messages", tags=["messages"], dependencies=[NeedsApiKey])

Status = Literal[
    "held",
    "claimed",
    "released",
    "sent",
    "suppressed",
    "undeliverable",
    "expired",
    "failed",
    "held_out",
    "unknown",
    Report,
]
MessageKey = Annotated[
    Text, Path(description="`<enrolment>/<step>/<visit>/<channel>`", examples=["1017/send_last_touch/1/sms"])
]


class MessageRead(BaseModel):
    """One message on one channel, or the decision not to send it. Lists leave `body` and `html` out."""

    model_config = ConfigDict(from_attributes=True)

    key: str = Field(description="`<enrolment>/<step>/<visit>/<channel>`", examples=["1017/send_last_touch/1/sms"])
    customer: int = Field(validation_alias="customer_id", examples=[42])
    enrolment: int = Field(validation_alias="enrolment_id", examples=[1017])
    journey: str = Field(examples=["account_activation"])
    step: str = Field(examples=["send_last_touch"])
    visit: int
    channel: str = Field(examples=["sms"])
    message: str = Field(description="The message's id in the journeys' files.", examples=["last_touch"])
    message_class: str = Field(examples=["promotional"])
    topic: str | None
    status: str = Field(
        description="`held` waits, `claimed` is being sent, `released` will be tried again; `sent`, `delivered`, "
        "`opened`, `clicked`, `answered` … went out; `suppressed`, `undeliverable`, `expired`, `failed`, `held_out` "
        "did not, for `reason`; `unknown` may have.",
        examples=["sent"],
    )
    reason: str | None = Field(description="Why it was not sent, or not yet.", examples=["the customer has no phone"])
    recipient: str | None
    sender: str | None
    subject: str | None
    provider: str | None
    provider_id: str | None = Field(description="The provider's id for it.")
    attempt: int = Field(description="How often a provider was called for it.")
    segments: int | None = Field(description="SMS: how many parts it has.")
    cost: float | None
    created_at: datetime
    claimed_at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None


class MessageEventRead(BaseModel):
    """One report about a message. `at` is when it came, `occurred_at` when it happened; journey time."""

    report: Report | MachineReport = Field(
        description="`machine_opened` and `machine_clicked` are the doing of programs, such as previews and scanners."
    )
    at: datetime
    occurred_at: datetime
    details: dict[str, Any]


class MessageDetailRead(MessageRead):
    """With what the customer sees."""

    body: str | None = Field(description="The text.")
    html: str | None = Field(description="E-mail: the formatted form.")
    content: dict[str, Any] | None = Field(description="Other channels: what they have beside texts.")
    events: list[MessageEventRead] = Field(description="What was reported of it, in the order in which it came.")


class MessagePage(PageRead[MessageRead]):
    """Messages, the newest first."""


class MessagesAsked(Paged):
    customer: CustomerName | None = Field(None, description=NAMES, examples=["42"])
    enrolment: int | None = Field(None, ge=1, lt=2**63)
    journey: str | None = None
    channel: Channel | None = None
    status: Status | None = None
    message: str | None = Field(None, description="The message's id in the journeys' files.")


@router.get("", summary="List messages")
async def list_messages(asked: Annotated[MessagesAsked, Query()], db: Db) -> MessagePage:
    """The newest first, filtered by whatever is given."""
    family = await family_of(db, asked.customer)
    wanted = reading.MessageFilter(family, asked.enrolment, asked.journey, asked.channel, asked.status, asked.message)
    page = await reading.list_messages(db, wanted, cursor=asked.cursor, limit=asked.limit)
    return MessagePage(items=[MessageRead.model_validate(it) for it in page.items], next_cursor=page.cursor)


@router.get("/{key:path}", summary="Read a message")
async def read_message(key: MessageKey, _: Annotated[Asked, Query()], db: Db) -> MessageDetailRead:
    """One message with its texts."""
    record = await reading.get_message(db, key)
    if record is None:
        raise Problem(404, "There is no such message", f"No message has the key {key}.")
    return MessageDetailRead.model_validate(record)
