"""Two customers become one. Both rows are locked already; their enrolments are locked here, in the order of ids."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

_ENROLMENTS = """
SELECT id, journey, key, started_at, last_seq FROM enrolments
WHERE customer_id = ANY($1) AND state = 'active' ORDER BY id FOR UPDATE
"""

_END = """
WITH ended AS (
    UPDATE enrolments SET state = 'ending', outcome = 'merged', reason = 'the customer was merged into an older one',
        ended_at = $2, last_seq = last_seq + 1
    WHERE id = ANY($1) RETURNING id, last_seq, urgency
)
INSERT INTO deliveries (enrolment_id, seq, kind, payload, urgency)
SELECT id, last_seq, 'end',
    jsonb_build_object('seq', last_seq, 'kind', 'end', 'at', $2::timestamptz, 'outcome', 'merged'), urgency
FROM ended
"""

# Of each channel and topic the newest word counts; where the two differ, the refusal is said again, as the newest.
_CONSENTS = """
WITH word AS (
    SELECT DISTINCT ON (customer_id, channel, topic) customer_id, channel, topic, state FROM consents
    WHERE customer_id = ANY($1) AND state <> 'pending' ORDER BY customer_id, channel, topic, at DESC, id DESC
)
INSERT INTO consents (customer_id, channel, topic, state, source, at)
SELECT $2, channel, topic, 'opted_out', 'merge', $3 FROM word
GROUP BY channel, topic HAVING bool_or(state = 'opted_out') AND NOT bool_and(state = 'opted_out')
"""

# Where both have an arm of an experiment, that of the customer who stays counts.
_ARMS = """
WITH theirs AS (DELETE FROM arms WHERE customer_id = $1 RETURNING experiment, arm, drawn_at)
INSERT INTO arms (customer_id, experiment, arm, drawn_at)
SELECT $2, experiment, arm, drawn_at FROM theirs ON CONFLICT DO NOTHING
"""

_HOMES = ("enrolments", "events", "messages", "verdicts", "consents", "identifiers", "tasks", "coupons", "calls")
"""Tables whose rows move to the customer that stays. Identifiers too: whoever holds a customer's row may move them."""

# Traits: those of whoever was identified last win, name by name.
_CUSTOMER = """
UPDATE customers stays SET
    traits = CASE WHEN gone.traits_at > stays.traits_at OR stays.traits_at IS NULL
                  THEN stays.traits || gone.traits ELSE gone.traits || stays.traits END,
    traits_at = greatest(stays.traits_at, gone.traits_at),
    time_zone = coalesce(stays.time_zone, gone.time_zone),
    locale = coalesce(stays.locale, gone.locale),
    first_seen_at = least(stays.first_seen_at, gone.first_seen_at),
    last_seen_at = greatest(stays.last_seen_at, gone.last_seen_at)
FROM customers gone WHERE stays.id = $2 AND gone.id = $1
"""

_POINT = "UPDATE customers SET merged_into = $2 WHERE id = $1 OR merged_into = $1"


async def merge(connection: Any, gone: int, stays: int, clock: Callable[[], datetime]) -> bool:
    """Unite two customers' lives; true when that ended an enrolment.

    Of two open enrolments of the same journey and key, the older goes on.
    """
    rows = await connection.fetch(_ENROLMENTS, [gone, stays])
    at = clock()
    newer = _newer_of_each(rows)
    if newer:
        await connection.execute(_END, newer, at)
    await connection.execute(_CONSENTS, [gone, stays], stays, at)
    for table in _HOMES:
        await connection.execute(f"UPDATE {table} SET customer_id = $2 WHERE customer_id = $1", gone, stays)
    await connection.execute(_ARMS, gone, stays)
    await connection.execute(_CUSTOMER, gone, stays)
    await connection.execute(_POINT, gone, stays)
    return bool(newer)


def _newer_of_each(rows: list[Any]) -> list[int]:
    """Those that would be the second of their journey and key."""
    seen: set[tuple[str, str]] = set()
    newer = []
    for row in sorted(rows, key=lambda it: (it["started_at"], it["id"])):
        if (row["journey"], row["key"]) in seen:
            newer.append(row["id"])
        seen.add((row["journey"], row["key"]))
    return newer
