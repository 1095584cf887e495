"""What all runs stand on: one embedded stack, the providers played in this process, and a backend that reports."""

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from runtime.stack import EmbeddedStack
from scripts.crash.backend import Backend
from scripts.provider import ACCOUNT_SID, API_KEY, AUTH_TOKEN, Provider

JOURNEYS = Path(__file__).parent / "journeys"
POSTGRES_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


class Ground:
    """`chance` is the only source of randomness; `say` gets what a person should see while it works."""

    def __init__(
        self,
        stack: EmbeddedStack,
        provider: Provider,
        backend: Backend,
        chance: random.Random,
        kills: Counter[str],
        say: Callable[[str], None],
    ) -> None:
        self.stack, self.provider, self.backend = stack, provider, backend
        self.chance, self.kills, self.say = chance, kills, say
        self._runs = 0

    def next_run(self) -> int:
        self._runs += 1
        return self._runs

    async def fetch(self, query: str, *arguments: Any, within: float = 60) -> list[Any]:
        """Rows from PostgreSQL, which may be dead at this moment."""
        give_up_at = time.monotonic() + within
        while True:
            try:
                return await self._fetch(query, *arguments)
            except POSTGRES_AWAY:
                if time.monotonic() > give_up_at:
                    raise
            await asyncio.sleep(0.3)

    async def _fetch(self, query: str, *arguments: Any) -> list[Any]:
        connection = await asyncpg.connect(self.stack.database_url, timeout=5)
        try:
            return list(await connection.fetch(query, *arguments, timeout=10))
        finally:
            connection.terminate()


@asynccontextmanager
async def ground(seed: int, say: Callable[[str], None], data: Path | None = None) -> AsyncIterator[Ground]:
    """Start everything on free ports; leave nothing behind but what was asked for: `data`, databases and logs."""
    kills: Counter[str] = Counter()

    def report(line: str) -> None:
        part, _, fate = line.partition(" ended with ")
        if fate.startswith("SIGKILL"):
            kills[part] += 1
        say(line.partition("\n")[0])

    async with AsyncExitStack() as exits:
        if data is None:
            temporary = tempfile.TemporaryDirectory(prefix="sojourn-chaos-", ignore_cleanup_errors=True)
            data = Path(exits.enter_context(temporary)) / "stack"
        provider = await exits.enter_async_context(Provider())
        stack = EmbeddedStack(
            data,
            port=0,
            temporal_port=0,
            ui_port=None,
            journeys=JOURNEYS,
            environment=_accounts(provider.url),
            report=report,
        )
        await exits.enter_async_context(stack)
        http = await exits.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)))
        backend = Backend(http, stack.api_url, stack.write_key)
        yield Ground(stack, provider, backend, random.Random(seed), kills, say)


def _accounts(provider_url: str) -> dict[str, str]:
    """A provider on this machine shows at once what it accepted, so that look-ups need not wait long for it."""
    return {
        "SOJOURN_TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "SOJOURN_TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "SOJOURN_TWILIO_FROM": "+15005550006",
        "SOJOURN_TWILIO_URL": provider_url,
        "SOJOURN_SENDGRID_API_KEY": API_KEY,
        "SOJOURN_SENDGRID_FROM": "chaos@example.com",
        "SOJOURN_SENDGRID_URL": provider_url,
        "SOJOURN_LOG_FORMAT": "json",
    }
