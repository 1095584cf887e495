"""Live facts about a customer, for a running enrolment."""

import hashlib
from collections.abc import Sequence
from typing import Any

from language.channel import Channel
from language.message_event import ACTIVITY, EVENTS, Report
from language.port import MOST_EVENTS, Known, LookUp, SetTraits
from language.time_zone import TimeZones, customer_zone
from store.database import Database
from store.retry import retried

ANY_ACTIVITY = "*"
DEFAULT_TIME_ZONE = "UTC"
UNKNOWN = TimeZones()
HOME = ["time_zone", "timezone", "phone", "address", "country"]
"""Traits that tell where a customer lives, where the profile does not."""

# Each part is read only if asked for. Events about messages are those about this enrolment's own. `family` is the
# customer and all who were merged into it: what they did counts.
_LOOK_UP = f"""
WITH RECURSIVE upward AS (
    SELECT id, merged_into FROM customers WHERE id = $1
    UNION SELECT c.id, c.merged_into FROM customers c JOIN upward ON c.id = upward.merged_into
), customer AS (
    SELECT * FROM customers WHERE id = (SELECT id FROM upward WHERE merged_into IS NULL)
), family AS (
    SELECT id FROM customer
    UNION SELECT c.id FROM customers c JOIN family ON c.merged_into = family.id
), latest AS (
    SELECT DISTINCT ON (e.journey, same_key) e.*, same_key
    FROM enrolments e JOIN family ON family.id = e.customer_id
    CROSS JOIN LATERAL (
        SELECT false AS same_key
        UNION ALL
        SELECT true WHERE e.key = (SELECT key FROM enrolments WHERE id = $2)
    ) AS view
    WHERE cardinality($4::text[]) > 0 AND e.journey = ANY($4)
    ORDER BY e.journey, same_key, e.started_at DESC, e.id DESC
), journey AS (
    SELECT journey, same_key, jsonb_build_object(
        'active', state = 'active', 'stage', stage, 'outcome', outcome, 'ended_at', ended_at
    ) AS facts FROM latest
), message AS (
    SELECT step, jsonb_object_agg(channel, jsonb_build_object('status', status, 'reason', reason)
                                  ORDER BY visit, created_at) AS facts
    FROM messages WHERE $5 AND enrolment_id = $2 GROUP BY step
), event AS (
    SELECT * FROM (
        SELECT id, received_at, jsonb_build_object('name', name, 'properties', properties, 'at', received_at) AS facts
        FROM events WHERE $7::timestamptz IS NOT NULL AND cardinality($6::text[]) > 0
            AND customer_id = ANY(SELECT id FROM family) AND received_at > $7
            AND (name = ANY($6) OR ('{ANY_ACTIVITY}' = ANY($6) AND kind IN ('track', 'page', 'screen')))
        UNION ALL
        SELECT told.id, told.at, jsonb_build_object('name', named.name, 'at', told.at,
            'is_activity', told.report = ANY($13), 'about', about || jsonb_build_object('visit', sent.visit::text),
            'properties', told.details || about)
        FROM unnest($10::text[], $11::text[], $12::text[]) AS named (name, channel, report)
        JOIN messages sent ON sent.enrolment_id = $2 AND sent.channel = named.channel AND sent.sent_at IS NOT NULL
        JOIN message_events told ON told.message_key = sent.key AND told.report = named.report
        CROSS JOIN jsonb_build_object('message', sent.message, 'step', sent.step, 'channel', sent.channel) AS about
        WHERE told.at > $7
    ) AS both_kinds ORDER BY received_at, id LIMIT {MOST_EVENTS}
)
SELECT jsonb_build_object(
    'profile', CASE WHEN $3 THEN customer.traits || jsonb_build_object(
        'id', customer.id, 'time_zone', coalesce(time_zone, '{DEFAULT_TIME_ZONE}'), 'locale', locale) ELSE '{{}}' END,
    'journeys', (SELECT coalesce(jsonb_object_agg(plain.journey,
        plain.facts || jsonb_build_object('same_key', coalesce(keyed.facts, '{{}}'))), '{{}}')
        FROM journey plain LEFT JOIN journey keyed ON keyed.journey = plain.journey AND keyed.same_key
        WHERE NOT plain.same_key),
    'messages', (SELECT coalesce(jsonb_object_agg(step, facts), '{{}}') FROM message),
    'events', (SELECT coalesce(jsonb_agg(facts ORDER BY received_at, id), '[]') FROM event),
    'last_seen_at', CASE WHEN $8 THEN (SELECT max(last_seen_at) FROM customers WHERE id IN (SELECT id FROM family)) END,
    'time_zone', time_zone,
    'home', (SELECT jsonb_object_agg(key, value) FROM jsonb_each(traits) WHERE key = ANY($9))
) FROM customer
"""

_ONCE = "INSERT INTO event_ids (hash) VALUES ($1) ON CONFLICT DO NOTHING RETURNING true"
_RESOLVE = "SELECT id, merged_into FROM customers WHERE id = $1 FOR UPDATE"
_MERGE = "UPDATE customers SET traits = traits || $2 WHERE id = $1"


async def look_up(db: Database, question: LookUp, zones: TimeZones = UNKNOWN) -> Known:
    """The facts asked for; empty when there is no such customer. `zones` are the policy's.

    Only events received after `since` count, so the one that began the enrolment does not; `*` among `events` stands
    for any activity.
    """
    facts = await db.pool.fetchval(
        _LOOK_UP,
        question.customer_id,
        question.enrolment_id,
        question.profile,
        list(question.journeys),
        question.messages,
        list(question.events),
        question.since,
        question.last_seen,
        HOME,
        *_reports(question.events),
        sorted(ACTIVITY),
    )
    if facts is None:
        return Known()
    home = customer_zone(facts.pop("home") or {}, facts["time_zone"], zones)
    return Known.model_validate({**facts, "time_zone": home.name})


def _reports(events: Sequence[str]) -> tuple[list[str], list[Channel], list[Report]]:
    """Those of these events that are about messages: their names, channels and reports."""
    named = [
        (name, channel, report)
        for name, (channel, report) in EVENTS.items()
        if name in events or (ANY_ACTIVITY in events and report in ACTIVITY)
    ]
    return [name for name, _, _ in named], [channel for _, channel, _ in named], [report for _, _, report in named]


async def set_traits(db: Database, wanted: SetTraits) -> None:
    """Merge traits into the customer's, once per `key`."""

    async def transaction() -> None:
        async with db.pool.acquire() as connection, connection.transaction():
            if await connection.fetchval(_ONCE, _digest(wanted.key)):
                customer_id = await lock_customer(connection, wanted.customer_id)
                await connection.execute(_MERGE, customer_id, wanted.traits)

    await retried(transaction)


async def lock_customer(connection: Any, customer_id: int) -> int:
    """Lock the row of the customer or, when it was merged into another, of that one; returns its id.

    Raises LookupError when there is none.
    """
    while True:
        row = await connection.fetchrow(_RESOLVE, customer_id)
        if row is None:
            raise LookupError(f"no customer {customer_id}")
        if row["merged_into"] is None:
            return int(row["id"])
        customer_id = row["merged_into"]


def _digest(key: str) -> bytes:
    return hashlib.blake2b(f"set\0{key}".encode(), digest_size=16).digest()
