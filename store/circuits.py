"""Circuits of the accounts that messages go by: one row each, shared by all workers. All of it is wall time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from language.circuit import PROBE, WAITING, Standing, open_for
from store.database import Database

REGISTER = """
WITH gone AS (
  DELETE FROM circuits WHERE (channel, account) NOT IN (SELECT * FROM unnest($1::text[], $2::text[]))
)
INSERT INTO circuits (channel, account, provider, place)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[])
ON CONFLICT (channel, account) DO UPDATE SET provider = EXCLUDED.provider, place = EXCLUDED.place,
  opened_at = CASE WHEN circuits.provider IN ('', EXCLUDED.provider) THEN circuits.opened_at END
"""

READ = """
SELECT channel, account, coalesce(reason, '') AS reason, clock_timestamp() - opened_at AS since,
  probe_at - clock_timestamp() AS left, coalesce(probing_until > clock_timestamp(), false) AS is_probed
FROM circuits WHERE opened_at IS NOT NULL
"""

OPEN = """
INSERT INTO circuits (channel, account, provider, place, opened_at, probe_at, openings, reason)
VALUES ($1, $2, '', 0, clock_timestamp(), clock_timestamp() + $4::interval, 1, $3)
ON CONFLICT (channel, account) DO UPDATE SET opened_at = EXCLUDED.opened_at, probe_at = EXCLUDED.probe_at,
  probing_until = NULL, openings = 1, reason = EXCLUDED.reason
WHERE circuits.opened_at IS NULL RETURNING true
"""

TAKE_PROBE = """
UPDATE circuits SET probing_until = clock_timestamp() + $3::interval
WHERE channel = $1 AND account = $2 AND opened_at IS NOT NULL AND probe_at <= clock_timestamp()
  AND (probing_until IS NULL OR probing_until <= clock_timestamp())
RETURNING true
"""

GIVE_BACK = "UPDATE circuits SET probing_until = NULL WHERE channel = $1 AND account = $2"

OPENINGS = """
SELECT openings FROM circuits WHERE channel = $1 AND account = $2 AND opened_at IS NOT NULL FOR NO KEY UPDATE
"""

FAIL_PROBE = """
UPDATE circuits SET probing_until = NULL, openings = openings + 1, reason = $3,
  probe_at = clock_timestamp() + $4::interval
WHERE channel = $1 AND account = $2
"""

CLOSE = """
UPDATE circuits SET opened_at = NULL, probe_at = NULL, probing_until = NULL, openings = 0, reason = NULL
WHERE channel = $1 AND ($2::text IS NULL OR account = $2) AND opened_at IS NOT NULL RETURNING account
"""

LIST = """
SELECT channel, account, provider, opened_at, probe_at, probing_until > clock_timestamp() IS TRUE AS is_probed, reason
FROM circuits ORDER BY channel, place, account
"""

HELD = """
SELECT channel, count(*) AS held FROM messages WHERE status = 'held' AND starts_with(reason, $1) GROUP BY channel
"""


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """A row of `circuits`."""

    channel: str
    account: str
    provider: str
    opened_at: datetime | None
    probe_at: datetime | None
    is_probed: bool
    reason: str | None


class AccountCircuitStore:
    """See `activities.account_circuits.Circuits`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def register(self, provider_by_account: Mapping[tuple[str, str], str]) -> None:
        """These accounts are there, by channel and name in the order of their use, and no others. One that is another
        provider's than before begins anew."""
        channels, accounts = [one[0] for one in provider_by_account], [one[1] for one in provider_by_account]
        places = [channels[:number].count(channel) for number, channel in enumerate(channels)]
        await self._db.pool.execute(REGISTER, channels, accounts, list(provider_by_account.values()), places)

    async def read(self) -> list[Standing]:
        return [Standing(**row) for row in await self._db.pool.fetch(READ)]

    async def open(self, channel: str, account: str, reason: str) -> bool:
        return bool(await self._db.pool.fetchval(OPEN, channel, account, reason, open_for(1)))

    async def take_probe(self, channel: str, account: str) -> bool:
        return bool(await self._db.pool.fetchval(TAKE_PROBE, channel, account, PROBE))

    async def give_back(self, channel: str, account: str) -> None:
        await self._db.pool.execute(GIVE_BACK, channel, account)

    async def fail_probe(self, channel: str, account: str, reason: str) -> None:
        async with self._db.pool.acquire() as connection, connection.transaction():
            openings = await connection.fetchval(OPENINGS, channel, account)
            if openings is not None:
                await connection.execute(FAIL_PROBE, channel, account, reason, open_for(openings + 1))

    async def close(self, channel: str, account: str) -> bool:
        return bool(await close_circuits(self._db, channel, account))


async def close_circuits(db: Database, channel: str, account: str | None = None) -> list[str]:
    """The accounts of the channel whose circuit was open until now; of all accounts, or this one."""
    return [row["account"] for row in await db.pool.fetch(CLOSE, channel, account)]


async def list_accounts(db: Database) -> list[AccountRecord]:
    """All accounts that workers have, in the order in which each channel tries them."""
    return [AccountRecord(**row) for row in await db.pool.fetch(LIST)]


async def count_held(db: Database) -> dict[str, int]:
    """Messages that wait for a provider, by channel."""
    return {row["channel"]: row["held"] for row in await db.pool.fetch(HELD, WAITING)}
