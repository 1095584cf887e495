"""The ingest's statements that write, each for any number of rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from store.ingest_event import Identifier, IncomingEvent, Reject
from store.ingest_journeys import Enrolment, OutgoingDelivery, Refusal
from store.ingest_people import Person

_IDENTIFIERS = """
INSERT INTO identifiers (kind, value, customer_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) ON CONFLICT DO NOTHING
"""

_MOVES = """
UPDATE identifiers SET customer_id = moved.customer_id
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS moved (kind, value, customer_id)
WHERE identifiers.kind = moved.kind AND identifiers.value = moved.value
"""

_NEW_CUSTOMERS = """
INSERT INTO customers (id, traits, traits_at, time_zone, locale, last_seen_at, first_seen_at)
SELECT *, $7::timestamptz
FROM unnest($1::bigint[], $2::jsonb[], $3::timestamptz[], $4::text[], $5::text[], $6::timestamptz[])
"""

_CUSTOMERS = """
UPDATE customers SET
    traits = CASE WHEN said.patch IS NULL THEN traits ELSE traits || said.patch END,
    traits_at = coalesce(said.traits_at, customers.traits_at),
    time_zone = coalesce(said.time_zone, customers.time_zone),
    locale = coalesce(said.locale, customers.locale),
    last_seen_at = greatest(customers.last_seen_at, said.seen_at)
FROM unnest($1::bigint[], $2::jsonb[], $3::timestamptz[], $4::text[], $5::text[], $6::timestamptz[])
    AS said (id, patch, traits_at, time_zone, locale, seen_at)
WHERE customers.id = said.id
"""

_SEEN = """
UPDATE customers SET last_seen_at = said.seen_at
FROM unnest($1::bigint[], $2::timestamptz[]) AS said (id, seen_at) WHERE customers.id = said.id
"""

_EVENT_COLUMNS = ("source", "message_id", "customer_id", "kind", "name", "properties", "occurred_at", "received_at")

_CHANGED_ENROLMENTS = """
UPDATE enrolments SET start = now.start, state = now.state, outcome = now.outcome, ended_at = now.ended_at,
    goal_at = now.goal_at, goal_value = now.goal_value, last_seq = now.last_seq, stage = now.stage
FROM unnest($1::bigint[], $2::jsonb[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::float8[],
    $8::bigint[], $9::text[]) AS now (id, start, state, outcome, ended_at, goal_at, goal_value, last_seq, stage)
WHERE enrolments.id = now.id
"""

_NEW_ENROLMENTS = """
INSERT INTO enrolments (id, start, state, outcome, ended_at, goal_at, goal_value, last_seq, stage,
    customer_id, journey, version, key, started_at, urgency)
SELECT * FROM unnest($1::bigint[], $2::jsonb[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
    $7::float8[], $8::bigint[], $9::text[], $10::bigint[], $11::text[], $12::int[], $13::text[], $14::timestamptz[],
    $15::smallint[])
"""

_DELIVERIES = """
INSERT INTO deliveries (enrolment_id, seq, kind, payload, urgency)
SELECT new.*, urgency FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::jsonb[]) AS new (id, seq, kind, payload)
JOIN enrolments USING (id)
"""

_REFUSALS = """
INSERT INTO verdicts (customer_id, journey, reason, at, verdict, enrolment_id)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::bigint[])
"""

# An address in dispute is noted once for each two customers, however often it is sent.
_DISPUTES = """
INSERT INTO verdicts (customer_id, journey, verdict, reason, at)
SELECT customer_id, '', 'disputed', reason, $3
FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::text[])) AS dispute (customer_id, reason)
WHERE NOT EXISTS (
    SELECT 1 FROM verdicts v WHERE v.customer_id = dispute.customer_id AND v.verdict = 'disputed'
    AND v.reason = dispute.reason)
"""

_QUARANTINE = """
INSERT INTO quarantine (source, digest, reason, body, times, first_at, last_at)
SELECT *, $6::timestamptz, $6::timestamptz FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::int[])
ON CONFLICT (source, digest) DO UPDATE SET times = quarantine.times + excluded.times, last_at = excluded.last_at
"""


async def add_identifiers(connection: Any, people: Mapping[Identifier, Person]) -> int:
    """How many were new; those that somebody else added meanwhile stay as they are."""
    status: str = await connection.execute(_IDENTIFIERS, *_owned(people))
    return int(status.rpartition(" ")[2])


async def move_identifiers(connection: Any, people: Mapping[Identifier, Person]) -> None:
    await connection.execute(_MOVES, *_owned(people))


async def write_customers(connection: Any, people: Iterable[Person], at: datetime) -> None:
    new = [person for person in people if person.is_new]
    if new:
        await connection.execute(_NEW_CUSTOMERS, *_said(new, at), at)
    told = [person for person in people if person.is_told and not person.is_new]
    if told:
        await connection.execute(_CUSTOMERS, *_said(told, at))
    seen = [
        (person.id, person.seen_at) for person in people if person.is_seen and not (person.is_told or person.is_new)
    ]
    if seen:
        await connection.execute(_SEEN, *_columns(seen))


async def write_events(
    connection: Any, placed: Sequence[tuple[IncomingEvent, Person]], times: Sequence[tuple[datetime, datetime]]
) -> None:
    """`times`: when each event occurred and was received."""
    records = [
        (event.source, event.message_id, person.id, event.kind, event.name, event.encoded, occurred_at, received_at)
        for (event, person), (occurred_at, received_at) in zip(placed, times, strict=True)
    ]
    await connection.copy_records_to_table("events", records=records, columns=_EVENT_COLUMNS)


async def write_enrolments(connection: Any, enrolments: Sequence[Enrolment]) -> None:
    """Those that end make room before others begin."""
    changed = [_state(it) for it in enrolments if not it.is_new]
    if changed:
        await connection.execute(_CHANGED_ENROLMENTS, *_columns(changed))
    new = [
        (*_state(it), it.customer_id, it.journey, it.version, it.key, it.started_at, it.urgency)
        for it in enrolments
        if it.is_new
    ]
    if new:
        await connection.execute(_NEW_ENROLMENTS, *_columns(new))


async def write_deliveries(connection: Any, deliveries: Sequence[OutgoingDelivery]) -> None:
    if deliveries:
        await connection.execute(_DELIVERIES, *_columns(deliveries))


async def write_refusals(connection: Any, refusals: Sequence[Refusal]) -> None:
    if refusals:
        await connection.execute(_REFUSALS, *_columns(refusals))


async def write_disputes(connection: Any, disputed: Sequence[tuple[Person, Identifier, Person]], at: datetime) -> None:
    """For a person to look at; customers who share an address are never merged on that ground."""
    rows = [(one.final.id, _dispute(address, other.final)) for one, address, other in disputed]
    if rows:
        await connection.execute(_DISPUTES, *_columns(rows), at)


async def write_quarantine(connection: Any, rejects: Sequence[Reject], at: datetime) -> None:
    times_by_key: dict[tuple[str, bytes], tuple[Reject, int]] = {}
    for reject in rejects:
        key = (reject.source, reject.digest)
        times_by_key[key] = (reject, times_by_key.get(key, (reject, 0))[1] + 1)
    rows = [
        (source, digest, reject.reason, reject.body, times)
        for (source, digest), (reject, times) in sorted(times_by_key.items(), key=lambda it: it[0])
    ]
    if rows:
        await connection.execute(_QUARANTINE, *_columns(rows), at)


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _owned(people: Mapping[Identifier, Person]) -> list[list[Any]]:
    return _columns((kind, value, person.final.id) for (kind, value), person in sorted_by_identifier(people))


def sorted_by_identifier(people: Mapping[Identifier, Person]) -> list[tuple[Identifier, Person]]:
    return sorted(people.items(), key=lambda it: it[0])


def _said(people: Sequence[Person], at: datetime) -> list[list[Any]]:
    return _columns(
        (it.id, it.patch or ({} if it.is_new else None), at if it.patch else None, it.time_zone, it.locale, it.seen_at)
        for it in people
    )


def _state(it: Enrolment) -> tuple[Any, ...]:
    return (it.id, it.start, it.state, it.outcome, it.ended_at, it.goal_at, it.goal_value, it.last_seq, it.stage)


def _dispute(address: Identifier, other: Person) -> str:
    word = {"email": "e-mail address", "phone": "phone number"}[address.kind]
    return f"the {word} in these traits belongs to customer {other.id} too; merge them with an alias if they are one"
