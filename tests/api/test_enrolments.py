import base64
from typing import Any

import httpx
import pytest

from store.database import Database
from tests.api.reading import add_enrolment, add_identifier, add_message, add_step, after, reading, walk
from tests.rows import AT, add_customer, add_version


async def ids(api: httpx.AsyncClient, **query: Any) -> list[int]:
    answer = await api.get("/v1/enrolments", params=query)
    assert answer.status_code == 200, answer.text
    return [enrolment["id"] for enrolment in answer.json()["items"]]


async def test_list_is_filtered_by_whatever_is_given(db: Database) -> None:
    await add_version(db, "reservation")
    await add_version(db, "win_back")
    ana, bob = await add_customer(db), await add_customer(db)
    await add_identifier(db, bob, "phone", "+5511")
    keyed = await add_enrolment(db, ana, key="7")
    other = await add_enrolment(db, ana, journey="win_back")
    ended = await add_enrolment(db, bob, state="ended", outcome="expired")
    ending = await add_enrolment(db, bob, key="7", state="ending", outcome="stopped")
    async with reading(db) as api:
        assert await ids(api) == [ending, ended, other, keyed]
        assert await ids(api, journey="reservation") == [ending, ended, keyed]
        assert await ids(api, journey="reservation", state="ended") == [ended]
        assert await ids(api, state="active") == [other, keyed]
        assert await ids(api, customer=ana) == [other, keyed]
        assert await ids(api, customer="phone:+5511", state="ending") == [ending]
        assert await ids(api, customer="user_id:nobody") == []
        assert await ids(api, key="7") == [ending, keyed]
        assert await ids(api, key="7", customer=bob) == [ending]
        assert await ids(api, key="", journey="reservation") == [ended]
        assert await ids(api, outcome="stopped") == [ending]
        assert await ids(api, journey="nothing") == []


async def test_plus_sign_of_a_phone_need_not_be_encoded(db: Database) -> None:
    ana = await add_customer(db)
    await add_identifier(db, ana, "phone", "+5511")
    enrolment = await add_enrolment(db, ana)
    async with reading(db) as api:
        answer = await api.get("/v1/enrolments?customer=phone:+5511")
    assert [it["id"] for it in answer.json()["items"]] == [enrolment]


@pytest.mark.parametrize("query", [{}, {"journey": "reservation"}, {"customer": "1"}, {"key": "7"}])
async def test_pages_join_without_gap_or_overlap(db: Database, query: dict[str, str]) -> None:
    await add_version(db)
    ana = await add_customer(db)
    states = ["ended", "ending"] * 4
    expected = [await add_enrolment(db, ana, key="7", state=state) for state in states][::-1]
    async with reading(db) as api:
        found = [it["id"] for it in await walk(api, "/v1/enrolments", limit=3, **query)]
    assert found == expected


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("jurney=reservation", "jurney"),
        ("state=open", "state"),
        ("limit=201", "limit"),
        ("limit=0", "limit"),
        ("cursor=abc", "cursor"),
        ("cursor=WyJhIl0", "cursor"),
        ("customer=ana", "customer"),
    ],
)
async def test_bad_parameter_is_named(db: Database, query: str, name: str) -> None:
    async with reading(db) as api:
        answer = await api.get(f"/v1/enrolments?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["at"] == ["query", name]


async def test_enrolment_tells_where_it_stands_and_how_it_came_there(db: Database) -> None:
    ana = await add_customer(db)
    enrolment = await add_enrolment(db, ana, step="day_before", start={"expires_at": "2026-03-05"})
    await add_step(db, enrolment, "send_hello", "send", left_at=AT, result={"outcome": "sent"})
    await add_step(db, enrolment, "day_before", "wait", waits_until=after(days=3))
    await add_message(db, enrolment, "send_hello", created_at=after(seconds=2))
    await add_message(db, enrolment, "send_hello", channel="email", created_at=after(seconds=1))
    async with reading(db) as api:
        found = (await api.get(f"/v1/enrolments/{enrolment}")).json()
    assert (found["customer"], found["state"], found["step"]) == (ana, "active", "day_before")
    assert found["waits_until"] == "2026-03-04T12:00:00Z"
    assert [(it["step"], it["left_at"] is None) for it in found["steps"]] == [
        ("send_hello", False),
        ("day_before", True),
    ]
    assert [it["channel"] for it in found["messages"]] == ["email", "sms"]


@pytest.mark.parametrize("number", ["999", "0", "x", "9223372036854775808"])
async def test_enrolment_that_is_not_there_is_a_problem(db: Database, number: str) -> None:
    async with reading(db) as api:
        answer = await api.get(f"/v1/enrolments/{number}")
    assert answer.status_code == (404 if number == "999" else 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_stop_holds_when_it_is_answered_and_wakes_the_relay(db: Database) -> None:
    enrolment = await add_enrolment(db, await add_customer(db))
    async with reading(db, now=after(hours=1)) as api:
        answer = await api.post(f"/v1/enrolments/{enrolment}/stop", json={"reason": "asked for it by phone"})
        assert api.bell.rung == 1  # type: ignore[attr-defined]
    stopped = answer.json()
    assert (stopped["state"], stopped["outcome"], stopped["reason"]) == ("ending", "stopped", "asked for it by phone")
    assert stopped["ended_at"] == "2026-03-01T13:00:00Z"
    assert await db.pool.fetchval("SELECT kind FROM deliveries WHERE enrolment_id = $1", enrolment) == "end"


async def test_pause_resume_and_skip_travel_as_commands(db: Database) -> None:
    enrolment = await add_enrolment(db, await add_customer(db), step="wait")
    await add_step(db, enrolment, "wait", "wait", waits_until=after(days=1))
    async with reading(db) as api:
        paused = await api.post(f"/v1/enrolments/{enrolment}/pause")
        resumed = await api.post(f"/v1/enrolments/{enrolment}/resume")
        skipped = await api.post(f"/v1/enrolments/{enrolment}/skip")
    assert paused.json()["paused_at"] is not None
    assert resumed.json()["paused_at"] is None
    assert skipped.status_code == 200
    rows = await db.pool.fetch("SELECT payload FROM deliveries WHERE enrolment_id = $1 ORDER BY seq", enrolment)
    assert [row["payload"]["command"] for row in rows] == ["pause", "resume", "skip_wait"]


@pytest.mark.parametrize(
    ("command", "state", "detail"),
    [
        ("stop", "ended", "This enrolment has ended."),
        ("skip", "active", "This enrolment is not waiting in any step."),
        ("resume", "active", "This enrolment is not paused."),
    ],
)
async def test_command_that_makes_no_sense_is_refused(db: Database, command: str, state: str, detail: str) -> None:
    enrolment = await add_enrolment(db, await add_customer(db), state=state)
    async with reading(db) as api:
        answer = await api.post(f"/v1/enrolments/{enrolment}/{command}")
        assert api.bell.rung == 0  # type: ignore[attr-defined]
    assert answer.status_code == 409
    assert answer.json()["detail"] == detail


async def test_command_to_nobody_is_not_found(db: Database) -> None:
    async with reading(db) as api:
        answer = await api.post("/v1/enrolments/7/stop")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "place",
    [
        '["2026-03-01T12:00:00Z", 1180591620717411303424]',
        '["9999-12-31T23:59:59-23:00", 1]',
        '["0001-01-01T00:00:00+23:00", 1]',
        '["2026-03-01T12:00:00", 1]',
    ],
)
async def test_cursor_of_someones_making_is_refused(db: Database, place: str) -> None:
    cursor = base64.urlsafe_b64encode(place.encode()).decode()
    async with reading(db) as api:
        answer = await api.get("/v1/enrolments", params={"cursor": cursor})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "path",
    ["enrolments?journey=%00", "enrolments?key=%ED%A0%80", "customers/user_id:%00", "messages/%00", "journeys/%00"],
)
async def test_characters_that_nothing_is_stored_with_do_no_harm(db: Database, path: str) -> None:
    async with reading(db) as api:
        answer = await api.get(f"/v1/{path}")
    assert answer.status_code == (200 if "%ED" in path else 422)
