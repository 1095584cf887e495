"""Calls of other systems: what they were told, what became of it, and how it is told them again."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.naming import NAMES, CustomerName, family_of
from api.paging import Asked, Paged, PageRead, Text
from api.problem import Problem
from api.provided import App, Db
from api.security import NeedsApiKey
from store import reading_calls as reading
from store.database import Database
from store.reading_page import Moment
from store.replays import ask_again, ask_all_again

router = APIRouter(prefix="/v1/calls", tags=["calls"], dependencies=[NeedsApiKey])

Status = Literal["claimed", "held", "done", "refused", "cut_off"]
Replay = Literal["waiting", "done", "refused"]
CallKey = Annotated[Text, Path(description="`<enrolment>/<step>/<visit>`", examples=["1017/call_crm_lead/1"])]
SINCE = "Last tried or settled at that moment or later; journey time."


class ReplayRead(BaseModel):
    """What became of a call since a person asked for it to be made again."""

    status: Replay = Field(
        description="`waiting`: it will be made, or tried again. `refused`: it may be asked for anew."
    )
    reason: str | None = Field(description="Why it waits, or came to nothing.", examples=["it answered 503"])
    attempts: int = Field(description="How often it was made again, over all that was ever asked for.")
    asked_at: datetime = Field(description="Journey time.")
    at: datetime | None = Field(description="When it was last made again; journey time.")


class CallRead(BaseModel):
    """One call of a destination, or of a Python function. Lists leave `values` and `answer` out."""

    model_config = ConfigDict(from_attributes=True)

    key: str = Field(description="`<enrolment>/<step>/<visit>`", examples=["1017/call_crm_lead/1"])
    customer: int = Field(validation_alias="customer_id", examples=[42])
    enrolment: int = Field(validation_alias="enrolment_id", examples=[1017])
    journey: str | None = Field(examples=["lead_callback"])
    step: str = Field(examples=["call_crm_lead"])
    visit: int
    destination: str = Field(description="The destination's name, or the function's.", examples=["crm_lead"])
    status: Status = Field(
        description="What the journey goes by: `claimed` is being made, `held` waits to be tried again, `refused` was "
        "refused or given up, `cut_off`: its enrolment has ended before it was settled.",
        examples=["refused"],
    )
    reason: str | None = Field(description="Why it waits, or came to nothing.", examples=["it answered 404"])
    attempts: int = Field(description="How often the journey has made it.")
    first_at: datetime = Field(description="When it was first tried; journey time.")
    at: datetime = Field(description="When it was last tried or settled; journey time.")
    is_replayable: bool = Field(description="Whether it can be made again.")
    replay: ReplayRead | None = Field(description="Null: nobody has asked for it to be made again.")


class CallDetailRead(CallRead):
    """With what it tells."""

    values: dict[str, Any] | None = Field(description="What it tells; null once that is done.", examples=[{"lead": 7}])
    answer: dict[str, Any] | None = Field(description="What the journey was answered.")


class CallPage(PageRead[CallRead]):
    """Calls, those that were last tried or settled first."""


class CallsAsked(Paged):
    destination: str | None = Field(None, examples=["crm_lead"])
    journey: str | None = Field(None, examples=["lead_callback"])
    customer: CustomerName | None = Field(None, description=NAMES, examples=["42"])
    status: Status | None = None
    replay: Replay | Literal["none"] | None = Field(None, description="`none`: nobody has asked for it.")
    since: Moment | None = Field(None, description=SINCE)


class ReplayCreate(BaseModel):
    """Which calls to make again; something has to be said."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    destination: Text | None = Field(None, examples=["crm_lead"])
    journey: Text | None = Field(None, examples=["lead_callback"])
    since: Moment | None = Field(None, description=SINCE)
    status: Literal["refused", "cut_off"] = Field(
        "refused", description="Those of enrolments that have ended are asked for by themselves."
    )

    @model_validator(mode="after")
    def _says_something(self) -> "ReplayCreate":
        if not (self.destination or self.journey or self.since):
            raise ValueError("say which: by destination, journey or since")
        return self


class ReplaysRead(BaseModel):
    """What was asked for."""

    asked: int = Field(description="So many will be made again.", examples=[118])
    not_kept: int = Field(description="So many cannot be: what they told, or about whom, is not kept any more.")


@router.get("", summary="List calls")
async def list_calls(asked: Annotated[CallsAsked, Query()], db: Db) -> CallPage:
    """Those that were last tried or settled first, filtered by whatever is given."""
    family = await family_of(db, asked.customer)
    wanted = reading.CallFilter(asked.destination, asked.journey, asked.status, asked.since, asked.replay, family)
    page = await reading.list_calls(db, wanted, cursor=asked.cursor, limit=asked.limit)
    return CallPage(items=[CallRead.model_validate(it) for it in page.items], next_cursor=page.cursor)


@router.post("/replay", status_code=202, summary="Make many calls again")
async def replay_calls(create: ReplayCreate, app: App) -> ReplaysRead:
    """After an outage: all that were refused or given up, and that these words fit. What waits to be made again, or has
    been since, is let be; so asking twice is asking once."""
    wanted = reading.CallFilter(create.destination, create.journey, create.status, create.since)
    asked = await ask_all_again(app.db, app.clock, wanted)
    return ReplaysRead(asked=asked.asked, not_kept=asked.not_kept)


@router.post("/{key:path}/replay", status_code=202, summary="Make a call again")
async def replay_call(key: CallKey, app: App) -> CallDetailRead:
    """With the same `webhook-id` and the same values, within seconds, for up to a day. The journey's past stays as it
    was. Refused (409) when it was done, when the journey is still at it, or when what it told is not kept any more."""
    await ask_again(app.db, app.clock, key)
    return await _call(app.db, key)


@router.get("/{key:path}", summary="Read a call")
async def read_call(key: CallKey, _: Annotated[Asked, Query()], db: Db) -> CallDetailRead:
    """One call with what it tells."""
    return await _call(db, key)


async def _call(db: Database, key: str) -> CallDetailRead:
    record = await reading.get_call(db, key)
    if record is None:
        raise Problem(404, "There is no such call", f"No call has the key {key}.")
    return CallDetailRead.model_validate(record)
