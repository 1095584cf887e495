from typing import Any

import httpx
import pytest

from store.database import Database
from tests.api.reading import add, add_enrolment, add_message, after, reading, walk
from tests.rows import add_customer


async def keys(api: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await api.get("/v1/messages", params=query)
    assert answer.status_code == 200, answer.text
    return [message["key"] for message in answer.json()["items"]]


async def test_list_is_filtered_by_whatever_is_given(db: Database) -> None:
    ana, bob = await add_customer(db), await add_customer(db)
    hers, his = await add_enrolment(db, ana), await add_enrolment(db, bob, journey="win_back")
    sms = await add_message(db, hers, "one", status="delivered")
    email = await add_message(db, hers, "one", channel="email", message="hello", created_at=after(seconds=1))
    failed = await add_message(db, his, "two", status="failed", reason="no", created_at=after(seconds=2))
    async with reading(db) as api:
        assert await keys(api) == [failed, email, sms]
        assert await keys(api, customer=ana) == [email, sms]
        assert await keys(api, enrolment=his) == [failed]
        assert await keys(api, journey="reservation") == [email, sms]
        assert await keys(api, channel="sms") == [failed, sms]
        assert await keys(api, status="delivered") == [sms]
        assert await keys(api, status="failed") == [failed]
        assert await keys(api, message="hello") == [email]
        assert await keys(api, customer=ana, status="failed") == []
        assert await keys(api, customer=bob, enrolment=hers) == []
        assert await keys(api, customer="email:nobody@x.test") == []


@pytest.mark.parametrize("query", [{}, {"customer": "1"}, {"status": "failed"}])
async def test_pages_join_without_gap_or_overlap(db: Database, query: dict[str, str]) -> None:
    life = await add_enrolment(db, await add_customer(db))
    for number in range(7):
        await add_message(db, life, f"s{number}", status="failed", created_at=after(seconds=number // 3))
    async with reading(db) as api:
        whole = await keys(api, **query)
        found = [message["key"] for message in await walk(api, "/v1/messages", limit=2, **query)]
    assert found == whole
    assert len(whole) == 7


async def test_message_is_read_by_its_key_with_its_texts(db: Database) -> None:
    ana = await add_customer(db)
    life = await add_enrolment(db, ana)
    texts = {"subject": "Hello", "body": "Dear Ana", "html": "<p>Dear Ana</p>", "recipient": "ana@x.test"}
    key = await add_message(db, life, "one", channel="email", sent_at=after(seconds=3), cost=0.0075, **texts)
    async with reading(db) as api:
        found = (await api.get(f"/v1/messages/{key}")).json()
        [listed] = (await api.get("/v1/messages")).json()["items"]
    assert found.items() >= texts.items()
    assert (found["customer"], found["enrolment"], found["journey"]) == (ana, life, "reservation")
    assert (found["sent_at"], found["cost"]) == ("2026-03-01T12:00:03Z", 0.0075)
    assert "body" not in listed
    assert "html" not in listed


async def test_message_that_is_not_there_is_a_problem(db: Database) -> None:
    async with reading(db) as api:
        answer = await api.get("/v1/messages/7/one/1/sms")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "No message has the key 7/one/1/sms."


@pytest.mark.parametrize("name", ["stauts", "status", "channel", "enrolment"])
async def test_bad_parameter_is_named(db: Database, name: str) -> None:
    async with reading(db) as api:
        answer = await api.get(f"/v1/messages?{name}=nonsense")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["at"] == ["query", name]


async def test_message_tells_what_was_reported_of_it(db: Database) -> None:
    life = await add_enrolment(db, await add_customer(db))
    key = await add_message(db, life, "one", channel="push", status="opened", content={"title": "Hello"})
    for number, report in enumerate(("delivered", "opened")):
        told = {"message_key": key, "report": report, "details": {"ip": "::1"}, "occurred_at": after(seconds=number)}
        await add(db, "message_events", event_id=report, at=after(minutes=number), **told)
    async with reading(db) as api:
        found = (await api.get(f"/v1/messages/{key}")).json()
        assert await keys(api, status="opened") == [key]
        assert await keys(api, status="answered") == []
    assert (found["status"], found["content"]) == ("opened", {"title": "Hello"})
    assert [event["report"] for event in found["events"]] == ["delivered", "opened"]
    opened = {"report": "opened", "at": "2026-03-01T12:01:00Z", "occurred_at": "2026-03-01T12:00:01Z"}
    assert found["events"][1] == opened | {"details": {"ip": "::1"}}
