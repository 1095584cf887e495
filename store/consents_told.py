"""Journeys hear of consents by events, whoever wrote them down: each is told once, also after a crash."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson

from language.consent import EVENT_BY_STATE
from store.database import Database, EncodedJson
from store.ingest_event import IncomingEvent

SOURCE = "sojourn"
TOGETHER = 200

# A customer has a user id or an anonymous id, or is merged into one that has. Whoever has neither is told of nothing.
_UNTOLD = """
SELECT c.id, c.customer_id, c.channel, c.topic, c.state, c.source, c.at, i.kind, i.value
FROM consents c LEFT JOIN LATERAL (
  SELECT kind, value FROM identifiers
  WHERE customer_id = (SELECT coalesce(merged_into, id) FROM customers WHERE id = c.customer_id)
    AND kind IN ('user_id', 'anonymous_id')
  ORDER BY kind DESC, value LIMIT 1
) i ON true
WHERE c.told_at IS NULL ORDER BY c.id LIMIT $1
"""
_TOLD = "UPDATE consents SET told_at = clock_timestamp() WHERE id = ANY($1::bigint[]) AND told_at IS NULL"

Submit = Callable[[Sequence[IncomingEvent]], Awaitable[object]]
ConfirmUrl = Callable[[int, str | None, str | None, int], str]
"""Where a request is confirmed: of a customer, channel, topic, and consent, by their ids."""


async def tell_consents(db: Database, submit: Submit, confirm_url: ConfirmUrl) -> int:
    """Give journeys the events of all consents that they do not know; how many there were. `submit` takes events once,
    however often they come, so that several may tell at the same time."""
    told = 0
    while rows := await db.pool.fetch(_UNTOLD, TOGETHER):
        if events := [_event(row, confirm_url) for row in rows if row["kind"] is not None]:
            await submit(events)
        await db.pool.execute(_TOLD, [row["id"] for row in rows])
        told += len(rows)
    return told


def _event(row: Any, confirm_url: ConfirmUrl) -> IncomingEvent:
    properties = {name: row[name] for name in ("channel", "topic", "source")}
    if row["state"] == "pending":
        properties["confirm_url"] = confirm_url(row["customer_id"], row["channel"], row["topic"], row["id"])
    return IncomingEvent(
        source=SOURCE,
        message_id=f"consent/{row['id']}",
        kind="track",
        name=EVENT_BY_STATE[row["state"]],
        properties=properties,
        encoded=EncodedJson(orjson.dumps(properties)),
        occurred_at=row["at"],
        **{row["kind"]: row["value"]},
    )
