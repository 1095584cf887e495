"""Lists are read page by page. A cursor says where the next page begins; only we can tell what it means."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

import orjson
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

Item = TypeVar("Item")
Place = TypeVar("Place")

Number = Annotated[int, Field(ge=0, lt=2**63)]
Moment = Annotated[AwareDatetime, Field(gt=datetime(1900, 1, 1, tzinfo=UTC), lt=datetime(9000, 1, 1, tzinfo=UTC))]
Word = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""Of a cursor, which anybody may have tampered with: nothing that PostgreSQL would choke on."""


class BadCursorError(ValueError):
    """It was not made by this list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """`cursor` leads to the next page; None: this is the last one."""

    items: list[Item]
    cursor: str | None


def page(items: Sequence[Item], limit: int, place_of: Callable[[Item], Sequence[Any]]) -> Page[Item]:
    """A page of `limit` items, out of one more than that if there are more."""
    shown = list(items[:limit])
    return Page(shown, encode_cursor(place_of(shown[-1])) if len(items) > limit else None)


def encode_cursor(place: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(list(place))).rstrip(b"=").decode()


def decode_cursor(cursor: str, place: TypeAdapter[Place]) -> Place:
    """What `encode_cursor` was given. Raises BadCursorError."""
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        return place.validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeError, ValidationError):
        raise BadCursorError("this is not a cursor of this list") from None
