"""Segment's format: what an item of a request says, or why it cannot be understood. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b
from typing import Any, cast, get_args
from uuid import uuid4
from zoneinfo import available_timezones

import orjson

from store.database import EncodedJson
from store.ingest_event import IncomingEvent, Kind

KINDS = frozenset(get_args(Kind))
ACTIVITIES = frozenset({"track", "page", "screen"})
MOST_BYTES = 128 * 1024
"""Of one event's properties or traits; Segment itself allows 32 KB for a whole event."""
LONGEST_NAME = 512
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Unreadable(Exception):
    """Why an item cannot be understood, in plain words that quote nothing of it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the items of one request have in common.

    `kind` is set where the route says it. `received_at` None: in demo time events occur when they are received.
    `may_hold_nul`: a NUL character was seen somewhere in the request.
    """

    source: str
    kind: Kind | None = None
    received_at: datetime | None = None
    sent_at: datetime | None = None
    may_hold_nul: bool = True

    def read(self, item: object) -> IncomingEvent:
        """Raises Unreadable."""
        if not isinstance(item, dict):
            raise Unreadable("it is not a JSON object")
        kind = self._kind(item)
        context = _mapping(item, "context") if isinstance(item.get("context"), dict) else {}
        traits = {**_mapping(context, "traits"), **_mapping(item, "traits")} if kind == "identify" else None
        properties = _properties(kind, item) if traits is None else traits
        user_id, anonymous_id = _text(item, "userId"), _text(item, "anonymousId")
        previous_id = _text(item, "previousId") if kind == "alias" else None
        if user_id is None and anonymous_id is None:
            raise Unreadable("it says neither `userId` nor `anonymousId`, so whose event it is cannot be known")
        if kind == "alias" and previous_id is None:
            raise Unreadable("an alias needs `previousId`: who the customer was before")
        event = IncomingEvent(
            source=self.source,
            message_id=_text(item, "messageId") or _derived_id(item),
            kind=kind,
            name=_event_name(item) if kind == "track" else kind,
            properties=properties,
            encoded=_encoded(properties),
            user_id=user_id,
            anonymous_id=anonymous_id,
            previous_id=previous_id,
            traits=traits,
            occurred_at=self._occurred_at(item),
            time_zone=_time_zone(context, traits),
            locale=_locale(context, traits),
            is_activity=kind in ACTIVITIES,
        )
        if self.may_hold_nul:
            _refuse_nul(event)
        return event

    def _kind(self, item: Mapping[str, Any]) -> Kind:
        kind = self.kind or item.get("type")
        if not isinstance(kind, str) or kind not in KINDS:
            raise Unreadable(f"its `type` is none of {', '.join(sorted(KINDS))}")
        return cast(Kind, kind)

    def _occurred_at(self, item: Mapping[str, Any]) -> datetime | None:
        """The sender's time, corrected by how wrong the sender's clock was when it sent this; None: when received."""
        said = moment(item.get("timestamp") or item.get("originalTimestamp"))
        if self.received_at is None or said is None:
            return self.received_at
        sent_at = self.sent_at or moment(item.get("sentAt"))
        try:
            occurred_at = said + (self.received_at - sent_at if sent_at else timedelta(0))
        except OverflowError:
            return self.received_at
        return occurred_at if EPOCH < occurred_at < self.received_at else self.received_at


def moment(value: object) -> datetime | None:
    """An ISO 8601 date and time (UTC where it says no offset), or None when it cannot be read."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _mapping(item: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = item.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unreadable(f"its `{name}` is not a JSON object")
    return value


def _text(item: Mapping[str, Any], name: str) -> str | None:
    """An id: a text, or a whole number, which SDKs of loosely typed languages send."""
    value = item.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise Unreadable(f"its `{name}` is neither a text nor a whole number below 2^64")
    if len(value) > LONGEST_NAME:
        raise Unreadable(f"its `{name}` is longer than {LONGEST_NAME} characters")
    return value


def _event_name(item: Mapping[str, Any]) -> str:
    name = item.get("event")
    if not isinstance(name, str) or not name.strip():
        raise Unreadable("a track needs `event`: the event's name")
    if len(name) > LONGEST_NAME:
        raise Unreadable(f"its `event` is longer than {LONGEST_NAME} characters")
    return name


def _properties(kind: Kind, item: Mapping[str, Any]) -> dict[str, Any]:
    match kind:
        case "page" | "screen":
            own = {name: item[name] for name in ("name", "category") if item.get(name) is not None}
            return {**own, **_mapping(item, "properties")}
        case "group":
            return {"groupId": _text(item, "groupId"), "traits": _mapping(item, "traits")}
        case "alias":
            return {"previousId": _text(item, "previousId")}
    return _mapping(item, "properties")


def _encoded(properties: Mapping[str, Any]) -> EncodedJson:
    try:
        encoded = EncodedJson(orjson.dumps(properties))
    except TypeError:
        raise Unreadable("it is nested too deeply") from None
    if len(encoded) > MOST_BYTES:
        raise Unreadable(f"its properties or traits are larger than {MOST_BYTES // 1024} KB")
    return encoded


def _derived_id(item: Mapping[str, Any]) -> str:
    """Without `messageId`, an item with a time of its own is the same when all it says is the same."""
    if not (item.get("timestamp") or item.get("originalTimestamp")):
        return uuid4().hex
    said = {name: value for name, value in item.items() if name != "sentAt"}
    try:
        return blake2b(orjson.dumps(said, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
    except TypeError:
        raise Unreadable("it is nested too deeply") from None


def _time_zone(context: Mapping[str, Any], traits: Mapping[str, Any] | None) -> str | None:
    said = (*((traits.get("time_zone"), traits.get("timezone")) if traits else ()), context.get("timezone"))
    return next((zone for zone in said if isinstance(zone, str) and zone in _time_zones()), None)


def _locale(context: Mapping[str, Any], traits: Mapping[str, Any] | None) -> str | None:
    said = (traits.get("locale") if traits else None, context.get("locale"))
    return next((locale for locale in said if isinstance(locale, str) and 2 <= len(locale) <= 35), None)


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _texts(event: IncomingEvent) -> list[str]:
    texts = (event.name, event.message_id, event.user_id, event.anonymous_id, event.previous_id, event.locale)
    return [text for text in texts if text]


def _refuse_nul(event: IncomingEvent) -> None:
    if _NUL.search(event.encoded) or any("\0" in text for text in _texts(event)):
        raise Unreadable("it contains a NUL character, which cannot be stored")
