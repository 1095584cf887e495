"""A customer's timeline: what happened, what was decided and why, in plain words."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.customers import Named
from api.naming import customer_of
from api.paging import Paged, PageRead
from api.provided import Db
from api.security import NeedsApiKey
from api.sentence import sentence
from store.reading_timeline import KINDS, Kind, TimelineRecord, read_timeline

router = APIRouter(prefix="/v1/customers", tags=["customers"], dependencies=[NeedsApiKey])


class TimelineEntryRead(BaseModel):
    """One thing that happened to a customer."""

    at: datetime = Field(description="Journey time.")
    kind: Kind = Field(description="What `details` hold depends on it.", examples=["message"])
    sentence: str = Field(description="For people.", examples=["SMS last_touch sent"])
    enrolment: int | None = Field(None, examples=[1017])
    journey: str | None = Field(None, examples=["account_activation"])
    step: str | None = Field(None, examples=["send_last_touch"])
    details: dict[str, Any] = Field(
        description="For programs: an event's `name` and `properties`, a message's `key`, `status` and `reason`, "
        "a step's `verb`, `visit`, `waits_until` and `result`, …",
        examples=[{"key": "1017/send_last_touch/1/sms", "channel": "sms", "status": "sent"}],
    )

    @classmethod
    def of(cls, record: TimelineRecord, time_zone: str | None) -> "TimelineEntryRead":
        return cls(
            at=record.at,
            kind=record.kind,
            sentence=sentence(record, time_zone),
            enrolment=record.enrolment_id,
            journey=record.journey,
            step=record.step,
            details=record.details,
        )


class TimelinePage(PageRead[TimelineEntryRead]):
    """A part of a timeline. Times within sentences are in the customer's time zone, or UTC if it is not known."""


class TimelineAsked(Paged):
    order: Literal["oldest", "newest"] = Field("oldest", description="What comes first.")
    kind: list[Kind] = Field([], description="Only these; repeat it for several.", examples=[["message"]])


@router.get("/{name:path}/timeline", summary="Read a customer's timeline")
async def read_customer_timeline(name: Named, asked: Annotated[TimelineAsked, Query()], db: Db) -> TimelinePage:
    """Events, enrolments, steps, messages, and why what did not happen did not, in order of time."""
    customer = await customer_of(db, name)
    page = await read_timeline(
        db, customer.family, kinds=asked.kind or KINDS, order=asked.order, cursor=asked.cursor, limit=asked.limit
    )
    entries = [TimelineEntryRead.of(record, customer.time_zone) for record in page.items]
    return TimelinePage(items=entries, next_cursor=page.cursor)
