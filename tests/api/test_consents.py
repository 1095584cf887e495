"""Consents by the API, and by the customers themselves: on their page, by one click, and by a confirmation."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from language.customer_pages import CustomerPages, Purpose, Whose
from language.policy import Policy
from store.address_words import AddressWord, take_words
from store.database import Database
from store.policies import publish_policy
from tests.api.reading import add_identifier, reading
from tests.rows import AT, add_customer

TOPICS = {
    "newsletter": {
        "title": "Newsletter",
        "double_opt_in": True,
        "channels": "email",
        "locales": {"ru": {"title": "Рассылка"}},
    },
    "offers": {"title": "Offers <b>", "description": "Twice a month & more."},
}
LEDGER = "SELECT channel, topic, state FROM consents ORDER BY id"
EVENTS = "SELECT name, properties FROM events ORDER BY id"


@pytest.fixture
async def ana(db: Database) -> int:
    """With e-mail and phone."""
    await publish_policy(db, Policy.model_validate({"topics": TOPICS}), at=AT)
    id = await add_customer(db, traits={"email": "ana@example.com", "phone": "+15005550100"}, locale="en")
    await add_identifier(db, id, "user_id", "u-1")
    return id


@pytest.fixture
async def api(db: Database, ana: int) -> AsyncIterator[httpx.AsyncClient]:
    async with reading(db) as api:
        yield api


def pages(api: httpx.AsyncClient) -> CustomerPages:
    return api.parts.pages  # type: ignore[attr-defined,no-any-return]


async def ledger(db: Database) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await db.pool.fetch(LEDGER)]


async def events(api: httpx.AsyncClient, db: Database) -> list[tuple[str, dict[str, Any]]]:
    await api.parts.teller.tell()  # type: ignore[attr-defined]
    return [(row["name"], row["properties"]) for row in await db.pool.fetch(EVENTS)]


async def say(api: httpx.AsyncClient, **given: Any) -> dict[str, Any]:
    answer = await api.post("/v1/customers/user_id:u-1/consents", json=given)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_consent_is_written_once_and_read_back_newest_first(api: httpx.AsyncClient) -> None:
    first = await say(api, state="opted_out", channel="sms", topic="offers", evidence="call of 3 March")
    again = await say(api, state="opted_out", channel="sms", topic="offers")
    await say(api, state="opted_in", channel="sms", topic="offers", source="crm")
    path = "/v1/customers/user_id:u-1/consents"
    newest = (await api.get(path, params={"limit": 1})).json()
    older = (await api.get(path, params={"limit": 1, "cursor": newest["next_cursor"]})).json()
    filtered = (await api.get(path, params={"state": "opted_out", "topic": "offers", "channel": "sms"})).json()

    assert first == again
    assert newest["items"][0]["source"] == "crm"
    assert older == {"items": [first], "next_cursor": None}
    assert filtered["items"] == [first]
    assert first["evidence"] == "call of 3 March"


async def test_journeys_hear_of_each_consent_once_whoever_wrote_it(api: httpx.AsyncClient, db: Database) -> None:
    await say(api, state="opted_in", topic="offers")
    stop = AddressWord("1", "sms", "+15005550100", "reply", "STOP", consent="opted_out")
    await add_identifier(db, 1, "phone", "+15005550100")
    await take_words(db, lambda: AT, [stop])
    told = await events(api, db)

    assert told == [
        ("Consent Given", {"channel": None, "topic": "offers", "source": "api"}),
        ("Consent Withdrawn", {"channel": "sms", "topic": None, "source": "reply"}),
    ]
    await db.pool.execute("UPDATE consents SET told_at = NULL")  # as after a crash before that was written
    assert await events(api, db) == told


async def test_whoever_has_no_name_for_events_is_told_of_nothing(api: httpx.AsyncClient, db: Database) -> None:
    await db.pool.execute("DELETE FROM identifiers")
    await api.post("/v1/customers/1/consents", json={"state": "opted_out"})
    assert await events(api, db) == []
    assert await db.pool.fetchval("SELECT count(*) FROM consents WHERE told_at IS NULL") == 0


async def test_a_topic_may_ask_for_a_confirmation(api: httpx.AsyncClient, db: Database) -> None:
    asked = await say(api, state="opted_in", channel="email", topic="newsletter")
    [(name, properties)] = await events(api, db)
    path = properties["confirm_url"].removeprefix("http://api")
    looked = await api.get(path)
    before = await ledger(db)
    confirmed = await api.post(path)
    again = await api.post(path)

    assert (asked["state"], name) == ("pending", "Consent Requested")
    assert "Yes, I want to receive “Newsletter”" in looked.text
    assert before == [("email", "newsletter", "pending")]
    assert "You will receive “Newsletter”" in confirmed.text
    assert again.status_code == 200
    assert await ledger(db) == [*before, ("email", "newsletter", "opted_in")]
    assert [it[0] for it in await events(api, db)] == ["Consent Requested", "Consent Given"]
    assert (await say(api, state="opted_in", channel="email", topic="newsletter"))["state"] == "opted_in"


async def test_what_was_withdrawn_since_is_not_confirmed(api: httpx.AsyncClient, db: Database) -> None:
    await say(api, state="opted_in", channel="email", topic="newsletter")
    [(_, properties)] = await events(api, db)
    await say(api, state="opted_out", channel="email", topic="newsletter")
    answer = await api.post(properties["confirm_url"].removeprefix("http://api"))

    assert "withdrawn" in answer.text
    assert [it[2] for it in await ledger(db)] == ["pending", "opted_out"]


async def test_a_request_may_be_made_again_and_a_confirmed_consent_imported(
    api: httpx.AsyncClient, db: Database
) -> None:
    for _ in range(2):
        await say(api, state="opted_in", channel="email", topic="newsletter")
    at = (AT - timedelta(days=9)).isoformat()
    imported = await say(
        api, state="opted_in", channel="email", topic="newsletter", confirmed=True, evidence="form 7", at=at
    )
    assert imported["state"] == "opted_in"
    assert imported["at"].startswith(at[:19])
    assert [it[2] for it in await ledger(db)] == ["pending", "pending", "opted_in"]


async def test_the_page_shows_how_things_stand_and_looking_changes_nothing(
    api: httpx.AsyncClient, db: Database
) -> None:
    await say(api, state="opted_out", channel="sms", topic="offers")
    before = await ledger(db)
    for purpose in ("preferences", "unsubscribe", "confirm"):
        url = pages(api).url(purpose, Whose(1, "email", "offers", "1/s/1/email"))
        answer = await api.get(url)
        assert answer.status_code == 200
        headers = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-robots-tag": "noindex, nofollow"}
        assert headers.items() <= dict(answer.headers).items()
        assert "ana@example.com" not in answer.text
    page = (await api.get(pages(api).url("preferences", Whose(1)))).text

    assert 'value="offers.email" checked' in page
    assert 'value="offers.sms">' in page
    assert 'value="newsletter.email">' in page
    assert "newsletter.sms" not in page
    assert "Offers &lt;b&gt;" in page
    assert await ledger(db) == before


async def test_what_is_saved_holds_and_what_is_unchanged_is_not_written(api: httpx.AsyncClient, db: Database) -> None:
    url = pages(api).url("preferences", Whose(1, message="1/s/1/email"))
    page = (await api.get(url)).text
    shown = re.findall(r'name="shown" value="([\w.]+)"', page)
    form = {"do": "save", "shown": shown, "on": ["newsletter.email", "offers.email", "offers.voice", "x.y"]}
    saved = await api.post(url, data=form)
    wrote = await ledger(db)
    again = await api.post(url, data=form)

    assert "Your choice holds" in saved.text
    assert set(wrote) == {
        ("email", "newsletter", "pending"),
        ("sms", "offers", "opted_out"),
        ("whatsapp", "offers", "opted_out"),
    }
    assert again.status_code == 200
    assert await ledger(db) == wrote
    assert await db.pool.fetchval("SELECT DISTINCT evidence FROM consents") == "link of the message 1/s/1/email"


async def test_everything_off_and_one_topic_on_again(api: httpx.AsyncClient, db: Database) -> None:
    url = pages(api).url("preferences", Whose(1))
    off = await api.post(url, data={"do": "everything_off"})
    shown = ["offers.email", "offers.sms"]
    assert "unsubscribed from everything" in off.text
    assert " checked" not in off.text

    await api.post(url, data={"do": "save", "shown": shown, "on": ["offers.email"]})
    assert await ledger(db) == [(None, "*", "opted_out"), (None, "*", "opted_in"), ("sms", "offers", "opted_out")]


async def test_a_stopped_channel_is_shown_and_comes_again_where_that_is_possible(
    api: httpx.AsyncClient, db: Database
) -> None:
    for channel in ("sms", "email"):
        await say(api, state="opted_out", channel=channel)
    url = pages(api).url("preferences", Whose(1))
    page = (await api.get(url)).text
    await api.post(url, data={"do": "save", "again": ["email", "sms"]})

    assert "send us the word START" in page
    assert 'name="again" value="email"' in page
    assert 'name="again" value="sms"' not in page
    assert "offers.email" not in page
    assert (await ledger(db))[2:] == [("email", None, "opted_in"), ("sms", None, "opted_in")]


async def test_one_click_leaves_the_topic_on_that_channel(api: httpx.AsyncClient, db: Database) -> None:
    url = pages(api).url("unsubscribe", Whose(1, "email", "offers", "1/s/1/email"))
    looked = await api.get(url)
    api.headers.pop("Authorization")
    answers = [await api.post(url, data={"List-Unsubscribe": "One-Click"}) for _ in range(2)]

    assert "Unsubscribe from “Offers &lt;b&gt;” (E-mail)" in looked.text
    assert [it.status_code for it in answers] == [200, 200]
    assert not any("set-cookie" in it.headers for it in answers)
    assert await ledger(db) == [("email", "offers", "opted_out")]
    assert "Unsubscribe from “" not in (await api.get(url)).text


async def test_pages_speak_the_customers_language(api: httpx.AsyncClient, db: Database) -> None:
    for locale, words in (("ru", "Рассылка"), ("pt-BR", "Cancelar tudo"), ("xx", "Unsubscribe from everything")):
        await db.pool.execute("UPDATE customers SET locale = $1", locale)
        assert words in (await api.get(pages(api).url("preferences", Whose(1)))).text
    await db.pool.execute("UPDATE customers SET locale = NULL")
    asked = {"Accept-Language": "ru-RU,ru;q=0.9,en;q=0.8"}
    assert "Рассылка" in (await api.get(pages(api).url("preferences", Whose(1)), headers=asked)).text


async def test_the_link_of_a_merged_customer_leads_to_who_they_became(api: httpx.AsyncClient, db: Database) -> None:
    gone = await add_customer(db, merged_into=1)
    await api.post(pages(api).url("unsubscribe", Whose(gone, "email", "offers")))
    assert await db.pool.fetchval("SELECT customer_id FROM consents") == 1


PURPOSES: tuple[Purpose, ...] = ("preferences", "unsubscribe", "confirm")


async def test_a_link_that_is_none_of_ours_gets_a_friendly_page(api: httpx.AsyncClient) -> None:
    for purpose, other in zip(PURPOSES, reversed(PURPOSES), strict=True):
        swapped = pages(api).token("confirm" if purpose == other else other, Whose(1))
        for token in ("x", "a.b", "%00", "%F0%9F", swapped, pages(api).token(purpose, Whose(404))):
            for method in ("GET", "POST"):
                answer = await api.request(method, f"/{purpose}/{token}")
                assert answer.status_code == 404
                assert "This link does not work" in answer.text


async def test_a_form_that_no_page_of_ours_sends_changes_nothing(api: httpx.AsyncClient, db: Database) -> None:
    url = pages(api).url("preferences", Whose(1))
    for body in (b"", b"\xff\xfe", b"do=save&on=%00", b"on=&" * 3_000, b"x" * 200_000, b"shown=offers", b"again=fax"):
        assert (await api.post(url, content=body)).status_code == 200
    assert await ledger(db) == []


NO_CONSENTS: tuple[dict[str, Any], ...] = (
    {},
    {"state": "pending"},
    {"state": "opted_in", "topic": "No"},
    {"state": "opted_in", "topic": "a\0"},
    {"state": "opted_in", "evidence": "\0"},
    {"state": "opted_in", "channel": "fax"},
    {"state": "opted_in", "at": "0001-01-01T00:00:00Z"},
    {"state": "opted_in", "at": "2026-01-01T00:00:00"},
    {"state": "opted_in", "by": "me"},
)


async def test_what_is_no_consent_is_refused(api: httpx.AsyncClient, db: Database) -> None:
    for given in NO_CONSENTS:
        assert (await api.post("/v1/customers/1/consents", json=given)).status_code == 422
    assert await ledger(db) == []


async def test_consents_need_an_api_key_and_a_customer(api: httpx.AsyncClient) -> None:
    assert (await api.post("/v1/customers/404/consents", json={"state": "opted_in"})).status_code == 404
    assert (await api.get("/v1/customers/1/consents", params={"cursor": "x"})).status_code == 422
    api.headers.pop("Authorization")
    assert (await api.get("/v1/customers/1/consents")).status_code == 401
    assert (await api.post("/v1/customers/1/consents", json={"state": "opted_in"})).status_code == 401
