"""What a call does once it is answered: Twilio asks, and is told to talk or to hang up."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import fromstring

import httpx
import pytest
from twilio.request_validator import RequestValidator

from api.voice.app import SCRIPT
from store.database import Database
from store.sandbox import SandboxAccount, SandboxInbox, SandboxMessage

PUBLIC = "http://127.0.0.1:8000"
PHONE = "+4915112345678"
KEY = "7/call_them/1/voice"
CONTENT: dict[str, Any] = {"say": "Ben & Ana <3", "language": "pt", "machine": "hang_up", "timeout": 25}


@pytest.fixture
async def api(api_address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=api_address) as client:
        yield client


async def claim(db: Database, **content: Any) -> None:
    await db.pool.execute(
        "INSERT INTO messages (key, enrolment_id, customer_id, step, visit, channel, message, message_class, status,"
        " attempt, created_at, content) VALUES ($1, 7, 7, 'call', 1, 'voice', 'hi', 'service', 'sent', 1, $2, $3)",
        KEY,
        datetime.now(UTC),
        CONTENT | content,
    )


async def ask(api: httpx.AsyncClient, database_url: str, answered_by: str | None, key: str = KEY) -> httpx.Response:
    """As Twilio does, signed."""
    form = {"CallSid": "CA1", "CallStatus": "in-progress"} | ({"AnsweredBy": answered_by} if answered_by else {})
    asked = str(httpx.URL(SCRIPT, params={"key": key}))
    token = SandboxAccount.of(database_url).auth_token
    signature = RequestValidator(token).compute_signature(PUBLIC + asked, form)
    return await api.post(asked, data=form, headers={"X-Twilio-Signature": signature})


def verbs(answer: httpx.Response) -> list[tuple[str, str | None]]:
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/xml")
    return [(verb.tag, verb.text) for verb in fromstring(answer.content)]


@pytest.mark.parametrize("answered_by", ["human", "unknown", None])
async def test_human_hears_the_message(
    db: Database, database_url: str, api: httpx.AsyncClient, answered_by: str | None
) -> None:
    await claim(db)
    assert verbs(await ask(api, database_url, answered_by)) == [("Say", "Ben & Ana <3")]


@pytest.mark.parametrize("answered_by", ["machine_start", "fax"])
async def test_machine_is_hung_up_on(db: Database, database_url: str, api: httpx.AsyncClient, answered_by: str) -> None:
    await claim(db)
    assert verbs(await ask(api, database_url, answered_by)) == [("Hangup", None)]


async def test_machine_gets_the_message_that_is_for_it(db: Database, database_url: str, api: httpx.AsyncClient) -> None:
    await claim(db, machine="leave_message", play="https://a.example/a.mp3")
    assert verbs(await ask(api, database_url, "machine_end_beep")) == [("Play", "https://a.example/a.mp3")]


async def test_call_that_nobody_knows_says_nothing(database_url: str, api: httpx.AsyncClient) -> None:
    assert verbs(await ask(api, database_url, "human", "8/other/1/voice")) == [("Hangup", None)]
    assert verbs(await ask(api, database_url, "human", "\0")) == [("Hangup", None)]


async def test_strangers_learn_nothing(db: Database, api: httpx.AsyncClient) -> None:
    await claim(db)
    form, signed = {"CallSid": "CA1"}, {"X-Twilio-Signature": "AAAA"}
    answers = [await api.post(SCRIPT, params={"key": KEY}, data=form, headers=it) for it in ({}, signed)]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert "Ben" not in "".join(answer.text for answer in answers)


async def press(db: Database, api: httpx.AsyncClient, report: str, script: str) -> httpx.Response:
    """On the sandbox page, of a call that asks for its script there."""
    details = {"key": KEY, "script": f"{PUBLIC}{script}"}
    await SandboxInbox(db).add([SandboxMessage("twilio", "CA1", "voice", PHONE, PHONE, None, None, None, details)])
    id = await db.pool.fetchval("SELECT id FROM sandbox_messages")
    return await api.post(f"/sandbox/messages/{id}/{report}")


@pytest.mark.parametrize("report", ["answered", "machine"])
async def test_sandbox_asks_what_to_do_when_somebody_answers(db: Database, api: httpx.AsyncClient, report: str) -> None:
    await db.pool.execute(
        "INSERT INTO customers (id, first_seen_at) OVERRIDING SYSTEM VALUE VALUES (7, $1)", datetime.now(UTC)
    )
    await claim(db)
    assert (await press(db, api, report, f"{SCRIPT}?key={KEY}")).json()["status"] == report


async def test_call_that_finds_no_script_does_not_end_well(db: Database, api: httpx.AsyncClient) -> None:
    await claim(db)
    assert (await press(db, api, "answered", "/webhooks/twilio/nothing")).status_code == 404
    assert await db.pool.fetchval("SELECT status FROM messages") == "sent"
