"""What all runs stand on: one embedded stack, the providers played in this process, and a backend that reports."""

import asyncio
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import aiohttp
import asyncpg

from runtime.failpoint import LAST_WORDS
from runtime.stack import EmbeddedStack
from scripts.crash.backend import Backend
from scripts.crash.weather import MILD, Weather, fate_of, is_withheld
from scripts.provider import ACCOUNT_SID, API_KEY, AUTH_TOKEN, Provider
from scripts.provider.webhooks import Webhooks
from store.database import POSTGRES_AWAY

JOURNEYS = Path(__file__).parent / "journeys"


class Deaths:
    """Counts deaths by SIGKILL: `kills` by part, `points` by the fail-point, where one was met.

    The relay runs in the API's process: a death at a point of the relay's is one of the relay, and not of the API.
    """

    def __init__(self, logs: Path, say: Callable[[str], None]) -> None:
        self.kills: Counter[str] = Counter()
        self.points: Counter[str] = Counter()
        self.is_terse = False
        self._logs, self._say = logs, say

    def report(self, line: str) -> None:
        """What the stack says of a part."""
        part, _, fate = line.partition(" ended with ")
        if fate.startswith("SIGKILL"):
            point = self._last_words(part)
            if point:
                self.points[point] += 1
            self.kills["relay" if point.startswith("relay.") else part] += 1
        if not self.is_terse:
            self._say(line.partition("\n")[0])

    def _last_words(self, part: str) -> str:
        """The fail-point at which it died; empty if it was killed."""
        with (self._logs / f"{part}.log").open("rb") as log:
            log.seek(max(log.seek(0, os.SEEK_END) - 200, 0))
            last = log.read().decode(errors="replace").rstrip("\n").rpartition("\n")[2]
        _, _, point = last.partition(LAST_WORDS)
        return point


class Ground:
    """`chance` is the only source of randomness; `say` gets what a person should see while it works."""

    def __init__(
        self,
        stack: EmbeddedStack,
        provider: Provider,
        webhooks: Webhooks,
        backend: Backend,
        weather: Weather,
        chance: random.Random,
        deaths: Deaths,
        say: Callable[[str], None],
    ) -> None:
        self.stack, self.provider, self.webhooks, self.backend = stack, provider, webhooks, backend
        self.weather, self.chance, self.deaths, self.say = weather, chance, deaths, say
        self._runs = 0

    @property
    def kills(self) -> Counter[str]:
        return self.deaths.kills

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
async def ground(
    seed: int, say: Callable[[str], None], data: Path | None = None, weather: Weather = MILD
) -> AsyncIterator[Ground]:
    """Start everything on free ports; leave nothing behind but what was asked for: `data`, databases and logs."""
    chance, bad_luck = random.Random(seed), random.Random(seed + 1)
    async with AsyncExitStack() as exits:
        if data is None:
            temporary = tempfile.TemporaryDirectory(prefix="sojourn-chaos-", ignore_cleanup_errors=True)
            data = Path(exits.enter_context(temporary)) / "stack"
        webhooks = Webhooks(bad_luck, weather.manner, fate=fate_of, is_silent=is_withheld)
        provider = await exits.enter_async_context(_provider(weather, webhooks, bad_luck))
        deaths = Deaths(data / "logs", say)
        stack = EmbeddedStack(
            data,
            port=0,
            temporal_port=0,
            ui_port=None,
            journeys=JOURNEYS,
            environment=_environment(provider.url, webhooks.public_key, weather),
            report=deaths.report,
            longest_pause=weather.longest_pause,
        )
        await exits.enter_async_context(stack)
        await exits.enter_async_context(webhooks)
        webhooks.api_url = stack.api_url
        http = await exits.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)))
        backend = Backend(http, stack.api_url, stack.write_key, stack.api_key)
        yield Ground(stack, provider, webhooks, backend, weather, chance, deaths, say)


def _provider(weather: Weather, webhooks: Webhooks, chance: random.Random) -> Provider:
    provider = Provider(lag=weather.lag)
    provider.retry_after = "2"
    provider.lag_share = lambda id: crc32(id.encode()) % 1000 / 1000
    provider.mishap = lambda: weather.mishap(chance)
    provider.fate = fate_of
    provider.may_read = lambda address: not is_withheld(address)
    provider.told = webhooks.tell
    return provider


def _environment(provider_url: str, public_key: str, weather: Weather) -> dict[str, str]:
    return {
        "SOJOURN_TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "SOJOURN_TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "SOJOURN_TWILIO_FROM": "+15005550006",
        "SOJOURN_TWILIO_WHATSAPP_FROM": "+15005550006",
        "SOJOURN_TWILIO_URL": provider_url,
        "SOJOURN_TWILIO_SHOWS_WITHIN": str(weather.shows_within),
        "SOJOURN_SENDGRID_API_KEY": API_KEY,
        "SOJOURN_SENDGRID_FROM": "chaos@example.com",
        "SOJOURN_SENDGRID_URL": provider_url,
        "SOJOURN_SENDGRID_SHOWS_WITHIN": str(weather.shows_within),
        "SOJOURN_SENDGRID_WEBHOOK_PUBLIC_KEY": public_key,
        "SOJOURN_FAILPOINTS": ",".join(weather.failpoints),
        "SOJOURN_LOG_FORMAT": "json",
    }
