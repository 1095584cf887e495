"""What SendGrid tells of mails: statuses rise, machines open nothing, and addresses that are dead or unwilling rest."""

import itertools
import random
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.sandbox.signing import as_sendgrid
from language.clock import Pace
from store.database import Database
from tests.api.reading import add, add_identifier
from tests.api.telling import (
    EMAIL,
    KEY,
    Providers,
    add_customer,
    add_sent,
    consents_of,
    event,
    providers,
    reports_of,
    status_of,
)
from tests.store.ingesting import NOW, deliveries

HARD = {
    "type": "bounce",
    "status": "5.1.1",
    "reason": f"550 <{EMAIL}> unknown",
    "bounce_classification": "Invalid Address",
}
REALLY = datetime.now(UTC) + timedelta(minutes=5)


@pytest.fixture
async def play(db: Database) -> AsyncIterator[Providers]:
    async with providers(db, now=REALLY) as play:
        yield play


@pytest.fixture
async def ana(db: Database) -> int:
    return await add_customer(db)


@pytest.fixture
async def key(db: Database, ana: int) -> str:
    return await add_sent(db, ana, "email")


async def suppressed(db: Database) -> list[tuple[str, str, str]]:
    rows = await db.pool.fetch("SELECT channel, address, reason FROM suppressions WHERE lifted_at IS NULL ORDER BY id")
    return [tuple(row) for row in rows]


async def heard(db: Database) -> list[str]:
    rows = await db.pool.fetch("SELECT payload FROM deliveries ORDER BY enrolment_id, seq")
    return [row["payload"]["fact"]["name"] for row in rows]


@pytest.mark.parametrize(
    ("name", "fields", "status"),
    [
        ("processed", {}, "sent"),
        ("deferred", {"response": "451 later"}, "sent"),
        ("delivered", {}, "delivered"),
        ("open", {}, "opened"),
        ("open", {"sg_machine_open": True}, "sent"),
        ("click", {"url": "https://a.test/x"}, "clicked"),
        ("bounce", HARD, "bounced"),
        ("bounce", {"type": "blocked"}, "bounced"),
        ("dropped", {"reason": "Bounced Address"}, "failed"),
        ("spamreport", {}, "spam"),
        ("unsubscribe", {}, "sent"),
        ("group_unsubscribe", {"asm_group_id": 7}, "sent"),
        ("account_status_change", {}, "sent"),
    ],
)
async def test_each_event_has_its_status(
    db: Database, play: Providers, key: str, name: str, fields: dict[str, Any], status: str
) -> None:
    assert (await play.sendgrid(event(name, key, **fields))).status_code == 204
    assert await status_of(db, key) == status


async def test_journey_hears_of_its_mail(db: Database, play: Providers, key: str) -> None:
    await play.sendgrid(event("open", key, useragent="Mail", ip="1.2.3.4"))
    [row] = await deliveries(db, 1)
    fact = row["payload"]["fact"]
    assert (fact["name"], fact["is_activity"]) == ("Email Opened", True)
    assert fact["properties"] == {"user_agent": "Mail", "message": "last_touch", "step": "hello", "channel": "email"}


async def test_machine_that_opens_is_no_sign_of_life(db: Database, play: Providers, key: str, ana: int) -> None:
    await play.sendgrid(event("open", key, sg_machine_open=True))
    assert (await reports_of(db, key), await heard(db)) == (["machine_opened"], [])
    assert await db.pool.fetchval("SELECT last_seen_at FROM customers WHERE id = $1", ana) is None


async def test_any_order_ends_alike(db: Database, play: Providers, ana: int) -> None:
    names = ("processed", "delivered", "open", "click")
    for order in itertools.permutations(names):
        key = await add_sent(db, ana, "email")
        for name in order:
            await play.sendgrid(event(name, key))
        row: Any = await db.pool.fetchrow("SELECT status, delivered_at FROM messages WHERE key = $1", key)
        assert (row["status"], row["delivered_at"] is not None) == ("clicked", True), order


@pytest.mark.parametrize("status", ["claimed", "unknown"])
@pytest.mark.parametrize("name", ["processed", "deferred", "delivered", "open"])
async def test_marker_proves_that_a_mail_in_doubt_went_out(
    db: Database, play: Providers, ana: int, status: str, name: str
) -> None:
    key = await add_sent(db, ana, "email", status=status, sent_at=None)
    await play.sendgrid(event(name, key, sg_machine_open=name == "open"))
    row: Any = await db.pool.fetchrow("SELECT * FROM messages WHERE key = $1", key)
    assert row["status"] == ("delivered" if name == "delivered" else "sent")
    assert (row["provider_id"], row["sent_at"] is not None) == ("mail1", True)


async def test_without_the_marker_the_mails_id_tells_which_it_is(db: Database, play: Providers, ana: int) -> None:
    key = await add_sent(db, ana, "email", provider_id="mail1")
    await play.sendgrid(event("delivered"))
    assert await status_of(db, key) == "delivered"


async def test_what_is_none_of_ours_is_harmless(db: Database, play: Providers, key: str) -> None:
    strange: list[Any] = [
        event("open", "9/x/1/email"),
        event("delivered"),
        event("Opened", key),
        {},
        7,
        None,
        {"event": ["open"]},
    ]
    assert (await play.sendgrid(*strange)).status_code == 204
    sms = await add_sent(db, await add_customer(db, "ben"), "sms")
    assert (await play.sendgrid(event("open", sms))).status_code == 204
    assert (await status_of(db, key), await status_of(db, sms)) == ("sent", "sent")


async def test_neighbours_of_nonsense_are_taken(db: Database, play: Providers, key: str) -> None:
    nonsense = event("click", key, id="x\0y", url="\0", timestamp=1e30, email=f"\0{EMAIL}", useragent=["?"])
    await play.sendgrid(event("delivered", key), nonsense, event("open", key, timestamp="yesterday"))
    assert sorted(await reports_of(db, key)) == ["clicked", "delivered", "opened"]


async def test_hard_bounce_closes_the_address(db: Database, play: Providers, key: str) -> None:
    await play.sendgrid(event("bounce", key, **HARD) | {"email": "Ana@Example.com"})
    assert await suppressed(db) == [("email", EMAIL, "hard bounce 5.1.1: Invalid Address")]
    assert await heard(db) == ["Email Bounced"]
    assert EMAIL not in str(await db.pool.fetchval("SELECT reason FROM messages"))


async def test_soft_bounce_says_nothing_of_the_address(db: Database, play: Providers, key: str) -> None:
    await play.sendgrid(event("bounce", key, type="blocked", status="4.2.2"))
    assert await suppressed(db) == []
    assert await db.pool.fetchval("SELECT details ->> 'bounce' FROM message_events") == "soft"


async def test_bounce_without_any_mark_closes_the_address(db: Database, play: Providers, key: str) -> None:
    await play.sendgrid({"event": "bounce", "type": "bounce", "email": EMAIL, "sg_event_id": "b"})
    assert [it[:2] for it in await suppressed(db)] == [("email", EMAIL)]
    assert await status_of(db, key) == "sent"


@pytest.mark.parametrize(
    ("reason", "is_dead", "is_out"),
    [
        ("Bounced Address", True, False),
        ("Invalid", True, False),
        ("Unsubscribed Address", False, True),
        ("Spam Reporting Address", False, True),
        ("Invalid SMTPAPI header", False, False),
        ("Recipient List over Package Quota", False, False),
    ],
)
async def test_drop_says_why(
    db: Database, play: Providers, key: str, ana: int, reason: str, is_dead: bool, is_out: bool
) -> None:
    await play.sendgrid(event("dropped", key, reason=reason))
    assert (bool(await suppressed(db)), bool(await consents_of(db, ana))) == (is_dead, is_out)


async def test_spam_report_opts_out_and_closes_the_address(db: Database, play: Providers, key: str, ana: int) -> None:
    await play.sendgrid(event("spamreport", key))
    assert await consents_of(db, ana) == [("email", None, "opted_out")]
    assert await suppressed(db) == [("email", EMAIL, "marked as spam")]


async def test_everybody_with_the_address_is_unsubscribed(db: Database, play: Providers, key: str, ana: int) -> None:
    known, written, other = [await add_customer(db, name) for name in ("ben", "cyd", "dan")]
    await add_identifier(db, known, "email", EMAIL)
    await add_sent(db, written, "email")
    await add_sent(db, other, "email", recipient="dan@example.com")
    await play.sendgrid(event("unsubscribe", key))
    assert [len(await consents_of(db, id)) for id in (ana, known, written, other)] == [1, 1, 1, 0]


async def test_groups_are_about_the_topic_of_the_mail(db: Database, play: Providers, ana: int) -> None:
    key = await add_sent(db, ana, "email", topic="offers")
    await play.sendgrid(event("group_unsubscribe", key))
    await play.sendgrid(event("group_resubscribe", key))
    assert await consents_of(db, ana) == [("email", "offers", "opted_out"), ("email", "offers", "opted_in")]


async def test_late_word_does_not_undo_a_newer_one(db: Database, play: Providers, key: str, ana: int) -> None:
    newer = {"customer_id": ana, "channel": "email", "state": "opted_in", "source": "page"}
    await add(db, "consents", **newer, at=datetime.now(UTC))
    await play.sendgrid(event("unsubscribe", key, timestamp=int(time.time()) - 3600))
    assert [state for *_, state in await consents_of(db, ana)] == ["opted_out", "opted_in"]


async def test_merged_customer_is_who_is_meant(db: Database, play: Providers, key: str, ana: int) -> None:
    stays = await add_customer(db, "stays")
    await db.pool.execute("UPDATE customers SET merged_into = $1 WHERE id = $2", stays, ana)
    await play.sendgrid(event("unsubscribe", key))
    assert await consents_of(db, stays) == [("email", None, "opted_out")]


async def test_events_happened_when_sendgrid_says(db: Database, play: Providers, key: str) -> None:
    then = int(time.time()) - 7200
    await play.sendgrid(event("delivered", key, timestamp=then))
    row: Any = await db.pool.fetchrow("SELECT occurred_at, at FROM message_events")
    assert (row["occurred_at"].timestamp(), row["at"]) == (then, REALLY)


async def test_in_demo_time_events_happen_when_they_come(db: Database, key: str) -> None:
    async with providers(db, now=NOW) as play:
        play.http._transport.app.state.parts.pace = Pace(speed=60, origin=NOW)  # type: ignore[attr-defined]
        await play.sendgrid(event("delivered", key))
    assert await db.pool.fetchval("SELECT occurred_at FROM message_events") == NOW


async def test_thousand_events_in_one_request(db: Database, play: Providers) -> None:
    customers = [await add_customer(db, f"u{number}") for number in range(50)]
    keys = [await add_sent(db, customer, "email") for customer in customers for _ in range(4)]
    batch = [event(name, key) for key in keys for name in ("processed", "delivered", "open", "click", "unsubscribe")]
    random.Random(3).shuffle(batch)
    began = time.perf_counter()
    assert (await play.sendgrid(*batch)).status_code == 204
    took = time.perf_counter() - began
    assert len(batch) == 1000
    assert await db.pool.fetchval("SELECT count(*) FROM messages WHERE status = 'clicked'") == 200
    assert await db.pool.fetchval("SELECT count(*) FROM message_events") == 600
    assert took < 2, f"{took:.1f} s"


async def test_what_is_no_list_is_refused(play: Providers) -> None:
    for body in (b"", b"{}", b"[", b"\xff"):
        assert (await play.post_events(body, as_sendgrid(KEY, body))).status_code == 400
