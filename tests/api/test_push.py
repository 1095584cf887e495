"""Browsers subscribe and unsubscribe; what they say becomes the customer's address by the way of all events."""

import json
from typing import Any

import httpx
import pytest

from language.address import address
from store.address_words import AddressWord, take_words
from store.database import Database
from tests.api.reading import reading
from tests.rows import AT

VAPID: dict[str, Any] = {
    "vapid_private_key": "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA",
    "vapid_subject": "mailto:ops@example.com",
}
GIVEN = {"endpoint": "https://fcm.googleapis.com/fcm/send/1", "keys": {"p256dh": "BPub", "auth": "c2VjcmV0"}}
SAID = {"userId": "u-1", "subscription": {**GIVEN, "expirationTime": None}, "writeKey": "w"}


async def said(api: httpx.AsyncClient, path: str, body: Any) -> int:
    """A page of another site says it: as plain text, and without an API key."""
    headers = {"Content-Type": "text/plain"}
    answer = await api.post(f"/push/{path}", content=json.dumps(body), headers=headers)
    assert answer.status_code != 200 or answer.headers["Access-Control-Allow-Origin"] == "*"
    return answer.status_code


async def suppressed(db: Database) -> list[tuple[str, bool]]:
    rows = await db.pool.fetch("SELECT reason, lifted_at IS NOT NULL AS is_lifted FROM suppressions ORDER BY id")
    return [(row["reason"], row["is_lifted"]) for row in rows]


async def test_a_subscription_is_where_the_customer_is_reached(db: Database) -> None:
    async with reading(db, write_keys=("site:w",), **VAPID) as api:
        assert await said(api, "subscriptions", SAID) == 200
        customer = (await api.get("/v1/customers/user_id:u-1")).json()
    assert customer["traits"] == {"web_push": GIVEN}
    assert json.loads(address("web_push", customer["traits"])) == GIVEN
    assert await db.pool.fetchval("SELECT source FROM events WHERE kind = 'identify'") == "site"


async def test_an_unsubscription_ends_this_one_until_it_subscribes_again(db: Database) -> None:
    async with reading(db, write_keys=("w",), **VAPID) as api:
        await said(api, "subscriptions", SAID)
        assert await said(api, "unsubscriptions", {"subscription": GIVEN, "writeKey": "w"}) == 200
        assert await suppressed(db) == [("the browser unsubscribed", False)]
        await said(api, "subscriptions", SAID)
    assert await suppressed(db) == [("the browser unsubscribed", True)]


async def test_what_a_push_service_has_ended_stays_so(db: Database) -> None:
    where = address("web_push", {"web_push": GIVEN})
    await take_words(db, lambda: AT, [AddressWord("1", "web_push", where, "web_push", "", dead="410")])
    async with reading(db, write_keys=("w",), **VAPID) as api:
        await said(api, "subscriptions", SAID)
    assert await suppressed(db) == [("410", False)]


@pytest.mark.parametrize("path", ["subscriptions", "unsubscriptions"])
@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"writeKey": "other"}, 401),
        ({"writeKey": None}, 401),
        ({"subscription": {}}, 422),
        ({"subscription": {"endpoint": "https://x.test", "keys": {"p256dh": 1, "auth": ""}}}, 422),
        ({"subscription": {**GIVEN, "endpoint": "https://" + "x" * 3000}}, 422),
        ({"subscription": "text"}, 422),
        ({"userId": 7}, 422),
    ],
)
async def test_what_is_no_subscription_is_refused(db: Database, path: str, change: Any, status: int) -> None:
    async with reading(db, write_keys=("w",), **VAPID) as api:
        assert await said(api, path, SAID | change) == status
    assert await suppressed(db) == []
    assert await db.pool.fetchval("SELECT count(*) FROM events") == 0


@pytest.mark.parametrize(
    "change",
    [{"userId": None}, {"userId": "x" * 600}, {"userId": "\0"}, {"subscription": {**GIVEN, "endpoint": "https://\0"}}],
)
async def test_whose_it_is_must_be_said(db: Database, change: Any) -> None:
    async with reading(db, write_keys=("w",), **VAPID) as api:
        assert await said(api, "subscriptions", SAID | change) == 422


async def test_a_write_key_may_stand_where_sdks_put_it(db: Database) -> None:
    async with reading(db, write_keys=("w",), **VAPID) as api:
        answer = await api.post("/push/subscriptions", json=SAID | {"writeKey": None}, auth=("w", ""))
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert (await api.post("/push/subscriptions", content=b"\xff{")).status_code == 422


async def test_the_key_is_the_one_that_messages_are_signed_by(db: Database) -> None:
    async with reading(db, **VAPID) as api:
        api.headers.pop("Authorization")
        answer = await api.get("/push/key")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json()["public_key"].startswith("B")
    assert len(answer.json()["public_key"]) == 87
    async with reading(db) as api:
        assert (await api.get("/push/key")).status_code == 404
