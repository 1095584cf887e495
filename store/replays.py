"""Calls that people ask to be made again: asked for through the API, made by workers, one at a time."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import orjson

from language.port import Answer
from language.replay import Replay
from store.calls import LONGEST_CALL
from store.commands import CommandError
from store.database import Database
from store.reading_calls import CAN_BE_ASKED, FROM, MATCHES, CallFilter
from store.retry import retried

PATIENCE = timedelta(days=1)
"""Real time for which what was asked for is tried."""

_FIND = f"""
SELECT shown.status, shown.is_kept, c.replay {FROM} WHERE c.key = $1 FOR NO KEY UPDATE OF c
""".format(calls="calls")

_ASKED = """
replay = 'waiting', replay_reason = NULL, replay_asked_at = {now}, replayed_at = NULL,
replay_from = clock_timestamp(), replay_until = clock_timestamp() + {patience}::interval
"""
_ASK = f"UPDATE calls SET {_ASKED.format(now='$2', patience='$3')} WHERE key = $1"

_ASK_ALL = f"""
WITH found AS (
    SELECT c.key, shown.is_kept {FROM} WHERE {MATCHES} AND {CAN_BE_ASKED} AND c.status <> 'done'
    ORDER BY c.key FOR NO KEY UPDATE OF c
), asked AS (
    UPDATE calls SET {_ASKED.format(now="$5", patience="$6")} FROM found WHERE found.key = calls.key AND is_kept
)
SELECT count(*) FILTER (WHERE is_kept) AS asked, count(*) FILTER (WHERE NOT is_kept) AS not_kept FROM found
""".format(calls="calls")

# By the wall clock. What a journey means by a destination is what its live version says: it may have been mended.
_TAKE = """
WITH due AS MATERIALIZED (
    SELECT key FROM calls
    WHERE replay = 'waiting' AND replay_from <= now() AND (call_until IS NULL OR call_until <= now())
        AND destination <> ALL($1::text[])
    ORDER BY replay_from LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
), taken AS (
    UPDATE calls SET call_until = clock_timestamp() + $2::interval, replay_attempts = replay_attempts + 1
    FROM due WHERE due.key = calls.key RETURNING calls.*
)
SELECT t.key, coalesce(e.journey, '') AS journey, coalesce(v.version, e.version, 0) AS version, t.destination,
    split_part(t.key, '/', 2) AS step, t.customer_id, t.replay_attempts AS attempt, t.replay_until - now() AS left,
    CASE WHEN e.id IS NOT NULL AND EXISTS (SELECT FROM customers WHERE id = t.customer_id) THEN t.values END AS values
FROM taken t LEFT JOIN enrolments e ON e.id = t.enrolment_id
LEFT JOIN journey_versions v ON v.journey = e.journey AND v.state = 'live' AND v.destinations ? t.destination
"""

_SETTLE = """
UPDATE calls SET replay = $3::text, replay_reason = $4, replayed_at = $5, call_until = NULL,
    values = CASE WHEN $3 <> 'done' THEN values END
WHERE key = $1 AND replay_attempts = $2 AND replay = 'waiting' RETURNING true
"""
_PUT_OFF = """
UPDATE calls SET replay_reason = $3, replay_from = clock_timestamp() + $4::interval, call_until = NULL,
    replayed_at = CASE WHEN $6 THEN $5 ELSE replayed_at END, replay_attempts = replay_attempts - CASE WHEN $6 THEN 0
    ELSE 1 END
WHERE key = $1 AND replay_attempts = $2 AND replay = 'waiting'
"""


class UnknownCallError(CommandError):
    """There is no such call."""


class NotReplayableError(CommandError):
    """It cannot be made again, or need not be."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How many calls will be made again, and how many others would have been if what they told were still kept."""

    asked: int
    not_kept: int


async def ask_again(db: Database, clock: Callable[[], datetime], key: str) -> None:
    """Have a call made again. Asked for while it waits already, that is once. `clock` is the journeys'.

    Raises a `CommandError`.
    """

    async def transaction() -> None:
        async with db.pool.acquire() as connection, connection.transaction():
            call = _checked(await connection.fetchrow(_FIND, key))
            if call["replay"] != "waiting":
                await connection.execute(_ASK, key, clock(), PATIENCE)

    await retried(transaction)


async def ask_all_again(db: Database, clock: Callable[[], datetime], wanted: CallFilter) -> Asked:
    """Have all calls made again that these words fit: those refused, where no status is among them. What waits
    already, and what was made again since, is let be."""
    asked = (wanted.destination, wanted.journey, wanted.status or "refused", wanted.since)

    async def transaction() -> Asked:
        [row] = await db.pool.fetch(_ASK_ALL, *asked, clock(), PATIENCE)
        return Asked(**row)

    return await retried(transaction)


class ReplayQueue:
    """See `activities.replaying.Replays`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def take(self, away: Collection[str]) -> Replay | None:
        row = await self._db.pool.fetchrow(_TAKE, list(away), LONGEST_CALL)
        return Replay(**{**row, "values": _read(row["values"])}) if row else None

    async def settle(self, replay: Replay, answer: Answer, *, now: datetime) -> bool:
        columns = (answer.verdict, answer.reason, now)
        return bool(await self._db.pool.fetchval(_SETTLE, replay.key, replay.attempt, *columns))

    async def put_off(self, replay: Replay, reason: str, wait: timedelta, *, now: datetime, was_called: bool) -> None:
        await self._db.pool.execute(_PUT_OFF, replay.key, replay.attempt, reason, wait, now, was_called)


def _checked(call: asyncpg.Record | None) -> asyncpg.Record:
    if call is None:
        raise UnknownCallError("There is no such call.")
    if call["status"] == "done":
        raise NotReplayableError("This call was done.")
    if call["replay"] == "done":
        raise NotReplayableError("This call has been made again already, and was done.")
    if call["status"] not in ("refused", "cut_off"):
        raise NotReplayableError("The journey itself is still at this call.")
    if not call["is_kept"]:
        raise NotReplayableError("What this call told, or about whom, is not kept any more.")
    return call


def _read(values: str | None) -> dict[str, Any] | None:
    read: dict[str, Any] | None = orjson.loads(values) if values is not None else None
    return read
