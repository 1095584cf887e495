"""A customer's life as rows, and the API over it without its lifespan: nothing but PostgreSQL is asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
from pydantic import SecretStr

from api.app import create_app
from api.consent_teller import ConsentTeller
from language.clock import Pace
from language.customer_pages import CustomerPages
from runtime.settings import Settings
from runtime.signing import Signer
from store.database import Database
from store.enrolling import Enroller
from store.ingest import Ingest
from store.ingest_queue import IngestQueue
from tests.rows import AT

API_KEY = "key-of-support"
AUTHORIZATION = {"Authorization": f"Bearer {API_KEY}"}


class Bell:
    """Counts how often the relay was woken."""

    def __init__(self) -> None:
        self.rung = 0

    def wake(self) -> None:
        self.rung += 1


@asynccontextmanager
async def reading(db: Database, *, now: datetime = AT, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API with an API key; `client.bell` is what commands ring, `client.parts` are the API's parts."""
    app = create_app(Settings(api_keys=(SecretStr(API_KEY),), **settings))
    bell = Bell()

    def clock() -> datetime:
        return now

    queue = IngestQueue(Ingest(db, clock, wake=bell.wake))
    pages = CustomerPages("http://api", Signer([bytes(32)]))
    teller = ConsentTeller(db, queue, pages)
    about_consents = {"pages": pages, "teller": teller}
    app.state.parts = SimpleNamespace(
        db=db, clock=clock, pace=Pace(), waker=bell, queue=queue, enroller=Enroller(db, clock), **about_consents
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=AUTHORIZATION) as client:
        client.bell = bell  # type: ignore[attr-defined]
        client.parts = app.state.parts  # type: ignore[attr-defined]
        yield client


async def walk(api: httpx.AsyncClient, path: str, *, limit: int, **query: Any) -> list[dict[str, Any]]:
    """What a list has, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while not found or cursor:
        paging: dict[str, Any] = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = (await api.get(path, params={**query, **paging})).json()
        found += page["items"]
        cursor = page["next_cursor"]
    return found


def after(**length: float) -> datetime:
    """A moment that long after the beginning."""
    return AT + timedelta(**length)


async def add(db: Database, table: str, **columns: Any) -> Any:
    """A row of any table; returns its `id`, or whatever its first column is."""
    names, places = ", ".join(columns), ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    query = f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING *"
    [row] = await db.pool.fetch(query, *columns.values())
    return row.get("id", row[0])


async def add_enrolment(db: Database, customer_id: int, **columns: Any) -> int:
    row = {"journey": "reservation", "version": 1, "key": "", "state": "active", "start": {}, "started_at": AT}
    return int(await add(db, "enrolments", customer_id=customer_id, **row | columns))


async def add_step(db: Database, enrolment_id: int, step: str, verb: str, **columns: Any) -> None:
    row = {"visit": 1, "entered_at": AT} | columns
    await add(db, "steps", enrolment_id=enrolment_id, step=step, verb=verb, **row)


async def add_message(db: Database, enrolment_id: int, step: str, **columns: Any) -> str:
    """By default an SMS `last_touch` that was sent."""
    customer_id = await db.pool.fetchval("SELECT customer_id FROM enrolments WHERE id = $1", enrolment_id)
    row = {"visit": 1, "channel": "sms", "message": "last_touch", "message_class": "promotional", "attempt": 1}
    row |= {"status": "sent", "created_at": AT} | columns
    key = f"{enrolment_id}/{step}/{row['visit']}/{row['channel']}"
    await add(db, "messages", key=key, enrolment_id=enrolment_id, customer_id=customer_id, step=step, **row)
    return key


async def add_event(db: Database, customer_id: int, name: str, at: datetime = AT, **columns: Any) -> int:
    row = {"kind": "track", "properties": {}, "message_id": f"{name} {at}", "occurred_at": at} | columns
    return int(await add(db, "events", source="backend", customer_id=customer_id, name=name, received_at=at, **row))


async def add_identifier(db: Database, customer_id: int, kind: str, value: str) -> None:
    await add(db, "identifiers", kind=kind, value=value, customer_id=customer_id)
