"""Suppressions: the addresses that nothing is sent to any more, and the way back."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.paging import Asked, Paged, PageRead
from api.problem import Problem
from api.provided import App, Db
from api.security import NeedsApiKey
from language.channel import Channel
from store import suppressions as reading

router = APIRouter(prefix="/v1/suppressions", tags=["suppressions"], dependencies=[NeedsApiKey])


class SuppressionRead(BaseModel):
    """An address to which nothing goes by this channel, unless that was lifted."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    channel: Channel
    address: str = Field(examples=["ana@example.com"])
    reason: str = Field(description="What was found out.", examples=["hard bounce 5.1.1: Invalid Address"])
    source: str = Field(
        description="Whose word it is: a provider's, `answer` to our call, or `reply`: a STOP.", examples=["sendgrid"]
    )
    at: datetime
    lifted_at: datetime | None = Field(description="Since when messages go there again.")


class SuppressionPage(PageRead[SuppressionRead]):
    """Suppressions, the newest first."""


class SuppressionsAsked(Paged):
    channel: Channel | None = None
    address: str | None = Field(None, description="As the messages name it: phones as +…")


@router.get("", summary="List suppressed addresses")
async def list_suppressions(asked: Annotated[SuppressionsAsked, Query()], db: Db) -> SuppressionPage:
    """The newest first, filtered by whatever is given."""
    page = await reading.list_suppressions(
        db, channel=asked.channel, address=asked.address, cursor=asked.cursor, limit=asked.limit
    )
    return SuppressionPage(items=[SuppressionRead.model_validate(it) for it in page.items], next_cursor=page.cursor)


@router.post("/{id}/lift", summary="Send to an address again")
async def lift_suppression(
    id: Annotated[int, Path(ge=1, lt=2**63)], _: Annotated[Asked, Query()], app: App
) -> SuppressionRead:
    """The address was mended, or the provider was wrong. What is found out anew suppresses it again. At the provider it
    may have to be taken off a list as well. Refused (409) for a STOP: only START from that number takes it back."""
    record = await reading.lift_suppression(app.db, id, at=app.clock())
    if record is None:
        raise Problem(404, "There is no such suppression", f"None has the id {id}.")
    if record.lifted_at is None:
        raise Problem(409, "A STOP is not lifted", "Only START from this number takes it back.")
    return SuppressionRead.model_validate(record)
