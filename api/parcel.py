"""The body of an ingest request: unpacked and taken apart into items, whatever state it is in."""

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import orjson
from starlette.requests import Request

from api.problem import Problem
from api.salvage import NoObject, elements, members
from api.segment import Reading, Unreadable, moment
from store.ingest_event import IncomingEvent, Kind, Reject

MOST_BYTES = 5 * 1024 * 1024
"""Of a request's body, unpacked: above what any SDK puts into one."""

_WITH_HEADER = 47  # zlib's word for gzip or zlib, told apart by their headers


@dataclass(frozen=True)
class Parcel:
    """The items of a request. One that was no JSON stands there as the bytes it was.

    `flaw`: why there are no items, or None.
    """

    body: bytes
    items: Sequence[Any] = ()
    write_key: str | None = None
    sent_at: datetime | None = None
    is_single: bool = False
    is_object: bool = True
    flaw: str | None = None

    @property
    def may_hold_nul(self) -> bool:
        return b"\\u0000" in self.body

    def sort(self, reading: Reading) -> tuple[list[IncomingEvent], list[Reject]]:
        """What can be understood, and what cannot."""
        events: list[IncomingEvent] = []
        rejects: list[Reject] = []
        for place, item in enumerate(self.items):
            try:
                events.append(reading.read(_read(item)))
            except Unreadable as error:
                rejects.append(Reject(reading.source, str(error), self._written(place)))
        if self.flaw:
            rejects.append(Reject(reading.source, self.flaw, _as_text(self.body)))
        return events, rejects

    def _written(self, place: int) -> str:
        """An item as it was sent, to the letter: read and written again, large numbers would lose digits."""
        return _as_text(self.body if self.is_single else self._elements[place])

    @cached_property
    def _elements(self) -> list[bytes]:
        return elements(members(self.body)["batch"])


async def unpack(request: Request) -> bytes:
    """The body, decompressed. Raises Problem 413 or 415, or 400 for what claims to be compressed and is not."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MOST_BYTES:
            raise _too_large()
        chunks.append(chunk)
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return b"".join(chunks)
    if encoding not in ("gzip", "deflate"):
        raise Problem(415, "The body's encoding is not known", "Send it as it is, or gzip it.")
    return _inflate(b"".join(chunks))


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj(_WITH_HEADER)
    try:
        body = inflater.decompress(data, MOST_BYTES + 1)
    except zlib.error:
        raise Problem(400, "The body is not what its Content-Encoding says") from None
    if len(body) > MOST_BYTES:
        raise _too_large()
    if not inflater.eof:
        raise Problem(400, "The body is not what its Content-Encoding says")
    return body


def _too_large() -> Problem:
    return Problem(413, "The request is too large", f"At most {MOST_BYTES // 1024**2} MB, unpacked.")


async def open_parcel(body: bytes, kind: Kind | None) -> Parcel:
    """Take a body apart; `kind` is set for a single call, whose body is the item."""
    single = kind is not None
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        return await asyncio.to_thread(salvage, body, single=single)
    if not isinstance(read, dict):
        return Parcel(body, is_object=False, flaw="the body is not a JSON object")
    return _parcel(body, read, read if single else read.get("batch"), single=single)


def salvage(body: bytes, *, single: bool) -> Parcel:
    """Take apart what is not wholly JSON: each item by itself."""
    try:
        written = members(body)
        items = [body] if single else elements(written["batch"]) if "batch" in written else None
    except NoObject:
        return Parcel(body, is_object=False, flaw="the body is not a JSON object")
    head = {name: _loads(value) for name, value in written.items() if name in ("writeKey", "sentAt")}
    return _parcel(body, head, items and items[0] if single else items, single=single)


def _parcel(body: bytes, head: dict[str, Any], content: Any, *, single: bool) -> Parcel:
    key = head.get("writeKey")
    known: dict[str, Any] = {"write_key": key if isinstance(key, str) else None, "sent_at": moment(head.get("sentAt"))}
    if single:
        return Parcel(body, [content], is_single=True, **known)
    if not isinstance(content, list):
        return Parcel(body, flaw="there is no list named `batch` in it", **known)
    return Parcel(body, content, **known)


def _read(item: Any) -> Any:
    if not isinstance(item, bytes):
        return item
    try:
        return orjson.loads(item)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"it is not JSON: {error.msg}") from None


def _loads(value: bytes) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return None


def _as_text(body: bytes) -> str:
    """Bytes as a text that PostgreSQL takes; what is no UTF-8 is written as `\\x..`."""
    return body.decode(errors="backslashreplace").replace("\0", "\\x00")
