"""Enrolments: who is in which journey, where, and since when; and what people may do about it."""

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Body, Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.messages import MessageRead
from api.naming import NAMES, CustomerName, customer_of, family_of
from api.paging import Asked, Paged, PageRead, Text
from api.problem import Problem
from api.provided import App, Db
from api.security import NeedsApiKey
from api.segment import MOST_BYTES
from language.delivery import Command
from store import reading_enrolments as reading
from store.commands import command
from store.enrolling import Enrol
from store.reading_messages import MessageFilter, list_messages

router = APIRouter(prefix="/v1/enrolments", tags=["enrolments"], dependencies=[NeedsApiKey])

MOST_MESSAGES = 200
EnrolmentId = Annotated[int, Path(description="The enrolment's id.", examples=[1017], ge=1, lt=2**63)]


def storable(properties: dict[str, Any]) -> dict[str, Any]:
    """As for an event's properties. Raises ValueError."""
    try:
        encoded = orjson.dumps(properties)
    except TypeError:
        raise ValueError("they cannot be stored: nested too deeply, or a number or text out of bounds") from None
    if len(encoded) > MOST_BYTES or b"\\u0000" in encoded:
        raise ValueError(f"they are larger than {MOST_BYTES // 1024} KB, or contain a NUL character")
    return properties


class EnrolmentRead(BaseModel):
    """One customer in one journey."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(examples=[1017])
    customer: int = Field(validation_alias="customer_id", description="Our id of the customer.", examples=[42])
    journey: str = Field(examples=["reservation"])
    version: int = Field(description="The version of the journey that it began with.")
    key: str = Field(description="What it is about, for journeys with a key; otherwise empty.", examples=["north-7"])
    state: Literal["active", "ending", "ended"] = Field(
        description="`ending`: its end is decided and holds, the run has yet to carry it out."
    )
    outcome: str | None = Field(description="How it ended.", examples=["converted"])
    reason: str | None = Field(description="Why it was stopped or paused, where somebody said so.")
    step: str | None = Field(description="Where it stands.", examples=["day_before"])
    stage: str | None
    waits_until: datetime | None = Field(description="The moment it waits for; null: it waits for events alone.")
    start: dict[str, Any] = Field(description="The properties it started with, as later events have moved them.")
    arm: str | None = Field(description="The arm of a control group or an experiment.")
    started_at: datetime
    ended_at: datetime | None
    paused_at: datetime | None = Field(description="Set while it is paused: nothing is sent, timers run on.")
    goal_at: datetime | None = Field(description="When the journey's goal was reached.")
    goal_value: float | None


class VisitRead(BaseModel):
    """One visit of a step."""

    model_config = ConfigDict(from_attributes=True)

    step: str
    visit: int = Field(description="1 for the first.")
    verb: str = Field(examples=["wait_for"])
    entered_at: datetime
    left_at: datetime | None
    waits_until: datetime | None
    result: dict[str, Any] | None = Field(description="What the step left, as `steps.<id>` in conditions.")


class EnrolmentDetailRead(EnrolmentRead):
    """With the latest 200 visits of steps and the latest 200 messages, in order of time."""

    steps: list[VisitRead] = []
    messages: list[MessageRead] = []


class EnrolmentPage(PageRead[EnrolmentRead]):
    """Enrolments, the newest first."""


class EnrolmentsAsked(Paged):
    journey: str | None = Field(None, examples=["reservation"])
    state: Literal["active", "ending", "ended"] | None = None
    customer: CustomerName | None = Field(None, description=NAMES, examples=["42"])
    key: str | None = None
    outcome: str | None = Field(None, examples=["converted"])


class EnrolmentCreate(BaseModel):
    """Who is to enter which journey. The journey must say `call: true` among its starts."""

    model_config = ConfigDict(extra="forbid")

    journey: Text = Field(examples=["reservation"])
    customer: CustomerName = Field(description=NAMES, examples=["user_id:u-1029"])
    key: Text | None = Field(
        None, min_length=1, max_length=512, description="For a journey with a key that the properties do not hold."
    )
    properties: Annotated[dict[str, Any], AfterValidator(storable)] = Field(
        default={}, description="`start.…` in the journey; at most 128 KB.", examples=[{"expires_at": "2026-12-24"}]
    )


class CommandCreate(BaseModel):
    """Why, for those who read about it later."""

    model_config = ConfigDict(extra="forbid")

    reason: Text | None = Field(None, max_length=500, examples=["the customer asked for it by phone"])


Why = Annotated[CommandCreate | None, Body()]


@router.get("", summary="List enrolments")
async def list_enrolments(asked: Annotated[EnrolmentsAsked, Query()], db: Db) -> EnrolmentPage:
    """The newest first, filtered by whatever is given."""
    family = await family_of(db, asked.customer)
    wanted = reading.EnrolmentFilter(asked.journey, asked.state, family, asked.key, asked.outcome)
    page = await reading.list_enrolments(db, wanted, cursor=asked.cursor, limit=asked.limit)
    return EnrolmentPage(items=[EnrolmentRead.model_validate(it) for it in page.items], next_cursor=page.cursor)


@router.post("", summary="Enrol a customer", status_code=201)
async def create_enrolment(create: EnrolmentCreate, app: App) -> EnrolmentDetailRead:
    """By call, without an event. Refused (409) where the journey's rules would refuse an event: asked twice, it
    starts once, unless the journey says `again: always`."""
    customer = await customer_of(app.db, create.customer)
    enrolment_id = await app.enroller.enrol(Enrol(create.journey, customer.id, create.key, create.properties))
    app.waker.wake()
    return await _detail(app.db, enrolment_id)


@router.get("/{enrolment_id}", summary="Read an enrolment")
async def read_enrolment(enrolment_id: EnrolmentId, _: Annotated[Asked, Query()], db: Db) -> EnrolmentDetailRead:
    """Where it stands, and how it came there."""
    return await _detail(db, enrolment_id)


@router.post("/{enrolment_id}/stop", summary="Stop an enrolment")
async def stop(enrolment_id: EnrolmentId, app: App, why: Why = None) -> EnrolmentDetailRead:
    """End it now with the outcome `stopped`. From the answer on nothing of it is sent."""
    return await _command(app, enrolment_id, "stop", why)


@router.post("/{enrolment_id}/skip", summary="Skip the present wait")
async def skip(enrolment_id: EnrolmentId, app: App, why: Why = None) -> EnrolmentDetailRead:
    """Go on as if the time of the step in which it waits were up."""
    return await _command(app, enrolment_id, "skip_wait", why)


@router.post("/{enrolment_id}/pause", summary="Pause an enrolment")
async def pause(enrolment_id: EnrolmentId, app: App, why: Why = None) -> EnrolmentDetailRead:
    """Send nothing until it is resumed. Timers run on, events are heard."""
    return await _command(app, enrolment_id, "pause", why)


@router.post("/{enrolment_id}/resume", summary="Resume a paused enrolment")
async def resume(enrolment_id: EnrolmentId, app: App, why: Why = None) -> EnrolmentDetailRead:
    """Go on; the journey's `on_resume` says what becomes of messages that fell due meanwhile."""
    return await _command(app, enrolment_id, "resume", why)


async def _command(app: App, enrolment_id: int, what: Command, why: CommandCreate | None) -> EnrolmentDetailRead:
    """Committed first: it holds when we answer, also while Temporal is away."""
    await command(app.db, app.clock, enrolment_id, what, reason=why.reason if why else None)
    app.waker.wake()
    return await _detail(app.db, enrolment_id)


async def _detail(db: Db, enrolment_id: int) -> EnrolmentDetailRead:
    record = await reading.get_enrolment(db, enrolment_id)
    if record is None:
        raise Problem(404, "There is no such enrolment", f"No enrolment has the id {enrolment_id}.")
    visits = await reading.list_visits(db, enrolment_id)
    messages = await list_messages(db, MessageFilter(enrolment_id=enrolment_id), limit=MOST_MESSAGES)
    return EnrolmentDetailRead.model_validate(record).model_copy(
        update={
            "steps": [VisitRead.model_validate(visit) for visit in visits],
            "messages": [MessageRead.model_validate(message) for message in reversed(messages.items)],
        }
    )
