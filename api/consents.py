"""Consents: what a customer has said about being written to, and the way for a backend to write it down."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from api.customers import Named
from api.naming import customer_of
from api.paging import Asked, Paged, PageRead, Text
from api.provided import App, Db
from api.security import NeedsApiKey
from language.channel import Channel
from store.consents import Said, Wish, list_consents, write_consents
from store.policies import PolicyShelf

router = APIRouter(prefix="/v1/customers", tags=["consents"], dependencies=[NeedsApiKey])

Topic = Annotated[Text, Field(pattern=r"^([a-z][a-z0-9_]*|\*)$", max_length=100)]
_ABOUT = "null: everything, transactional messages too; `*`: everything else."
_EARLIEST = datetime.fromisoformat("1990-01-01T00:00:00+00:00")


def _possible(moment: datetime) -> datetime:
    if not _EARLIEST <= moment <= _EARLIEST.replace(year=9000):
        raise ValueError("there were no consents then")
    return moment


class ConsentRead(BaseModel):
    """One word of a customer. Of the same channel and topic the newest counts."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    channel: Channel | None = Field(description="null: all channels.")
    topic: str | None = Field(description=_ABOUT, examples=["newsletter"])
    state: Literal["opted_in", "opted_out", "pending"] = Field(
        description="`pending`: the topic asks for a confirmation, and there is none yet; it changes nothing."
    )
    source: str = Field(examples=["preference page", "reply", "api"])
    evidence: str | None = Field(examples=["form /signup, version 7"])
    at: datetime


class ConsentPage(PageRead[ConsentRead]):
    """Consents, the newest first."""


class ConsentsAsked(Paged):
    channel: Channel | None = None
    topic: str | None = None
    state: Literal["opted_in", "opted_out", "pending"] | None = None


class ConsentCreate(BaseModel):
    """What the customer has said."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["opted_in", "opted_out"]
    channel: Channel | None = Field(None, description="null: all channels.")
    topic: Topic | None = Field(None, description=_ABOUT)
    source: Text = Field("api", min_length=1, max_length=100, description="Where it was said.")
    evidence: Text | None = Field(None, max_length=2000, description="What proves it, for people.")
    at: Annotated[AwareDatetime, AfterValidator(_possible)] | None = Field(
        None, description="When it was said; left out, or yet to come: now."
    )
    confirmed: bool = Field(
        False, description="The customer has confirmed it already, as `evidence` shows: for imports."
    )


@router.get("/{name:path}/consents", summary="List a customer's consents")
async def read_consents(name: Named, asked: Annotated[ConsentsAsked, Query()], db: Db) -> ConsentPage:
    """The whole ledger, the newest first. Of the same channel and topic the newest counts that is not `pending`."""
    customer = await customer_of(db, name)
    filters = asked.model_dump()
    page = await list_consents(db, customer.family, **filters)
    return ConsentPage(items=[ConsentRead.model_validate(it) for it in page.items], next_cursor=page.cursor)


@router.post("/{name:path}/consents", summary="Write a consent down")
async def write_consent(name: Named, given: ConsentCreate, _: Annotated[Asked, Query()], app: App) -> ConsentRead:
    """It holds from the next message on; journeys hear `Consent Given` or `Consent Withdrawn`. Said again it is as it
    was. An opt-in to a topic with `double_opt_in` becomes `pending`, and journeys hear `Consent Requested`."""
    customer = await customer_of(app.db, name)
    policy = await PolicyShelf(app.db).policy()
    said = Said(given.source, given.evidence, given.at, is_confirmed=given.confirmed)
    wish = Wish(given.channel, given.topic, given.state)
    [record] = await write_consents(app.db, app.clock, customer.id, [wish], said, to_confirm=policy.confirmed_topics)
    app.teller.wake()
    return ConsentRead.model_validate(record)
