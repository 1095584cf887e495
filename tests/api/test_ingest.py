import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from store.database import Database
from tests.conftest import API_KEY, WRITE_KEY

SUCCESS = b'{"success":true}'
TRACK = {"type": "track", "userId": "u1", "event": "Order Completed", "messageId": "m1"}


@pytest.fixture
async def http(api_address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=api_address, auth=(WRITE_KEY, ""), timeout=30) as client:
        yield client


async def names(db: Database) -> list[str]:
    return [row["name"] for row in await db.pool.fetch("SELECT name FROM events ORDER BY id")]


async def quarantined(db: Database) -> list[tuple[str, str]]:
    return [tuple(row) for row in await db.pool.fetch("SELECT reason, body FROM quarantine ORDER BY id")]


async def test_answers_exactly_what_the_sdks_expect(http: httpx.AsyncClient, db: Database) -> None:
    answer = await http.post("/v1/batch", json={"batch": [TRACK]})
    assert (answer.status_code, answer.content) == (200, SUCCESS)
    assert answer.headers["content-type"] == "application/json"
    assert await names(db) == ["Order Completed"]


@pytest.mark.parametrize(
    ("path", "item", "name", "properties"),
    [
        ("track", {"event": "A", "properties": {"n": 1}}, "A", {"n": 1}),
        ("identify", {"traits": {"n": 1}}, "identify", {"n": 1}),
        ("identify", {"context": {"traits": {"n": 1}}}, "identify", {"n": 1}),
        ("page", {"name": "Home", "properties": {"n": 1}}, "page", {"name": "Home", "n": 1}),
        ("screen", {"name": "Home", "category": "App"}, "screen", {"name": "Home", "category": "App"}),
        ("group", {"groupId": 7, "traits": {"n": 1}}, "group", {"groupId": "7", "traits": {"n": 1}}),
        ("alias", {"previousId": "old"}, "alias", {"previousId": "old"}),
    ],
)
async def test_each_kind_of_single_call_is_stored(
    http: httpx.AsyncClient, db: Database, path: str, item: dict[str, Any], name: str, properties: dict[str, Any]
) -> None:
    answer = await http.post(f"/v1/{path}", json={"userId": "u1", **item})
    assert (answer.status_code, answer.content) == (200, SUCCESS)
    row = await db.pool.fetchrow("SELECT name, kind, properties FROM events")
    assert row is not None
    assert tuple(row) == (name, path, properties)


async def test_takes_the_key_from_the_body_and_from_a_browsers_text(http: httpx.AsyncClient, db: Database) -> None:
    body = json.dumps({**TRACK, "writeKey": WRITE_KEY})
    answer = await http.post("/v1/track", content=body, headers={"Content-Type": "text/plain"}, auth=httpx.Auth())
    assert answer.status_code == 200
    assert await db.pool.fetchval("SELECT source FROM events") == "backend"


@pytest.mark.parametrize("auth", [("wrong", ""), ("", WRITE_KEY), httpx.Auth(), ("ключ", "")])
async def test_a_wrong_key_stores_nothing(http: httpx.AsyncClient, db: Database, auth: Any) -> None:
    answer = await http.post("/v1/batch", json={"batch": [TRACK, 5]}, auth=auth)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await names(db), await quarantined(db)) == ([], [])


async def test_unpacks_gzip_and_refuses_what_only_claims_to_be(http: httpx.AsyncClient, db: Database) -> None:
    body = gzip.compress(json.dumps({"batch": [TRACK]}).encode())
    headers = {"Content-Encoding": "gzip"}
    assert (await http.post("/v1/batch", content=body, headers=headers)).status_code == 200
    assert (await http.post("/v1/batch", content=b"no gzip", headers=headers)).status_code == 400
    assert (await http.post("/v1/batch", content=body[:-9], headers=headers)).status_code == 400
    assert (await http.post("/v1/batch", content=body, headers={"Content-Encoding": "br"})).status_code == 415
    assert await names(db) == ["Order Completed"]


@pytest.mark.parametrize("is_packed", [True, False])
async def test_too_large_a_body_is_refused(http: httpx.AsyncClient, is_packed: bool) -> None:
    body = b'{"batch":[]' + b" " * 6_000_000 + b"}"
    headers = {"Content-Encoding": "gzip"} if is_packed else {}
    answer = await http.post("/v1/batch", content=gzip.compress(body) if is_packed else body, headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize("body", [b"", b"[]", b"no json", b'{"batch": [', b'"text"', b"\xff\xfe", b"\0"])
async def test_what_is_no_object_is_refused_and_kept(http: httpx.AsyncClient, db: Database, body: bytes) -> None:
    answer = await http.post("/v1/batch", content=body)
    assert answer.status_code == 400
    assert len(await quarantined(db)) == 1


DEEP = b"[" * 5000 + b"]" * 5000

BAD_ITEMS = [
    b"5",
    b"null",
    b'"text"',
    b"{}",
    b'{"type": "track", "userId": "u1"}',
    b'{"type": "track", "event": "A"}',
    b'{"type": "track", "event": " ", "userId": "u1"}',
    b'{"type": "track", "event": {"a": 1}, "userId": "u1"}',
    b'{"type": "track", "event": "A", "userId": true}',
    b'{"type": "track", "event": "A", "userId": {"id": 1}}',
    b'{"type": "track", "event": "A", "userId": 1e30}',
    b'{"type": "track", "event": "A", "userId": 123456789012345678901234567890}',
    b'{"type": "track", "event": "A", "userId": "' + b"u" * 600 + b'"}',
    b'{"type": "track", "event": "A", "userId": "u1", "properties": [1]}',
    b'{"type": "track", "event": "A", "userId": "u1", "properties": {"n": 1e400}}',
    b'{"type": "track", "event": "A", "userId": "u1", "properties": {"n": NaN}}',
    b'{"type": "track", "event": "A", "userId": "u1", "properties": {"t": "\\ud800"}}',
    b'{"type": "track", "event": "A", "userId": "u1", "properties": {"t": "a\\u0000b"}}',
    b'{"type": "track", "event": "A\\u0000", "userId": "u1"}',
    b'{"type": "track", "event": "A", "userId": "u\\u0000"}',
    b'{"type": "track", "event": "A", "userId": "u1", "messageId": "\\u0000"}',
    b'{"type": "track", "event": "A", "userId": "u1", "properties": {"t": "\xff"}}',
    b'{"type": "track", "event": "A", "userId": "u1", "properties": {"d": ' + DEEP + b"}}",
    b'{"type": "track", "event": "A", "userId": "u1", "properties": {"d": ' + b"[" * 400 + b"]" * 400 + b"}}",
    b'{"type": "track", "event": "A", "userId": "u1", "properties": {"t": "' + b"x" * 200_000 + b'"}}',
    b'{"type": "identify", "userId": "u1", "traits": "none"}',
    b'{"type": "identify", "userId": "u1", "traits": {"email\\u0000": 1}}',
    b'{"type": "alias", "userId": "u1"}',
    b'{"type": "unknown", "userId": "u1"}',
    b'{"type": ["track"], "userId": "u1", "event": "A"}',
]


async def test_bad_items_go_to_quarantine_and_harm_no_neighbour(http: httpx.AsyncClient, db: Database) -> None:
    good = [{**TRACK, "event": f"E{place}", "messageId": f"m{place}"} for place in range(len(BAD_ITEMS))]
    pairs = zip((json.dumps(item).encode() for item in good), BAD_ITEMS, strict=True)
    body = b'{"batch": [' + b", ".join(item for pair in pairs for item in pair) + b"]}"
    answer = await http.post("/v1/batch", content=body)
    assert (answer.status_code, answer.content) == (200, SUCCESS)
    assert await names(db) == [item["event"] for item in good]
    kept = await quarantined(db)
    assert {body for _, body in kept} == {item.decode(errors="backslashreplace") for item in BAD_ITEMS}
    assert all(reason for reason, _ in kept)


async def test_a_bad_single_call_is_kept_too(http: httpx.AsyncClient, db: Database) -> None:
    for item in BAD_ITEMS[:25]:
        answer = await http.post("/v1/track", content=item)
        assert answer.status_code == (200 if item.startswith(b"{") else 400)
        assert await names(db) == []
    assert await db.pool.fetchval("SELECT count(*) FROM quarantine") == 25


async def test_odd_but_readable_values_are_stored(http: httpx.AsyncClient, db: Database) -> None:
    properties = {"big": 2**63, "tiny": 5e-324, "text": "💥\\u0000 is no NUL", "": None, "deep": [[[{"a": []}]]]}
    answer = await http.post("/v1/track", json={**TRACK, "userId": 42, "properties": properties})
    assert answer.status_code == 200
    assert await db.pool.fetchval("SELECT properties FROM events") == properties
    assert await db.pool.fetchval("SELECT value FROM identifiers") == "42"


async def test_a_batch_without_a_list_is_kept(http: httpx.AsyncClient, db: Database) -> None:
    bodies: list[dict[str, Any]] = [{"batch": {}}, {"batch": None}, {}]
    for body in bodies:
        assert (await http.post("/v1/batch", json=body)).status_code == 200
    assert [reason for reason, _ in await quarantined(db)] == ["there is no list named `batch` in it"] * 3


async def test_the_same_bad_item_is_kept_once_and_counted(http: httpx.AsyncClient, db: Database) -> None:
    for _ in range(3):
        await http.post("/v1/batch", json={"batch": [5, 5]})
    assert await db.pool.fetchval("SELECT times FROM quarantine") == 6


async def test_a_senders_wrong_clock_is_corrected(http: httpx.AsyncClient, db: Database) -> None:
    """Sent 'in 2020' with an event a minute before that: it happened a minute ago."""
    item = {**TRACK, "timestamp": "2020-01-01T11:59:00Z"}
    await http.post("/v1/batch", json={"batch": [item], "sentAt": "2020-01-01T12:00:00Z"})
    age = await db.pool.fetchval("SELECT received_at - occurred_at FROM events")
    assert 60 <= age.total_seconds() < 65


@pytest.mark.parametrize(
    "timestamp", ["2999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "soon", 12, ""]
)
async def test_an_impossible_time_counts_as_now(http: httpx.AsyncClient, db: Database, timestamp: Any) -> None:
    answer = await http.post("/v1/track", json={**TRACK, "timestamp": timestamp})
    assert answer.status_code == 200
    assert await db.pool.fetchval("SELECT received_at - occurred_at < interval '5 s' FROM events")


async def test_without_a_message_id_equal_events_of_one_time_are_one(http: httpx.AsyncClient, db: Database) -> None:
    item = {"userId": "u1", "event": "A", "timestamp": "2026-11-01T00:00:00Z"}
    for sent_at in ("2026-11-22T09:00:00Z", "2026-11-22T09:00:07Z"):
        await http.post("/v1/track", json={**item, "sentAt": sent_at})
    await http.post("/v1/track", json={**item, "properties": {"n": 1}})
    for _ in range(2):
        await http.post("/v1/track", json={"userId": "u1", "event": "B"})
    assert sorted(await names(db)) == ["A", "A", "B", "B"]


async def test_unknown_time_zones_are_passed_over(http: httpx.AsyncClient, db: Database) -> None:
    for zone in ("Europe/Berlin", "Mars/Base", 7, "../etc/passwd"):
        await http.post("/v1/identify", json={"userId": "u1", "context": {"timezone": zone, "locale": "de-DE"}})
    row = await db.pool.fetchrow("SELECT time_zone, locale FROM customers")
    assert row is not None
    assert tuple(row) == ("Europe/Berlin", "de-DE")


async def test_many_single_calls_at_once_take_few_commits(http: httpx.AsyncClient, db: Database) -> None:
    answers = await asyncio.gather(
        *(http.post("/v1/track", json={**TRACK, "messageId": f"m{n}", "userId": f"u{n % 10}"}) for n in range(150))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len(await names(db)) == 150
    commits = await db.pool.fetchval("SELECT count(DISTINCT xmin::text) FROM events")
    assert commits < 75


async def test_readiness_says_what_is_away(http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).json() == {"status": "ok"}
    ready = await http.get("/readyz")
    assert (ready.status_code, ready.json()["postgres"], ready.json()["temporal"]) == (200, "ok", "away")
    assert "sojourn_events_accepted_total" in (await http.get("/metrics")).text


async def test_the_clock_takes_an_api_key(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/clock")).status_code == 401
    answer = await http.get("/v1/clock", headers={"Authorization": f"Bearer {API_KEY}"}, auth=httpx.Auth())
    assert answer.json()["speed"] == 1


async def test_errors_are_problem_details_and_documented(http: httpx.AsyncClient) -> None:
    for path in ("/nowhere", "/v1/batch"):
        answer = await http.get(path)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
    schema = (await http.get("/openapi.json")).json()
    batch = schema["paths"]["/v1/batch"]["post"]
    assert "application/problem+json" in batch["responses"]["4XX"]["content"]
    assert batch["requestBody"]["content"]["application/json"]["example"]["batch"]
    assert "ItemCreate" in schema["components"]["schemas"]


async def test_a_long_queue_asks_senders_to_slow_down(http: httpx.AsyncClient, db: Database) -> None:
    """Nothing of a refused request is stored; what was taken in before is, once the database can."""
    batch = {"batch": [{"type": "track", "userId": "u1", "event": "A"}] * 15_000}
    async with db.pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE events IN EXCLUSIVE MODE")
        first = asyncio.create_task(http.post("/v1/batch", json=batch))
        while (await http.get("/readyz")).json()["events_in_queue"] == 0:
            await asyncio.sleep(0.02)
        second = await http.post("/v1/batch", json=batch)
    assert (second.status_code, second.headers["retry-after"]) == (429, "1")
    assert (await first).status_code == 200
    assert await db.pool.fetchval("SELECT count(*) FROM events") == 15_000
