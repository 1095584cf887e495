"""What Twilio tells of messages and calls: in any order, several times, and by whichever name they are called."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from store.database import Database
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


@pytest.fixture
async def play(db: Database) -> AsyncIterator[Providers]:
    async with providers(db) as play:
        yield play


@pytest.fixture
async def ana(db: Database) -> int:
    return await add_customer(db)


async def suppressed(db: Database) -> list[tuple[str, str]]:
    return [tuple(row) for row in await db.pool.fetch("SELECT channel, address FROM suppressions ORDER BY id")]


@pytest.mark.parametrize(
    ("channel", "said", "status"),
    [
        ("sms", "queued", "sent"),
        ("sms", "sent", "sent"),
        ("sms", "delivered", "delivered"),
        ("sms", "undelivered", "failed"),
        ("sms", "failed", "failed"),
        ("sms", "canceled", "failed"),
        ("sms", "read", "sent"),
        ("sms", "eaten", "sent"),
        ("whatsapp", "delivered", "delivered"),
        ("whatsapp", "read", "opened"),
        ("whatsapp", "undelivered", "failed"),
    ],
)
async def test_each_status_of_a_message(
    db: Database, play: Providers, ana: int, channel: str, said: str, status: str
) -> None:
    key = await add_sent(db, ana, channel)
    assert (await play.status(said, key=key)).status_code == 204
    assert await status_of(db, key) == status


async def test_statuses_in_any_order_end_alike(db: Database, play: Providers, ana: int) -> None:
    for number, order in enumerate(itertools.permutations(("queued", "sent", "delivered", "read"))):
        key = await add_sent(db, ana, "whatsapp")
        for said in order * 2:
            await play.status(said, sid=f"SM{number}", key=key)
        assert await status_of(db, key) == "opened", order
        assert sorted(await reports_of(db, key)) == ["delivered", "opened"]


@pytest.mark.parametrize("status", ["claimed", "unknown"])
@pytest.mark.parametrize("said", ["accepted", "queued", "sent", "delivered"])
async def test_marker_proves_that_a_message_in_doubt_went_out(
    db: Database, play: Providers, ana: int, status: str, said: str
) -> None:
    key = await add_sent(db, ana, status=status, sent_at=None, reason="nobody knows")
    await play.status(said, sid="SM42", key=key)
    row: Any = await db.pool.fetchrow("SELECT status, reason, provider_id, sent_at FROM messages")
    assert row["status"] == ("delivered" if said == "delivered" else "sent")
    assert (row["provider_id"], row["reason"], row["sent_at"] is not None) == ("SM42", None, True)


async def test_without_the_marker_the_messages_id_tells_which_it_is(db: Database, play: Providers, ana: int) -> None:
    key = await add_sent(db, ana, provider_id="SM1")
    await play.status("delivered")
    assert await status_of(db, key) == "delivered"


@pytest.mark.parametrize("form", [{}, {"MessageSid": "SM404"}, {"CallSid": "CA404", "CallStatus": "busy"}])
async def test_what_is_none_of_ours_is_harmless(db: Database, play: Providers, ana: int, form: dict[str, str]) -> None:
    key = await add_sent(db, ana)
    assert (await play.twilio("/webhooks/twilio/status?key=%00", form)).status_code == 204
    assert await status_of(db, key) == "sent"


@pytest.mark.parametrize(
    ("code", "is_dead", "is_out"),
    [
        ("30003", False, False),
        ("30005", True, False),
        ("30006", True, False),
        ("30007", False, False),
        ("21610", False, True),
        ("30002", False, False),
        ("12345", False, False),
        ("", False, False),
        ("x", False, False),
    ],
)
async def test_failure_says_what_it_means_for_the_number(
    db: Database, play: Providers, ana: int, code: str, is_dead: bool, is_out: bool
) -> None:
    key = await add_sent(db, ana)
    await play.status("undelivered", key=key, ErrorCode=code, ErrorMessage=f"not {PHONE}")
    assert await suppressed(db) == ([("sms", PHONE)] if is_dead else [])
    assert await consents_of(db, ana) == ([("sms", None, "opted_out")] if is_out else [])
    row: Any = await db.pool.fetchrow("SELECT status, reason FROM messages")
    assert row["status"] == "failed"
    assert row["reason"].startswith(f"twilio {code}: " if code.isdigit() else "it did not")
    assert PHONE not in row["reason"]


async def test_number_without_whatsapp_still_takes_sms(db: Database, play: Providers, ana: int) -> None:
    key = await add_sent(db, ana, "whatsapp")
    await play.status("undelivered", key=key, ErrorCode="63024", To=f"whatsapp:{PHONE}")
    assert await suppressed(db) == [("whatsapp", PHONE)]


@pytest.mark.parametrize(
    ("said", "more", "status"),
    [
        ("initiated", {}, "sent"),
        ("ringing", {}, "sent"),
        ("in-progress", {}, "sent"),
        ("in-progress", {"AnsweredBy": "human"}, "answered"),
        ("in-progress", {"AnsweredBy": "machine_start"}, "machine"),
        ("completed", {"CallDuration": "31"}, "answered"),
        ("completed", {"AnsweredBy": "unknown"}, "answered"),
        ("completed", {"AnsweredBy": "machine_end_beep"}, "machine"),
        ("completed", {"AnsweredBy": "fax"}, "machine"),
        ("busy", {}, "busy"),
        ("no-answer", {}, "no_answer"),
        ("failed", {"SipResponseCode": "404"}, "failed"),
        ("canceled", {}, "failed"),
    ],
)
async def test_each_status_of_a_call(
    db: Database, play: Providers, ana: int, said: str, more: dict[str, Any], status: str
) -> None:
    key = await add_sent(db, ana, "voice")
    assert (await play.call(said, key=key, **more)).status_code == 204
    assert await status_of(db, key) == status


async def test_call_ends_once(db: Database, play: Providers, ana: int) -> None:
    """A machine was told of first, by itself; the end of the call does not make a person of it."""
    key = await add_sent(db, ana, "voice")
    await play.twilio(f"/webhooks/twilio/status?key={key}", {"CallSid": "CA1", "AnsweredBy": "machine_start"})
    for said in ("completed", "ringing", "completed"):
        await play.call(said, key=key)
    assert (await status_of(db, key), await reports_of(db, key)) == ("machine", ["machine"])


async def test_why_a_call_failed_is_kept(db: Database, play: Providers, ana: int) -> None:
    key = await add_sent(db, ana, "voice")
    await play.call("failed", key=key, SipResponseCode="503", CallDuration="0")
    details = await db.pool.fetchval("SELECT details FROM message_events")
    assert details == {"reason": "the call failed (SIP 503)", "seconds": 0}
