"""What customers write to us: STOP and START bind, everything else is an event and an answer."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from language.policy import Policy
from store.database import Database
from store.policies import publish_policy
from tests.api.reading import add_identifier
from tests.api.telling import (
    PHONE,
    Providers,
    add_customer,
    add_sent,
    consents_of,
    providers,
    reports_of,
    status_of,
)
from tests.store.ingesting import NOW


@pytest.fixture
async def play(db: Database) -> AsyncIterator[Providers]:
    async with providers(db) as play:
        yield play


@pytest.fixture
async def ana(db: Database) -> int:
    return await add_customer(db)


@pytest.fixture
async def key(db: Database, ana: int) -> str:
    return await add_sent(db, ana)


async def events(db: Database) -> list[tuple[int, str, str]]:
    rows = await db.pool.fetch("SELECT customer_id, name, properties FROM events ORDER BY id")
    return [(row["customer_id"], row["name"], row["properties"]["text"]) for row in rows]


async def test_text_is_an_event_and_an_answer(db: Database, play: Providers, key: str, ana: int) -> None:
    answer = await play.inbound("Call me 👋")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert answer.content.endswith(b"<Response/>")
    assert await events(db) == [(ana, "SMS Received", "Call me 👋")]
    assert await status_of(db, key) == "answered"
    heard = [row["payload"]["fact"] for row in await db.pool.fetch("SELECT payload FROM deliveries ORDER BY seq")]
    assert [it["name"] for it in heard] == ["SMS Received", "SMS Answered"]
    assert heard[1]["properties"]["text"] == "Call me 👋"
    assert await consents_of(db, ana) == []


async def test_same_text_again_is_known(db: Database, play: Providers, key: str) -> None:
    for _ in range(3):
        await play.inbound("Yes please", sid="SM9")
    assert (len(await events(db)), await reports_of(db, key)) == (1, ["answered"])


async def test_latest_message_to_the_number_is_answered(db: Database, play: Providers, key: str) -> None:
    """Two customers have one phone: who was written to last has answered."""
    ben = await add_customer(db, "ben")
    later = await add_sent(db, ben, sent_at=NOW + timedelta(hours=1))
    await add_sent(db, ben, "whatsapp", sent_at=NOW + timedelta(hours=2))
    await add_sent(db, ben, status="suppressed", sent_at=None, created_at=NOW + timedelta(hours=3))
    await play.inbound("Hello")
    assert [it[0] for it in await events(db)] == [ben]
    assert (await status_of(db, later), await status_of(db, key)) == ("answered", "sent")


async def test_whatsapp_names_the_message_that_it_quotes(db: Database, play: Providers, ana: int) -> None:
    first = await add_sent(db, ana, "whatsapp", provider_id="SM100")
    await add_sent(db, ana, "whatsapp", sent_at=NOW + timedelta(hours=1))
    more = {"OriginalRepliedMessageSid": "SM100", "ButtonPayload": "yes", "MediaUrl0": "https://a.test/1"}
    await play.inbound("That", number=f"whatsapp:{PHONE}", **more)
    assert await status_of(db, first) == "answered"
    row: Any = await db.pool.fetchrow("SELECT name, properties FROM events")
    assert row["name"] == "WhatsApp Received"
    assert row["properties"] == {"text": "That", "button": "yes", "media": ["https://a.test/1"]}


async def test_number_that_is_known_without_a_message(db: Database, play: Providers, ana: int) -> None:
    await add_identifier(db, ana, "phone", PHONE)
    await play.inbound("Hello")
    assert await events(db) == [(ana, "SMS Received", "Hello")]


async def test_stranger_goes_to_quarantine(db: Database, play: Providers, key: str) -> None:
    assert (await play.inbound("Hello", number="+4930123456")).status_code == 200
    assert (await events(db), await status_of(db, key)) == ([], "sent")
    assert await db.pool.fetchval("SELECT reason FROM quarantine") == "it was written by a number that no customer has"
    assert (await play.inbound("STOP", sid="SM8", number="12345")).status_code == 200


@pytest.mark.parametrize(
    "text", ["STOP", "stop", " Stop. ", "«СТОП»", "отписаться", "Arrêt", "BAJA", "UNSUBSCRIBE", "停止"]
)
async def test_stop_opts_out_of_the_channel(db: Database, play: Providers, key: str, ana: int, text: str) -> None:
    await play.inbound(text)
    assert await consents_of(db, ana) == [("sms", None, "opted_out")]
    assert (await events(db), await status_of(db, key)) == ([], "sent")


@pytest.mark.parametrize("text", ["Stop please", "please stop", "I can't stop", "stopp it", "", "YES", "yes!"])
async def test_only_the_whole_message_counts(db: Database, play: Providers, key: str, ana: int, text: str) -> None:
    await play.inbound(text)
    assert await consents_of(db, ana) == []
    assert await status_of(db, key) == "answered"


async def test_only_start_lifts_a_stop(db: Database, play: Providers, key: str, ana: int) -> None:
    for number, text in enumerate(["STOP", "I changed my mind", "START", "STOP", "YES", "YES"]):
        await play.inbound(text, sid=f"SM{number}")
    states = [state for *_, state in await consents_of(db, ana)]
    assert states == ["opted_out", "opted_in", "opted_out", "opted_in"]
    assert [text for *_, text in await events(db)] == ["I changed my mind", "YES"]


async def test_twilios_word_counts_more_than_ours(db: Database, play: Providers, key: str, ana: int) -> None:
    await play.inbound("Lass mich", sid="SM1", OptOutType="STOP")
    await play.inbound("STOP", sid="SM2", OptOutType="START")
    assert [state for *_, state in await consents_of(db, ana)] == ["opted_out", "opted_in"]


async def test_help_is_no_answer(db: Database, play: Providers, key: str, ana: int) -> None:
    await play.inbound("HELP")
    assert await events(db) == [(ana, "SMS Received", "HELP")]
    assert (await consents_of(db, ana), await status_of(db, key)) == ([], "sent")


async def test_policy_adds_words(db: Database, play: Providers, key: str, ana: int) -> None:
    policy = Policy.model_validate({"opt_out_words": {"de": ["Lass mich in Ruhe"]}})
    await publish_policy(db, policy, at=NOW)
    await play.inbound("lass  mich in ruhe!")
    assert await consents_of(db, ana) == [("sms", None, "opted_out")]


async def test_stop_by_whatsapp_leaves_sms(db: Database, play: Providers, key: str, ana: int) -> None:
    await play.inbound("STOP", number=f"whatsapp:{PHONE}")
    assert await consents_of(db, ana) == [("whatsapp", None, "opted_out")]


async def test_everybody_at_the_number_is_opted_out(db: Database, play: Providers, key: str, ana: int) -> None:
    ben = await add_customer(db, "ben")
    await add_sent(db, ben, "voice")
    await play.inbound("STOP")
    assert [await consents_of(db, id) for id in (ana, ben)] == [[("sms", None, "opted_out")]] * 2


async def test_channel_that_is_none_of_ours_is_harmless(db: Database, play: Providers, key: str) -> None:
    assert (await play.inbound("Hello", number="messenger:123")).status_code == 200
    assert await db.pool.fetchval("SELECT count(*) FROM quarantine") == 0
