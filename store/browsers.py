"""Whose browser it is that has opened a customer's link."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from store.database import Database, EncodedJson
from store.ingest_event import IncomingEvent, Kind

SOURCE = "sojourn"

# All that identifies the customer, and whoever the browser's id stands for, as an anonymous id or a user id.
_KNOWN = """
SELECT customer_id, kind, value FROM identifiers
WHERE customer_id = $1 OR customer_id IN (
  SELECT customer_id FROM identifiers WHERE kind IN ('anonymous_id', 'user_id') AND value = $2)
"""


@dataclass(slots=True)
class Known:
    """What a customer is known by."""

    values_by_kind: dict[str, set[str]] = field(default_factory=dict)

    def of(self, kind: str) -> set[str]:
        return self.values_by_kind.get(kind, set())

    @property
    def user_ids(self) -> set[str]:
        """Its own: a user id that is its anonymous id as well says nothing."""
        return self.of("user_id") - self.of("anonymous_id")

    def contradicts(self, other: "Known") -> bool:
        """Whether both have an e-mail address, or both a phone number, and not the same."""
        both = ((self.of(kind), other.of(kind)) for kind in ("email", "phone"))
        return any(its and others and not its & others for its, others in both)


async def introduction(db: Database, customer_id: int, browser: str) -> IncomingEvent | None:
    """The event by which the anonymous id `browser` becomes the customer's; None: it is already, or shall not be."""
    rows = await db.pool.fetch(_KNOWN, customer_id, browser)
    known = _by_customer(rows)
    customer = known.pop(customer_id, Known())
    if browser in customer.of("anonymous_id"):
        return None
    visitor = next((it for it in known.values() if browser in it.of("anonymous_id")), Known())
    if customer.user_ids:
        return _identify(min(customer.user_ids), browser) if _may_be(customer, visitor) else None
    # Without a user id of the customer's only an alias helps, which would merge whomever it names, whatever their ids.
    if known and (len(known) > 1 or visitor.user_ids or browser not in visitor.of("anonymous_id")):
        return None
    names = customer.of("anonymous_id")
    return _alias(min(names), browser) if names and not customer.contradicts(visitor) else None


def _may_be(customer: Known, visitor: Known) -> bool:
    """A browser of somebody with a user id only changes hands; one of nobody's is merged, unless it is somebody else's
    to whom the message was forwarded."""
    return bool(visitor.user_ids) or not customer.contradicts(visitor)


def _by_customer(rows: Iterable[Any]) -> dict[int, Known]:
    known: dict[int, Known] = {}
    for row in rows:
        known.setdefault(row["customer_id"], Known()).values_by_kind.setdefault(row["kind"], set()).add(row["value"])
    return known


def _identify(user_id: str, browser: str) -> IncomingEvent:
    return _event("identify", user_id=user_id, anonymous_id=browser, traits={})


def _alias(anonymous_id: str, browser: str) -> IncomingEvent:
    return _event("alias", anonymous_id=anonymous_id, previous_id=browser)


def _event(kind: Kind, **named: Any) -> IncomingEvent:
    return IncomingEvent(
        source=SOURCE,
        message_id=f"browser/{uuid4().hex}",
        kind=kind,
        name=kind,
        properties={},
        encoded=EncodedJson(b"{}"),
        **named,
    )
