"""What the API hands to the ingest: an event it understood, or an item it did not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from store.database import EncodedJson

Kind = Literal["track", "identify", "page", "screen", "group", "alias"]


class Identifier(NamedTuple):
    """`kind` is user_id, anonymous_id, email or phone."""

    kind: str
    value: str


@dataclass(slots=True, eq=False)
class IncomingEvent:
    """One event, checked. `name` is the event's or, for all kinds but track, the kind's own word.

    At least one of `user_id` and `anonymous_id` is set; `previous_id` only in an alias, `traits` only in an identify.
    `encoded` is `properties` as JSON. `occurred_at` None: it occurred when it was received.
    """

    source: str
    message_id: str
    kind: Kind
    name: str
    properties: Mapping[str, Any]
    encoded: EncodedJson
    user_id: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None
    traits: Mapping[str, Any] | None = None
    occurred_at: datetime | None = None
    time_zone: str | None = None
    locale: str | None = None
    is_activity: bool = False

    @property
    def hash(self) -> bytes:
        """16 bytes that stand for the source and its message id for ever."""
        return blake2b(f"{self.source}\0{self.message_id}".encode(), digest_size=16).digest()

    def as_text(self) -> str:
        """The event as JSON again, for quarantine."""
        said = {
            "type": self.kind,
            "event": self.name,
            "messageId": self.message_id,
            "userId": self.user_id,
            "anonymousId": self.anonymous_id,
            "previousId": self.previous_id,
            "timestamp": self.occurred_at and self.occurred_at.isoformat(),
            "traits": self.traits,
            "properties": self.properties,
        }
        return json.dumps({name: value for name, value in said.items() if value is not None}, default=str)

    def identifiers(self) -> list[Identifier]:
        """Every identifier it names."""
        named = [("user_id", self.user_id), ("anonymous_id", self.anonymous_id)]
        if self.kind == "alias":
            named += [("user_id", self.previous_id), ("anonymous_id", self.previous_id)]
        return [Identifier(kind, value) for kind, value in named if value] + self.addresses()

    def addresses(self) -> list[Identifier]:
        """The e-mail address and phone number among an identify's traits, in the form they are compared in."""
        if not self.traits:
            return []
        email, phone = self.traits.get("email"), self.traits.get("phone")
        found = [Identifier("email", email.strip().lower())] if isinstance(email, str) and email.strip() else []
        if isinstance(phone, str) and phone.strip():
            found.append(Identifier("phone", phone.strip()))
        return found


@dataclass(frozen=True, slots=True)
class Reject:
    """An item that could not be understood: `reason` in plain words, `body` as it was sent."""

    source: str
    reason: str
    body: str

    @property
    def digest(self) -> bytes:
        return blake2b(self.body.encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Accepted:
    """Which events were stored, how many of them were known already, and how many items went to quarantine."""

    stored: frozenset[IncomingEvent]
    repeated: int = 0
    quarantined: int = 0

    def among(self, events: Sequence[IncomingEvent], rejects: Sequence[Reject]) -> "Accepted":
        """What of this concerns these alone."""
        stored = frozenset(event for event in events if event in self.stored)
        return Accepted(stored, len(events) - len(stored), len(rejects))
