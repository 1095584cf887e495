"""The contact policy as it was published: the newest row counts."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from language.policy import Policy
from language.program import digest_of
from store.database import Database

FRESH_SECONDS = 5.0

_NEWEST = "SELECT digest, definition FROM policies ORDER BY id DESC LIMIT 1"
_ADD = "INSERT INTO policies (digest, definition, published_at) VALUES ($1, $2, $3)"
# Of two who publish at once, the second sees what the first has published.
_LOCK = "LOCK TABLE policies IN SHARE ROW EXCLUSIVE MODE"


async def publish_policy(db: Database, policy: Policy, *, at: datetime) -> bool:
    """Make this the policy from now on; false when it was so already. `at` is journey time."""
    definition = policy.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    digest = digest_of(policy.model_dump_json(by_alias=True, exclude_defaults=True))
    async with db.pool.acquire() as connection, connection.transaction():
        await connection.execute(_LOCK)
        newest = await connection.fetchrow(_NEWEST)
        if (newest["digest"] if newest else digest_of("{}")) == digest:
            return False
        await connection.execute(_ADD, digest, definition, at)
        return True


class PolicyShelf:
    """The newest policy, at most `fresh` seconds old. `clock` is a process's own, in seconds."""

    def __init__(
        self, db: Database, *, fresh: float = FRESH_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._db, self._fresh, self._clock = db, fresh, clock
        self._read_at: float | None = None
        self._digest: str | None = None
        self._policy = Policy()

    async def policy(self) -> Policy:
        """An empty one when none was ever published."""
        now = self._clock()
        if self._read_at is None or now >= self._read_at + self._fresh:
            self._take(await self._db.pool.fetchrow(_NEWEST))
            self._read_at = now
        return self._policy

    def _take(self, row: Any) -> None:
        if row is not None and row["digest"] != self._digest:
            self._policy, self._digest = Policy.model_validate(row["definition"]), row["digest"]
