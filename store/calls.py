"""The calls of destinations and functions: claimed while the enrolment allows it, settled once."""

from datetime import datetime, timedelta
from typing import Any

import orjson

from language.destinations import LONGEST_TIMEOUT, CallClaimed, Destination
from language.port import Answer, CallDestination
from store.database import Database
from store.deeds import permitted
from store.facts import lock_customer
from store.retry import retried

LONGEST_CALL = LONGEST_TIMEOUT + timedelta(seconds=15)
"""By the wall clock: after that whoever took a call does not call any more."""

_FIND = "SELECT status, answer, reason FROM calls WHERE key = $1 AND status IN ('done', 'refused')"

# After a silence longer than it is retried for (the enrolment was paused, nobody worked), that time begins anew.
_CLAIM = """
INSERT INTO calls (key, enrolment_id, customer_id, destination, status, attempts, first_at, at, values, call_until)
VALUES ($1, $2, $3, $4, 'claimed', 1, $5, $5, $7, clock_timestamp() + $8::interval)
ON CONFLICT (key) DO UPDATE SET status = 'claimed', attempts = calls.attempts + 1, at = excluded.at,
    values = excluded.values, call_until = excluded.call_until,
    first_at = CASE WHEN calls.at + $6::interval < excluded.at THEN excluded.at ELSE calls.first_at END
RETURNING customer_id, attempts, first_at
"""
_SETTLE = """
UPDATE calls SET status = $2::text, answer = $3, reason = $4, at = $5,
    values = CASE WHEN $2 <> 'done' THEN values END,
    replay = CASE WHEN $2 = 'done' AND replay = 'waiting' THEN 'done' ELSE replay END
WHERE key = $1 AND status NOT IN ('done', 'refused')
"""
_HOLD = """
UPDATE calls SET status = 'held', reason = $2, at = $3, attempts = attempts - $4
WHERE key = $1 AND status NOT IN ('done', 'refused')
"""


class CallLedger:
    """See `activities.calls.Calls`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def claim(self, deed: CallDestination, *, now: datetime, patience: timedelta) -> CallClaimed | Answer:
        async def attempt() -> CallClaimed | Answer:
            async with self._db.pool.acquire() as connection, connection.transaction():
                return await _claim(connection, deed, now, patience)

        return await retried(attempt)

    async def settle(self, deed: CallDestination, answer: Answer, *, now: datetime) -> Answer:
        columns = (answer.verdict, answer.result, answer.reason, now)
        if await self._db.pool.execute(_SETTLE, deed.key, *columns) == "UPDATE 0":
            return await _settled(self._db.pool, deed.key) or answer
        return answer

    async def hold(self, deed: CallDestination, reason: str, *, now: datetime, was_called: bool) -> None:
        await self._db.pool.execute(_HOLD, deed.key, reason, now, 0 if was_called else 1)


class DestinationLibrary:
    """Reads each version once: what is published never changes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._destinations_by_version: dict[tuple[str, int], dict[str, Destination]] = {}

    async def destination(self, journey: str, version: int, name: str) -> Destination | None:
        """None when the version names no such destination: it is a function, then."""
        found = self._destinations_by_version.get((journey, version))
        if found is None:
            found = self._destinations_by_version[journey, version] = await self._read(journey, version)
        return found.get(name)

    async def _read(self, journey: str, version: int) -> dict[str, Destination]:
        held = await self._db.pool.fetchval(
            "SELECT destinations FROM journey_versions WHERE journey = $1 AND version = $2", journey, version
        )
        if held is None:
            raise LookupError(f"{journey} has no version {version}")
        return {name: Destination.model_validate(content) for name, content in held.items()}


async def _claim(connection: Any, deed: CallDestination, now: datetime, patience: timedelta) -> CallClaimed | Answer:
    customer_id = await lock_customer(connection, deed.customer_id)
    barred = await permitted(connection, deed)
    answer = await _settled(connection, deed.key) or barred
    if answer is not None:
        return answer
    whose = (deed.progress.enrolment_id, customer_id)
    told = (_written(deed.values), LONGEST_CALL)
    row = await connection.fetchrow(_CLAIM, deed.key, *whose, deed.destination, now, patience, *told)
    return CallClaimed(**row)


def _written(values: dict[str, Any]) -> str | None:
    """As it is sent, to the letter; None for what cannot be, which nobody will ever send."""
    try:
        return orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        return None


async def _settled(connection: Any, key: str) -> Answer | None:
    row = await connection.fetchrow(_FIND, key)
    return row and Answer(verdict=row["status"], result=row["answer"] or {}, reason=row["reason"])
