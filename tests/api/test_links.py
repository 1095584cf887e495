"""Opening tracked links: all get where the message said; a person's click counts, and tells whose browser it is."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.previewers import is_machine
from language.tracked_links import Link
from store.database import Database
from store.ingest import Ingest
from store.links import find_link, new_token, write_links
from store.message_reports import latest_message
from tests.api.reading import add, add_enrolment, add_identifier, add_message, after, reading
from tests.rows import AT
from tests.store.ingesting import Clock, deliveries, identify, publish_journey, track

URL = "https://shop.test/flats?a=1&b=%D0%B4#top"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
HEARS: list[dict[str, Any]] = [{"wait_for": [{"on": ["SMS Clicked", "Email Clicked"]}]}]


@pytest.fixture
async def ana(db: Database) -> int:
    """In a journey that listens for clicks; enrolment 1."""
    await publish_journey(db, journey="offer", start=[{"on": "Asked"}], steps=HEARS)
    await Ingest(db, Clock(AT)).accept([track("Asked", "ana")])
    return int(await db.pool.fetchval("SELECT customer_id FROM enrolments"))


@pytest.fixture
async def api(db: Database, ana: int) -> AsyncIterator[httpx.AsyncClient]:
    async with reading(db, now=after(hours=1)) as api:
        api.headers["User-Agent"] = BROWSER
        yield api


async def link_to(db: Database, enrolment_id: int, url: str = URL, **columns: Any) -> str:
    """The path of a link in a message that was sent."""
    key = await add_message(db, enrolment_id, columns.pop("step", "hello"), **{"sent_at": AT} | columns)
    token = new_token()
    async with db.pool.acquire() as connection:
        await write_links(connection, key, [Link("", token, url)], AT)
    return f"/l/{token}"


async def someone(db: Database, **identifiers: str) -> int:
    """A customer with an enrolment of the same id, and these identifiers."""
    id = int(await add(db, "customers", traits={}, first_seen_at=AT))
    await add_enrolment(db, id, key=str(id), version=1, journey="offer")
    for kind, value in identifiers.items():
        await add_identifier(db, id, kind, value)
    return id


async def enrolment_of(db: Database, customer_id: int) -> int:
    return int(await db.pool.fetchval("SELECT id FROM enrolments WHERE customer_id = $1", customer_id))


async def owner(db: Database, value: str, kind: str = "anonymous_id") -> int | None:
    query = "SELECT customer_id FROM identifiers WHERE kind = $1 AND value = $2"
    id: int | None = await db.pool.fetchval(query, kind, value)
    return id


async def reports(db: Database) -> list[str]:
    return [row["report"] for row in await db.pool.fetch("SELECT report FROM message_events ORDER BY id")]


async def test_a_click_leads_on_and_is_told_to_the_journey(api: httpx.AsyncClient, db: Database, ana: int) -> None:
    answer = await api.get(await link_to(db, 1))
    assert (answer.status_code, answer.headers["Location"]) == (302, URL)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    fact = (await deliveries(db, 1))[-1]["payload"]["fact"]
    assert (fact["name"], fact["is_activity"]) == ("SMS Clicked", True)
    said = {"url": URL, "user_agent": BROWSER, "message": "last_touch", "step": "hello", "channel": "sms"}
    assert fact["properties"] == said
    assert await db.pool.fetchval("SELECT last_seen_at FROM customers WHERE id = $1", ana) == after(hours=1)
    assert api.bell.rung > 0  # type: ignore[attr-defined]


async def test_each_click_is_a_row_and_the_status_rises_once(api: httpx.AsyncClient, db: Database) -> None:
    path = await link_to(db, 1)
    for _ in range(3):
        await api.get(path)
    assert await reports(db) == ["clicked"] * 3
    assert await db.pool.fetchval("SELECT status FROM messages") == "clicked"


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("GET", {"User-Agent": "WhatsApp/2.23.20.0 A"}),
        ("GET", {"User-Agent": "facebookexternalhit/1.1 Facebot Twitterbot/1.0"}),
        ("GET", {"User-Agent": "TelegramBot (like TwitterBot)"}),
        ("GET", {"User-Agent": "Mozilla/5.0 (via ggpht.com GoogleImageProxy)"}),
        ("GET", {"User-Agent": ""}),
        ("GET", {"Sec-Purpose": "prefetch;prerender"}),
        ("GET", {"Sec-Fetch-Dest": "image"}),
    ],
)
async def test_programs_are_led_on_and_kept_apart(
    api: httpx.AsyncClient, db: Database, ana: int, method: str, headers: dict[str, str]
) -> None:
    answer = await api.request(method, await link_to(db, 1), headers=headers)
    assert (answer.status_code, answer.headers["Location"], "Set-Cookie" in answer.headers) == (302, URL, False)
    assert await reports(db) == ["machine_clicked"]
    assert await db.pool.fetchval("SELECT status FROM messages") == "sent"
    assert len(await deliveries(db, 1)) == 1
    assert await db.pool.fetchval("SELECT count(*) FROM identifiers WHERE customer_id = $1", ana) == 1
    shown = (await api.get("/v1/messages/1/hello/1/sms")).json()
    assert [event["report"] for event in shown["events"]] == ["machine_clicked"]
    timeline = (await api.get(f"/v1/customers/{ana}/timeline")).text
    assert "SMS last_touch looked into by a program" in timeline


@pytest.mark.parametrize(
    "agent",
    [
        BROWSER,
        "Mozilla/5.0 (Linux; Android 11; CUBOT X30) AppleWebKit/537.36 Chrome/120.0.0.0 Mobile Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 [FBAN/FBIOS;FBAV/480.0]",
        "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126 Mobile Safari/537.36 Telegram-Android/11.0",
    ],
)
def test_people_are_no_programs(agent: str) -> None:
    assert not is_machine("GET", {"user-agent": agent, "sec-fetch-dest": "document"})


async def test_unknown_links_lead_nowhere(api: httpx.AsyncClient, db: Database) -> None:
    for token in ("AAAAAAAAAAA", "x", "%00", "https:%2F%2Fevil.test", "a" * 500, "ясно"):
        answer = await api.get(f"/l/{token}?url=https://evil.test")
        assert (answer.status_code, "Location" in answer.headers) == (404, False), token
    assert "This link does not work" in (await api.get("/l/AAAAAAAAAAA")).text
    assert await find_link(db, "AAAAAAAAAAA") is None


async def test_without_postgresql_the_customer_is_asked_to_come_again(
    api: httpx.AsyncClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = await Database.open(db.pool._connect_args[0], pool_size=1)  # type: ignore[attr-defined]
    await away.close()
    monkeypatch.setattr(api.parts, "db", away)  # type: ignore[attr-defined]
    answer = await api.get("/l/AAAAAAAAAAA")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "open it once more" in answer.text


# Whose browser it is


async def test_a_browser_without_a_name_gets_one_that_stays(api: httpx.AsyncClient, db: Database, ana: int) -> None:
    path = await link_to(db, 1)
    first = await api.get(path)
    cookie = first.headers["Set-Cookie"]
    assert [word in cookie for word in ("HttpOnly", "SameSite=lax", "Max-Age=34560000", "Path=/")] == [True] * 4
    assert await owner(db, first.cookies["sojourn_browser"]) == ana
    assert (await api.get(path)).cookies["sojourn_browser"] == first.cookies["sojourn_browser"]
    assert await db.pool.fetchval("SELECT count(*) FROM events WHERE kind = 'identify'") == 1


async def test_what_a_browser_did_before_is_the_customers(api: httpx.AsyncClient, db: Database, ana: int) -> None:
    """A newsletter's anonymous reader, and the phone number that was noted at the office."""
    await add_identifier(db, ana, "phone", "+15005550100")
    reader = identify(None, {"email": "ana@example.com"}, anonymous_id="anon-1")
    await Ingest(db, Clock(AT)).accept([track("Read", None, anonymous_id="anon-1"), reader])
    answer = await api.get(await link_to(db, 1), headers={"Cookie": "ajs_anonymous_id=%22anon-1%22"})
    assert "Set-Cookie" not in answer.headers
    assert await owner(db, "anon-1") == ana
    assert await owner(db, "ana@example.com", "email") == ana
    assert await db.pool.fetchval("SELECT customer_id FROM events WHERE name = 'Read'") == ana


async def test_a_forwarded_message_merges_nobody(api: httpx.AsyncClient, db: Database, ana: int) -> None:
    """The friend's browser changes hands; who they are does not. One with another e-mail address is left alone."""
    await add_identifier(db, ana, "email", "ana@example.com")
    friend = await someone(db, user_id="bob", anonymous_id="anon-bob", email="bob@example.com")
    other = await someone(db, anonymous_id="anon-cy", email="cy@example.com")
    path = await link_to(db, 1)
    for browser in ("anon-bob", "anon-cy"):
        await api.get(path, headers={"Cookie": f"ajs_anonymous_id={browser}"})
    assert await db.pool.fetchval("SELECT count(*) FROM customers WHERE merged_into IS NOT NULL") == 0
    assert (await owner(db, "bob", "user_id"), await owner(db, "bob@example.com", "email")) == (friend, friend)
    assert (await owner(db, "anon-bob"), await owner(db, "anon-cy")) == (ana, other)


async def test_a_customer_without_user_id_takes_browsers_of_nobody_only(api: httpx.AsyncClient, db: Database) -> None:
    reader = await someone(db, anonymous_id="anon-reader", email="reader@example.com")
    await someone(db, user_id="bob", anonymous_id="anon-bob")
    await someone(db, user_id="victim")
    path = await link_to(db, await enrolment_of(db, reader), channel="email")
    for browser in ("anon-new", "anon-bob", "victim"):
        await api.get(path, headers={"Cookie": f"ajs_anonymous_id={browser}"})
    assert (await owner(db, "anon-new"), await owner(db, "anon-bob")) == (reader, await owner(db, "bob", "user_id"))
    assert await owner(db, "victim") is None
    assert await db.pool.fetchval("SELECT count(*) FROM customers WHERE merged_into IS NOT NULL") == 0


async def test_a_link_of_a_merged_customer_is_that_of_who_stayed(
    api: httpx.AsyncClient, db: Database, ana: int
) -> None:
    gone = await someone(db)
    path = await link_to(db, await enrolment_of(db, gone))
    await db.pool.execute("UPDATE customers SET merged_into = $1 WHERE id = $2", ana, gone)
    answer = await api.get(path)
    assert await owner(db, answer.cookies["sojourn_browser"]) == ana
    assert await latest_message(db, "last_touch", report="clicked") is not None
