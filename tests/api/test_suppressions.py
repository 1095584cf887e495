"""Suppressed addresses, read and lifted by the API."""

from datetime import datetime, timedelta
from typing import Literal

from store.address_words import AddressWord, is_opted_out, take_words
from store.database import Database
from tests.api.reading import reading
from tests.rows import AT

_TO_AND_FRO: tuple[Literal["opted_out", "opted_in"], ...] = ("opted_out", "opted_in", "opted_out")


async def test_suppressions_are_listed_and_lifted(db: Database) -> None:
    addresses = ["ana@example.com", "ben@example.com"]
    words = [AddressWord(it, "email", it, "sendgrid", "", dead="hard bounce 5.1.1") for it in addresses]
    await take_words(db, lambda: AT, words)
    async with reading(db) as api:
        newest, older = (await api.get("/v1/suppressions")).json()["items"]
        [found] = (await api.get("/v1/suppressions", params={"address": "Ana@example.com"})).json()["items"]
        lifted = (await api.post(f"/v1/suppressions/{found['id']}/lift")).json()
        again = (await api.post(f"/v1/suppressions/{found['id']}/lift")).json()
        assert (await api.post("/v1/suppressions/404/lift")).status_code == 404
        assert (await api.get("/v1/suppressions", params={"channel": "sms"})).json()["items"] == []
    assert [it["address"] for it in (older, newest)] == addresses
    assert (found["reason"], found["source"], found["lifted_at"]) == ("hard bounce 5.1.1", "sendgrid", None)
    assert lifted == again
    assert lifted["lifted_at"] is not None


async def test_suppressions_need_an_api_key(db: Database) -> None:
    async with reading(db) as api:
        api.headers.pop("Authorization")
        assert (await api.get("/v1/suppressions")).status_code == 401
        assert (await api.post("/v1/suppressions/1/lift")).status_code == 401


async def test_a_stop_is_lifted_by_nobody_but_its_writer(db: Database) -> None:
    stop = AddressWord("1", "sms", "+15005550100", "reply", "", consent="opted_out")
    start = AddressWord("2", "sms", "+15005550100", "reply", "", consent="opted_in")
    await take_words(db, lambda: AT, [stop])
    async with reading(db) as api:
        [found] = (await api.get("/v1/suppressions")).json()["items"]
        refused = await api.post(f"/v1/suppressions/{found['id']}/lift")
        assert (refused.status_code, refused.json()["title"]) == (409, "A STOP is not lifted")
        assert await is_opted_out(db, "sms", "+15005550100")
        await take_words(db, lambda: AT, [start])
        assert not await is_opted_out(db, "sms", "+15005550100")
        assert (await api.post(f"/v1/suppressions/{found['id']}/lift")).status_code == 200


async def test_a_stop_after_start_holds_by_a_clock_that_is_behind(db: Database) -> None:
    words = [AddressWord(str(id), "sms", "+15005550100", "reply", "", consent=it) for id, it in enumerate(_TO_AND_FRO)]
    for word, at in zip(words, (AT, AT - timedelta(seconds=1), AT - timedelta(seconds=2)), strict=True):
        await _take_at(db, at, word)
    assert await is_opted_out(db, "sms", "+15005550100")
    assert await db.pool.fetchval("SELECT count(*) FROM suppressions WHERE lifted_at IS NULL") == 1


async def _take_at(db: Database, at: datetime, word: AddressWord) -> None:
    await take_words(db, lambda: at, [word])
