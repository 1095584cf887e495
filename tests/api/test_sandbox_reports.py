"""The sandbox page's buttons: what is pressed there reaches the journey, as a provider's word would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest

from activities.channels.sandbox import sandbox_id
from api.sandbox.calls import RingingCalls, ending
from api.sandbox.reports import SandboxReports
from harness.patience import eventually
from language.channel import CHANNELS
from language.message_event import reports_of
from language.tracked_links import Link
from store.database import Database
from store.ingest import Ingest
from store.links import write_links
from store.sandbox import SandboxInbox
from tests.api.reading import Bell, reading
from tests.store.ingesting import NOW, Clock, deliveries, publish_journey, track

PHONE = "+4915112345678"
HEARS: list[dict[str, Any]] = [{"wait_for": [{"on": ["Email Opened", "Call Not Answered", "SMS Answered"]}]}]


@asynccontextmanager
async def page(db: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with reading(db, now=NOW) as api:
        yield api


async def enrol(db: Database) -> int:
    await publish_journey(db, journey="offer", start=[{"on": "Asked"}], steps=HEARS)
    await Ingest(db, Clock(NOW)).accept([track("Asked")])
    return int(await db.pool.fetchval("SELECT id FROM enrolments"))


async def sent(db: Database, enrolment_id: int, channel: str, status: str = "sent") -> int:
    """The sandbox's id of a message that went out on a channel."""
    key, content = f"{enrolment_id}/send_offer/1/{channel}", {"timeout": 40}
    await db.pool.execute(
        "INSERT INTO messages (key, enrolment_id, customer_id, step, visit, channel, message, message_class, status,"
        " attempt, created_at, claimed_at, sent_at, provider, provider_id, content, recipient)"
        " SELECT $1, $2, customer_id, 'send_offer', 1, $3, 'offer', 'service', $4, 1, $5, $5, $5, 'sandbox', $6, $7, $8"
        " FROM enrolments WHERE id = $2",
        *(key, enrolment_id, channel, status, NOW, sandbox_id(key), content, PHONE),
    )
    inbox = SandboxInbox(db)
    whom = {"sender": "Sojourn", "recipient": PHONE, "subject": None, "text": "Hello"}
    await inbox.put(sandbox_id(key), key=key, channel=channel, content=content, **cast(dict[str, Any], whom))
    return int((await inbox.show())[0]["id"])


async def told(db: Database, enrolment_id: int) -> list[str]:
    return [row["payload"]["fact"]["name"] for row in (await deliveries(db, enrolment_id))[1:]]


async def test_clicking_leads_to_the_first_tracked_link(db: Database) -> None:
    """Of which no provider would tell."""
    enrolment = await enrol(db)
    mail = await sent(db, enrolment, "email")
    key, tokens = f"{enrolment}/send_offer/1/email", ("aaaaaaaaaaa", "bbbbbbbbbbb")
    async with db.pool.acquire() as connection:
        await write_links(connection, key, [Link("", it, f"https://shop.test/{it}") for it in tokens], NOW)
    text = "See http://api/l/bbbbbbbbbbb or http://api/l/aaaaaaaaaaa"
    await db.pool.execute("UPDATE sandbox_messages SET text = $1", text)
    async with page(db) as api:
        assert (await api.post(f"/sandbox/messages/{mail}/clicked")).json()["status"] == "clicked"
    [row] = await db.pool.fetch("SELECT report, details FROM message_events")
    assert (row["report"], row["details"]) == ("clicked", {"url": "https://shop.test/bbbbbbbbbbb"})


async def test_opening_a_mail_reaches_its_journey(db: Database) -> None:
    enrolment = await enrol(db)
    id = await sent(db, enrolment, "email")
    async with page(db) as api:
        answer = await api.post(f"/sandbox/messages/{id}/opened")
        bell = cast(Bell, api.bell)  # type: ignore[attr-defined]
    shown = answer.json()
    assert (answer.status_code, shown["status"], bell.rung) == (200, "opened", 1)
    assert [event["report"] for event in shown["events"]] == ["opened"]
    assert await told(db, enrolment) == ["Email Opened"]


async def test_reply_carries_its_text(db: Database) -> None:
    enrolment = await enrol(db)
    id = await sent(db, enrolment, "sms")
    async with page(db) as api:
        shown = (await api.post(f"/sandbox/messages/{id}/answered", json={"text": "Call me"})).json()
        again = (await api.post(f"/sandbox/messages/{id}/answered", json={"text": "Please"})).json()
    assert [event["text"] for event in again["events"]] == ["Call me", "Please"]
    assert shown["status"] == "answered"
    [first, second] = (await deliveries(db, enrolment))[1:]
    assert [it["payload"]["fact"]["properties"]["text"] for it in (first, second)] == ["Call me", "Please"]


async def test_what_a_provider_says_once_is_said_once(db: Database) -> None:
    id = await sent(db, await enrol(db), "email")
    async with page(db) as api:
        for _ in range(2):
            shown = (await api.post(f"/sandbox/messages/{id}/delivered")).json()
    assert [event["report"] for event in shown["events"]] == ["delivered"]


async def test_call_ends_once(db: Database) -> None:
    id = await sent(db, await enrol(db), "voice")
    async with page(db) as api:
        shown = (await api.post(f"/sandbox/messages/{id}/busy")).json()
        refused = await api.post(f"/sandbox/messages/{id}/answered")
    assert (shown["status"], shown["reports"]) == ("busy", [])
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")


@pytest.mark.parametrize("channel", CHANNELS)
async def test_each_channel_offers_what_can_be_told_of_it(db: Database, channel: Any) -> None:
    await sent(db, await enrol(db), channel)
    async with page(db) as api:
        [shown] = (await api.get("/sandbox/messages", params={"channel": channel})).json()["messages"]
    assert tuple(shown["reports"]) == tuple(it for it in reports_of(channel) if it != "pressed")
    assert shown["details"] == {"timeout": 40}


@pytest.mark.parametrize(
    ("path", "status"),
    [("404/opened", 404), ("{sms}/opened", 409), ("{sms}/eaten", 422), ("x/opened", 422)],
)
async def test_what_cannot_be_is_refused(db: Database, path: str, status: int) -> None:
    sms = await sent(db, await enrol(db), "sms")
    async with page(db) as api:
        assert (await api.post(f"/sandbox/messages/{path.format(sms=sms)}")).status_code == status
    assert await db.pool.fetchval("SELECT count(*) FROM message_events") == 0


async def test_other_sites_press_no_buttons(db: Database) -> None:
    id = await sent(db, await enrol(db), "email")
    async with page(db) as api:
        strange = {"Sec-Fetch-Site": "cross-site"}
        assert (await api.post(f"/sandbox/messages/{id}/opened", headers=strange)).status_code == 403
    assert await db.pool.fetchval("SELECT count(*) FROM message_events") == 0


async def test_call_that_nobody_takes_up_rings_out(db: Database) -> None:
    enrolment = await enrol(db)
    await sent(db, enrolment, "voice")
    await sent(db, enrolment, "sms")
    clock, bell = Clock(NOW), Bell()
    calls = RingingCalls(SandboxReports(db, clock, bell.wake))
    clock.advance(timedelta(seconds=39))
    assert (await calls.look(), bell.rung) == (0, 0)
    clock.advance(timedelta(seconds=1))
    assert (await calls.look(), bell.rung) == (1, 1)
    assert await calls.look() == 0
    assert await told(db, enrolment) == ["Call Not Answered"]


async def test_answered_call_does_not_ring_out(db: Database) -> None:
    enrolment = await enrol(db)
    id = await sent(db, enrolment, "voice")
    clock = Clock(NOW)
    reports = SandboxReports(db, clock, Bell().wake)
    await reports.tell(id, "answered", None)
    clock.advance(timedelta(hours=1))
    assert await RingingCalls(reports).look() == 0


async def test_calls_ring_out_while_the_api_runs(db: Database) -> None:
    enrolment = await enrol(db)
    await sent(db, enrolment, "voice")
    clock = Clock(NOW + timedelta(minutes=1))

    async def is_over() -> bool:
        return bool(await db.pool.fetchval("SELECT status = 'machine' FROM messages"))

    async with ending(RingingCalls(SandboxReports(db, clock, Bell().wake), "machine")):
        await eventually(is_over)


@pytest.mark.parametrize(
    ("channel", "report", "by"),
    [
        ("email", "opened", "sendgrid/open-"),
        ("email", "spam", "sendgrid/spamreport-"),
        ("email", "answered", "sandbox/"),
        ("sms", "delivered", "twilio/"),
        ("sms", "answered", "twilio/SM"),
        ("sms", "clicked", "sandbox/"),
        ("whatsapp", "opened", "twilio/"),
        ("voice", "machine", "twilio/"),
        ("push", "opened", "sandbox/"),
    ],
)
async def test_what_a_provider_would_tell_comes_as_its_signed_webhook(
    db: Database, channel: str, report: str, by: str
) -> None:
    id = await sent(db, await enrol(db), channel)
    async with page(db) as api:
        shown = (await api.post(f"/sandbox/messages/{id}/{report}")).json()
    assert (shown["status"], [event["report"] for event in shown["events"]]) == (report, [report])
    assert (await db.pool.fetchval("SELECT event_id FROM message_events")).startswith(by)


async def test_stop_written_on_the_page_opts_out(db: Database) -> None:
    id = await sent(db, await enrol(db), "sms")
    async with page(db) as api:
        shown = (await api.post(f"/sandbox/messages/{id}/answered", json={"text": "STOP"})).json()
    assert (shown["status"], shown["events"]) == ("sent", [])
    assert await db.pool.fetchval("SELECT channel || ' ' || state FROM consents") == "sms opted_out"


async def test_bounce_on_the_page_closes_the_address(db: Database) -> None:
    id = await sent(db, await enrol(db), "email")
    async with page(db) as api:
        await api.post(f"/sandbox/messages/{id}/bounced")
    assert await db.pool.fetchval("SELECT reason FROM suppressions") == "hard bounce 5.1.1: Invalid Address"


async def test_page_signs_for_whatever_address_is_public(db: Database) -> None:
    id = await sent(db, await enrol(db), "sms")
    async with reading(db, now=NOW, public_url="https://proxy.example/sojourn") as api:
        assert (await api.post(f"/sandbox/messages/{id}/delivered")).json()["status"] == "delivered"
