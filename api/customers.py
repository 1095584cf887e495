"""Customers: who they are and what they are in."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.enrolments import EnrolmentRead
from api.naming import NAMES, CustomerName, customer_of
from api.paging import Asked
from api.provided import Db
from api.security import NeedsApiKey
from store.reading_enrolments import EnrolmentFilter, list_enrolments

router = APIRouter(prefix="/v1/customers", tags=["customers"], dependencies=[NeedsApiKey])

MOST_ENROLMENTS = 100
Named = Annotated[CustomerName, Path(description=NAMES, examples=["42", "user_id:u-1029", "email:ana@example.com"])]


class IdentifierRead(BaseModel):
    """Something a customer is known by."""

    kind: str = Field(description="`user_id`, `anonymous_id`, `email` or `phone`.", examples=["user_id"])
    value: str = Field(examples=["u-1029"])


class CustomerRead(BaseModel):
    """A customer as all events so far leave them."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(description="Our id.", examples=[42])
    traits: dict[str, Any] = Field(examples=[{"first_name": "Ana", "email": "ana@example.com"}])
    identifiers: list[IdentifierRead]
    time_zone: str | None = Field(examples=["America/Sao_Paulo"])
    locale: str | None = Field(examples=["pt-BR"])
    first_seen_at: datetime
    last_seen_at: datetime | None = Field(description="The last activity: a track, page or screen call.")
    merged: list[int] = Field(default=[], description="Ids of customers who turned out to be this one.")
    enrolments: list[EnrolmentRead] = Field(default=[], description="The newest 100, newest first.")


@router.get("/{name:path}", summary="Read a customer")
async def read_customer(name: Named, _: Annotated[Asked, Query()], db: Db) -> CustomerRead:
    """Traits, identifiers and enrolments."""
    record = await customer_of(db, name)
    enrolments = await list_enrolments(db, EnrolmentFilter(customer_ids=record.family), limit=MOST_ENROLMENTS)
    found = [EnrolmentRead.model_validate(enrolment) for enrolment in enrolments.items]
    return CustomerRead.model_validate(record).model_copy(update={"merged": record.family[1:], "enrolments": found})
