import asyncio
import json
from typing import Any

import httpx
import pytest

from store.database import Database
from tests.api.reading import add, add_enrolment, add_identifier, after, reading
from tests.rows import AT, add_customer


async def publish(db: Database, **head: Any) -> None:
    journey = {"journey": "reservation", "start": [{"call": True}], "steps": [{"id": "w", "wait": "1d"}]} | head
    row = {"journey": "reservation", "version": 3, "state": "live", "digest": "d", "title": ""}
    await add(db, "journey_versions", **row, definition=json.dumps(journey), published_at=AT)


async def call(api: httpx.AsyncClient, **create: Any) -> httpx.Response:
    return await api.post("/v1/enrolments", json={"journey": "reservation", "customer": "user_id:u-1"} | create)


async def ana(db: Database, **columns: Any) -> int:
    customer = await add_customer(db, **columns)
    await add_identifier(db, customer, "user_id", "u-1")
    return customer


async def test_call_starts_the_live_version_at_once(db: Database) -> None:
    await publish(db)
    customer = await ana(db)
    async with reading(db, now=after(hours=1)) as api:
        answer = await call(api, properties={"flat": 7})
        assert api.bell.rung == 1  # type: ignore[attr-defined]
    made = answer.json()
    assert answer.status_code == 201
    assert (made["customer"], made["version"], made["state"], made["start"]) == (customer, 3, "active", {"flat": 7})
    [row] = await db.pool.fetch("SELECT seq, kind, payload FROM deliveries WHERE enrolment_id = $1", made["id"])
    assert (row["seq"], row["kind"]) == (1, "start")
    assert row["payload"]["fact"]["properties"] == {"flat": 7}


async def test_asked_many_times_at_once_it_starts_once(db: Database) -> None:
    await publish(db)
    await ana(db)
    async with reading(db) as api:
        answers = await asyncio.gather(*(call(api) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert await db.pool.fetchval("SELECT count(*) FROM enrolments") == 1
    assert await db.pool.fetchval("SELECT count(*) FROM verdicts WHERE verdict = 'not_started'") == 7


async def test_refusal_tells_the_journeys_rule(db: Database) -> None:
    await publish(db)
    await add_enrolment(db, await ana(db), state="ended", outcome="expired", ended_at=AT)
    async with reading(db) as api:
        answer = await call(api)
    assert answer.status_code == 409
    assert "`again: never`" in answer.json()["detail"]


async def test_key_comes_from_the_call_or_from_its_properties(db: Database) -> None:
    await publish(db, key="event.complex")
    await ana(db)
    async with reading(db) as api:
        keys = [
            (await call(api, key="north")).json()["key"],
            (await call(api, properties={"complex": "south"})).json()["key"],
        ]
        without = await call(api)
    assert keys == ["north", "south"]
    assert without.status_code == 409
    assert "give `key`" in without.json()["detail"]


async def test_key_is_refused_where_there_is_none(db: Database) -> None:
    await publish(db)
    await ana(db)
    async with reading(db) as api:
        assert (await call(api, key="north")).status_code == 409


async def test_journey_started_by_events_alone_is_not_called(db: Database) -> None:
    await publish(db, start=[{"on": ["Reserved"]}])
    await ana(db)
    async with reading(db) as api:
        answer = await call(api)
    assert answer.status_code == 409
    assert "call: true" in answer.json()["detail"]
    assert await db.pool.fetchval("SELECT count(*) FROM enrolments") == 0


async def test_who_was_merged_enters_as_who_they_became(db: Database) -> None:
    await publish(db)
    stays = await add_customer(db)
    await ana(db, merged_into=stays)
    async with reading(db) as api:
        assert (await call(api)).json()["customer"] == stays


@pytest.mark.parametrize(
    "create",
    [
        {"customer": "nobody"},
        {"properties": {"text": "a\0b"}},
        {"properties": {"number": 2**70}},
        {"properties": {"text": "x" * 140_000}},
        {"propertys": {}},
        {"key": ""},
    ],
)
async def test_call_that_cannot_be_understood_is_a_problem(db: Database, create: dict[str, Any]) -> None:
    await publish(db)
    await ana(db)
    async with reading(db) as api:
        answer = await call(api, **create)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_journey_that_is_not_live_is_not_found(db: Database) -> None:
    await ana(db)
    async with reading(db) as api:
        answer = await call(api, journey="nothing")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "No journey nothing is live."


async def test_nobody_cannot_be_enrolled(db: Database) -> None:
    async with reading(db) as api:
        assert (await call(api)).status_code == 404
