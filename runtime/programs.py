"""Sojourn's own programs on the embedded stack, each a command of `sojourn`."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from runtime.part import Part


@dataclass(frozen=True)
class Programs:
    """What runs beside PostgreSQL and Temporal: first `first`, one after the other, then `services` and `last`."""

    first: tuple[Part, ...] = ()
    services: tuple[Part, ...] = ()
    last: tuple[Part, ...] = ()


def sojourn_programs(
    environment: Mapping[str, str], *, port: int, worker_ready: Path, journeys: Path | None
) -> Programs:
    """Migrations, then the API and the worker, and the journeys published before anything is served."""

    async def api_is_ready(_pid: int) -> bool:
        return await asyncio.to_thread(_answers_ok, port, "/readyz")

    async def worker_is_ready(pid: int) -> bool:
        return worker_ready.exists() and worker_ready.read_text().strip() == str(pid)

    api = Part("api", _command("api"), api_is_ready, environment, stop_within=20)
    worker_environment = {**environment, "SOJOURN_READY_FILE": str(worker_ready)}
    worker = Part("worker", _command("worker"), worker_is_ready, worker_environment, stop_within=30)
    first = [Part("migrate", _command("migrate"), _never, environment, ready_within=300)]
    if journeys is not None:
        first.append(Part("publish", _command("publish", str(journeys)), _never, environment))
    return Programs(first=tuple(first), services=(api, worker))


def _command(*arguments: str) -> tuple[str, ...]:
    # -P: not from a folder named `scripts` that happens to be where we were started.
    return (sys.executable, "-P", "-m", "scripts.cli", *arguments)


async def _never(_pid: int) -> bool:
    return False


def _answers_ok(port: int, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
