"""The ingest's statements that read and lock."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from store.ingest_event import Identifier, IncomingEvent
from store.ingest_journeys import Enrolment, Past
from store.ingest_listeners import LIVE

_REGISTER = f"""
WITH fresh AS (
    INSERT INTO event_ids (hash) SELECT unnest($1::bytea[]) ON CONFLICT DO NOTHING RETURNING hash
)
SELECT (SELECT array_agg(hash) FROM fresh) AS fresh,
       ({LIVE}) AS live,
       (SELECT array_agg(identifiers.customer_id ORDER BY place)
        FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS named (kind, value, place)
        LEFT JOIN identifiers USING (kind, value)) AS owners
"""

# A user id that is the customer's anonymous id as well is what some SDKs send for lack of one.
_USER_IDS = """
SELECT customer_id, value FROM identifiers named
WHERE customer_id = ANY($1) AND kind = 'user_id' AND NOT EXISTS (
    SELECT 1 FROM identifiers other
    WHERE other.kind = 'anonymous_id' AND other.value = named.value AND other.customer_id = named.customer_id)
"""

_CUSTOMERS = """
SELECT id, merged_into, time_zone, locale, last_seen_at, CASE WHEN id = ANY($2::bigint[]) THEN traits END AS traits
FROM customers WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""

_ENROLMENT = """
id, customer_id, journey, version, key, start, state, started_at, outcome, ended_at, goal_at,
goal_value::float8 AS goal_value, last_seq, stage
"""

_ENROLMENTS = f"""
SELECT {_ENROLMENT} FROM enrolments
WHERE customer_id = ANY($1::bigint[]) AND journey = ANY($2::text[])
  AND (state = 'active' OR (goal_at IS NULL AND started_at >= $3))
ORDER BY id FOR NO KEY UPDATE
"""

_THESE_ENROLMENTS = f"SELECT {_ENROLMENT} FROM enrolments WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"

_PAST = """
SELECT customer_id, journey, key, max(ended_at) AS ended_at FROM enrolments
WHERE customer_id = ANY($1::bigint[]) AND journey = ANY($2::text[]) GROUP BY customer_id, journey, key
"""

_ELSEWHERE = f"""
SELECT DISTINCT ON (customer_id, journey, key) {_ENROLMENT} FROM enrolments
WHERE customer_id = ANY($1::bigint[]) ORDER BY customer_id, journey, key, started_at DESC, id DESC
"""


class Registered(NamedTuple):
    """Which events are new, whose the identifiers they name are, and which versions are live."""

    fresh: frozenset[bytes]
    owners: dict[Identifier, int]
    live: list[str] | None


async def register(connection: Any, event_by_hash: Mapping[bytes, IncomingEvent]) -> Registered:
    """Take the events' ids for good; waits for whoever is just taking the same."""
    named = sorted({identifier for event in event_by_hash.values() for identifier in event.identifiers()})
    kinds, values = [it.kind for it in named], [it.value for it in named]
    row = await connection.fetchrow(_REGISTER, sorted(event_by_hash), kinds, values)
    owners = {it: id for it, id in zip(named, row["owners"] or (), strict=True) if id is not None}
    return Registered(frozenset(row["fresh"] or ()), owners, row["live"])


def contested(events: Iterable[IncomingEvent], owners: Mapping[Identifier, int]) -> set[int]:
    """Customers known by an anonymous id that comes together with a user id which is not known as theirs."""
    found = set()
    for event in events:
        if event.user_id and event.anonymous_id:
            visitor = owners.get(Identifier("anonymous_id", event.anonymous_id))
            if visitor is not None and visitor != owners.get(Identifier("user_id", event.user_id)):
                found.add(visitor)
    return found


async def user_ids(connection: Any, customer_ids: Collection[int]) -> set[tuple[int, str]]:
    """The customers' own user ids, as (customer, user id)."""
    return {(row["customer_id"], row["value"]) for row in await connection.fetch(_USER_IDS, list(customer_ids))}


async def lock_customers(connection: Any, ids: Collection[int], with_traits: Collection[int]) -> Sequence[Any]:
    """Their rows, in the order of ids; `traits` only of those asked for."""
    rows: Sequence[Any] = await connection.fetch(_CUSTOMERS, sorted(ids), list(with_traits))
    return rows


async def lock_enrolments(
    connection: Any, customer_ids: Collection[int], journeys: Collection[str], since: datetime | None
) -> list[Enrolment]:
    """The active ones, and those over without a goal that started at `since` or later (None: no such)."""
    rows = await connection.fetch(_ENROLMENTS, list(customer_ids), list(journeys), since)
    return [Enrolment(**row) for row in rows]


async def lock_enrolments_by_id(connection: Any, ids: Collection[int]) -> list[Enrolment]:
    """These, however they stand."""
    return [Enrolment(**row) for row in await connection.fetch(_THESE_ENROLMENTS, list(ids))]


async def past(
    connection: Any, customer_ids: Collection[int], journeys: Collection[str]
) -> dict[tuple[int, str, str], Past]:
    """When the customers last left these journeys, by customer, journey and key; None: not yet."""
    rows = await connection.fetch(_PAST, list(customer_ids), list(journeys))
    return {(row["customer_id"], row["journey"], row["key"]): Past(row["ended_at"]) for row in rows}


async def elsewhere(connection: Any, customer_ids: Collection[int]) -> dict[int, list[Enrolment]]:
    """The latest enrolment of each journey and key, by customer."""
    found: dict[int, list[Enrolment]] = {}
    for row in await connection.fetch(_ELSEWHERE, list(customer_ids)):
        found.setdefault(row["customer_id"], []).append(Enrolment(**row))
    return found
