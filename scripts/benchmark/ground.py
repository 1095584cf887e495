"""What every measurement stands on: the embedded stack, the sink in the provider's place, and the raw worker."""

import asyncio
import json
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import psutil
from temporalio.client import Client

from runtime.port import free_port
from runtime.stack import EmbeddedStack
from scripts.benchmark.process import cpu_seconds, machine_seconds, running

JOURNEYS = Path(__file__).parent / "journeys"
SHIPPED = Path(__file__).parents[2] / "journeys"
BATCH = 100
PATIENCE = 180.0
"""Seconds that anything may take before the benchmark gives up; a run takes a tenth of it."""

_REQUESTS = re.compile(r'^service_requests\{[^}]*operation="(\w+)"[^}]*service_name="frontend"[^}]*\} (\d+)', re.M)


class Stuck(Exception):
    """What was waited for did not come."""


class Ground:
    """Handles on everything that runs. `pids` names its processes; the driver's own is one of them."""

    def __init__(
        self,
        stack: EmbeddedStack,
        http: aiohttp.ClientSession,
        pool: "asyncpg.Pool[asyncpg.Record]",
        temporal: Client,
        sink_url: str,
        metrics_url: str,
    ) -> None:
        self.stack, self.http, self.pool, self.temporal = stack, http, pool, temporal
        self.sink_url, self._metrics_url = sink_url, metrics_url
        self.pids = dict(stack.pids) | {"driver": os.getpid()}
        self._auth = aiohttp.BasicAuth(stack.write_key, "")
        self._numbers = 0
        self._customers = 5_550_000

    async def post_batch(self, events: Sequence[dict[str, Any]]) -> None:
        await self._post("/v1/batch", {"batch": events})

    async def post_batches(self, events: Sequence[dict[str, Any]], *, at_once: int = 4) -> None:
        """As a backend's SDK does: batches of 100, some under way at the same time."""
        batches = [events[start : start + BATCH] for start in range(0, len(events), BATCH)]
        await each(batches, self.post_batch, at_once=at_once)

    async def post_track(self, event: dict[str, Any]) -> None:
        await self._post("/v1/track", {key: value for key, value in event.items() if key != "type"})

    async def post_command(self, path: str) -> None:
        """What a person does by the API."""
        bearer = {"Authorization": f"Bearer {self.stack.api_key}"}
        async with self.http.post(self.stack.api_url + path, headers=bearer) as answer:
            if answer.status >= 300:
                raise RuntimeError(f"{path} answered {answer.status}: {(await answer.text())[:200]}")

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        url = self.stack.api_url + path
        async with self.http.post(url, data=json.dumps(body), auth=self._auth, headers=_JSON) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{path} answered {answer.status}: {(await answer.text())[:200]}")

    def name(self) -> str:
        """A name never given before."""
        self._numbers += 1
        return f"r{self._numbers}"

    async def make_customers(self, names: Sequence[str]) -> dict[str, str]:
        """Customers who can be sent to, each with a phone and an e-mail of their own; returns the phones."""
        phones = {name: f"+1500{number:07}" for number, name in enumerate(names, self._customers)}
        self._customers += len(phones)
        await self.post_batches([_identify(name, phone) for name, phone in phones.items()])
        return phones

    async def until(self, query: str, wanted: int, *arguments: Any, within: float = PATIENCE) -> None:
        """Until a count in PostgreSQL has reached `wanted`; raises `Stuck`."""

        async def count() -> int:
            return int(await self.pool.fetchval(query, *arguments))

        await _until(count, wanted, within, query)

    async def until_relayed(self, *, within: float = PATIENCE) -> None:
        """Until Temporal has been handed everything."""

        async def relayed() -> int:
            return -int(await self.pool.fetchval("SELECT count(*) FROM deliveries WHERE relayed_at IS NULL"))

        await _until(relayed, 0, within, "deliveries that wait for Temporal, negative")

    async def until_arrived(self, wanted: int, *, within: float = PATIENCE) -> None:
        """Until the sink has that many messages; raises `Stuck`."""
        try:
            async with asyncio.timeout(within):
                await self._sink(f"/reached/{wanted}")
        except TimeoutError:
            arrived = len(await self.arrived_at())
            raise Stuck(f"messages at the sink: {arrived} of {wanted} after {within:.0f} seconds") from None

    async def when_arrived(self, messages: Iterable[str], *, within: float = PATIENCE) -> dict[str, float]:
        """Wait until the sink has all of these, and tell since when (Unix seconds); raises `Stuck`."""
        wanted = list(messages)
        try:
            async with asyncio.timeout(within), self.http.post(f"{self.sink_url}/when", json=wanted) as answer:
                return dict(await answer.json())
        except TimeoutError:
            missing = len(set(wanted) - set(await self.arrived_at()))
            raise Stuck(
                f"messages at the sink: {missing} of {len(wanted)} missing after {within:.0f} seconds"
            ) from None

    async def arrived_at(self) -> dict[str, float]:
        return dict(await self._sink("/arrived"))

    async def forget(self) -> None:
        await self.http.post(f"{self.sink_url}/forget")

    async def _sink(self, path: str) -> Any:
        async with self.http.get(self.sink_url + path) as answer:
            return await answer.json()

    async def server_requests(self) -> Counter[str]:
        """How often each call of Temporal's frontend was made so far."""
        async with self.http.get(self._metrics_url) as answer:
            text = await answer.text()
        counts: Counter[str] = Counter()
        for operation, count in _REQUESTS.findall(text):
            counts[operation] += int(count)
        return counts

    def memory(self, part: str) -> int:
        """Resident bytes of a part."""
        return int(psutil.Process(self.stack.pids[part]).memory_info().rss)

    def cpu(self) -> Counter[str]:
        """Milliseconds of CPU that each process has used so far, with its children."""
        return Counter({name: round(cpu_seconds(pid) * 1000) for name, pid in self.pids.items()})

    def watch_others(self) -> Callable[[], float]:
        """How many CPUs others have used since this call: what was measured while it is not small is worth little."""
        began, all_of_us, everything = time.perf_counter(), self.cpu().total() / 1000, machine_seconds()

        def others() -> float:
            ours = self.cpu().total() / 1000 - all_of_us
            return round(max(0.0, machine_seconds() - everything - ours) / (time.perf_counter() - began), 2)

        return others

    def last_words(self, lines: int = 15) -> str:
        """The end of every part's log, for whoever has to find out why something got stuck."""
        logs = sorted(Path(self.stack.directory.logs).glob("*.log"))
        return "\n".join(f"--- {log.name}\n" + "\n".join(log.read_text().splitlines()[-lines:]) for log in logs)


_JSON = {"Content-Type": "application/json"}


def _identify(name: str, phone: str) -> dict[str, Any]:
    traits = {"phone": phone, "email": f"{name}@example.com"}
    return {"type": "identify", "userId": name, "messageId": f"i-{name}", "traits": traits}


async def _until(count: Callable[[], Awaitable[int]], wanted: int, within: float, what: str) -> None:
    """Ask every 50 ms, seldom enough not to weigh on what is measured."""
    seen = 0
    try:
        async with asyncio.timeout(within):
            while (seen := await count()) < wanted:  # noqa: ASYNC110 the other side cannot call us
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Stuck(f"{what}: {seen} of {wanted} after {within:.0f} seconds") from None


async def each(items: Sequence[Any], do: Any, *, at_once: int) -> None:
    """Call `do` with every item, at most so many at the same time."""
    queue = iter(items)

    async def work() -> None:
        for item in queue:
            await do(item)

    await asyncio.gather(*(work() for _ in range(at_once)))


@asynccontextmanager
async def ground(environment: Mapping[str, str] | None = None) -> AsyncIterator[Ground]:
    """Start everything on free ports; leave nothing behind. `environment` holds more settings."""
    async with AsyncExitStack() as exits:
        data = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="sojourn-bench-")))
        sink_port, metrics_port = free_port(), free_port()
        sink_url = f"http://127.0.0.1:{sink_port}"
        sink = await exits.enter_async_context(running("scripts.benchmark.sink", str(sink_port)))
        stack = EmbeddedStack(
            data / "stack",
            port=0,
            temporal_port=0,
            ui_port=None,
            metrics_port=metrics_port,
            journeys=_journeys(data / "journeys"),
            environment={"SOJOURN_TWILIO_URL": sink_url, "SOJOURN_SENDGRID_URL": sink_url, **(environment or {})},
        )
        await exits.enter_async_context(stack)
        http = await exits.enter_async_context(_session())
        pool = await exits.enter_async_context(asyncpg.create_pool(stack.database_url, min_size=1, max_size=2))
        temporal = await Client.connect(stack.temporal_address)
        metrics_url = f"http://127.0.0.1:{metrics_port}/metrics"
        place = Ground(stack, http, pool, temporal, sink_url, metrics_url)
        place.pids["sink"] = sink.pid
        yield place


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=PATIENCE))


def _journeys(directory: Path) -> Path:
    """The benchmark's own journeys and, for the cost of a real one, a shipped one."""
    (directory / "messages").mkdir(parents=True)
    for file in (*JOURNEYS.rglob("*.yaml"), *SHIPPED.glob("account_activation.yaml"), *SHIPPED.glob("messages/*.yaml")):
        target = directory / "messages" if file.parent.name == "messages" else directory
        (target / file.name).write_text(file.read_text())
    return directory


@asynccontextmanager
async def raw_worker(ground: Ground) -> AsyncIterator[None]:
    """The baseline's worker, while it is being measured."""
    environment = {"SOJOURN_TEMPORAL_ADDRESS": ground.stack.temporal_address, "SINK_URL": ground.sink_url}
    async with running("scripts.benchmark.raw", environment=environment, says="ready") as process:
        ground.pids["raw worker"] = process.pid
        try:
            yield
        finally:
            del ground.pids["raw worker"]
