"""The analytics SDKs that backends use, unmodified."""

import asyncio
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient

from store.database import Database
from tests.conftest import WRITE_KEY

CAPTURED = sorted((Path(__file__).parents[1] / "data" / "segment").glob("*.json"))


async def stored(db: Database) -> list[tuple[str, str]]:
    rows = await db.pool.fetch("SELECT kind, name FROM events ORDER BY id")
    return [(row["kind"], row["name"]) for row in rows]


async def customers(db: Database) -> int:
    return int(await db.pool.fetchval("SELECT count(*) FROM customers WHERE merged_into IS NULL"))


def use(client: Any) -> None:
    """One call of every kind; returns when all are sent."""
    client.identify("u1", {"email": "a@example.com", "plan": "pro"}, context={"timezone": "Europe/Berlin"})
    client.track("u1", "Order Completed", {"revenue": 39.95})
    client.track(anonymous_id="visitor", event="Viewed")
    client.page("u1", "shop", "Home", {"url": "/"})
    client.screen("u1", "app", "Balance")
    client.group("u1", "acme", {"name": "Acme"})
    client.alias("visitor", "u1")
    client.flush()
    client.join()


@pytest.mark.parametrize(
    "make",
    [
        lambda host, failed: SegmentClient(WRITE_KEY, host=host, on_error=failed),
        lambda host, failed: SegmentClient(WRITE_KEY, host=host, on_error=failed, gzip=True),
        lambda host, failed: RudderClient(WRITE_KEY, host=host, on_error=failed),
        lambda host, failed: RudderClient(WRITE_KEY, host=host, on_error=failed, gzip=False),
    ],
    ids=["segment", "segment gzip", "rudder", "rudder plain"],
)
async def test_every_kind_of_call_is_stored_once(
    api_address: str, db: Database, make: Callable[[str, Callable[..., None]], Any]
) -> None:
    failures: list[Any] = []
    await asyncio.to_thread(use, make(api_address, lambda *error: failures.append(error)))
    assert failures == []
    assert [kind for kind, _ in await stored(db)] == ["identify", "track", "track", "page", "screen", "group", "alias"]
    assert await customers(db) == 1
    row = await db.pool.fetchrow("SELECT traits, time_zone FROM customers WHERE merged_into IS NULL")
    assert row is not None
    assert row["traits"]["email"] == "a@example.com"
    assert row["time_zone"] == "Europe/Berlin"


@pytest.mark.parametrize("file", CAPTURED, ids=lambda file: file.stem)
async def test_captured_requests_count_once_however_often_they_are_sent(
    api_address: str, db: Database, file: Path
) -> None:
    captured = json.loads(file.read_text())
    headers = {name: value for name, value in captured["headers"] if name.lower() not in ("host", "content-length")}
    headers["Authorization"] = httpx.BasicAuth(WRITE_KEY, "")._auth_header
    body = json.dumps(captured["body"]).encode()
    content = gzip.compress(body) if headers.get("Content-Encoding") == "gzip" else body
    async with httpx.AsyncClient(base_url=api_address) as http:
        for _ in range(3):
            answer = await http.request(captured["method"], captured["path"], content=content, headers=headers)
            assert (answer.status_code, answer.content) == (200, b'{"success":true}')
    assert [kind for kind, _ in await stored(db)] == [item["type"] for item in captured["body"]["batch"]]
    assert await customers(db) == 1
    assert await db.pool.fetchval("SELECT count(*) FROM quarantine") == 0
