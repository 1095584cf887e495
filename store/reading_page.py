"""Lists are read page by page. A cursor says where the next page begins; only we can tell what it means."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

Item = TypeVar("Item")
Place = TypeVar("Place")


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
