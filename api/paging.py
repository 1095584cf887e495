"""What all lists have in common."""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

Item = TypeVar("Item")

MOST = 200


def without_nul(value: Any) -> Any:
    """Nothing that we store contains a NUL character, and PostgreSQL does not even compare with one."""
    if isinstance(value, str) and "\0" in value:
        raise ValueError("it contains a NUL character")
    return value


Text = Annotated[str, AfterValidator(without_nul)]


class Asked(BaseModel):
    """The query parameters of a route; others are refused, so that a misspelt filter is no empty filter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    _without_nul = field_validator("*")(without_nul)


class Paged(Asked):
    """A list comes in pages."""

    cursor: str | None = Field(None, description="`next_cursor` of the page before; leave the filters as they were.")
    limit: int = Field(50, ge=1, le=MOST, description="How many at most.")


class PageRead(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_cursor: str | None = Field(description="Leads to the next page; null: there is none.")
