"""What all lists have in common."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")

MOST = 200


class Asked(BaseModel):
    """The query parameters of a route; others are refused, so that a misspelt filter is no empty filter."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Paged(Asked):
    """A list comes in pages."""

    cursor: str | None = Field(None, description="`next_cursor` of the page before; leave the filters as they were.")
    limit: int = Field(50, ge=1, le=MOST, description="How many at most.")


class PageRead(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_cursor: str | None = Field(description="Leads to the next page; null: there is none.")
