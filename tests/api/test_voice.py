"""What a call does once it is answered: Twilio asks, and is told to talk or to hang up."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import fromstring

import httpx
import pytest
from twilio.request_validator import RequestValidator

from api.voice.app import DIGITS, SCRIPT
from store.database import Database
from store.sandbox import SandboxAccount, SandboxInbox, SandboxMessage

PUBLIC = "http://127.0.0.1:8000"
PHONE = "+4915112345678"
KEY = "7/call_them/1/voice"
CONTENT: dict[str, Any] = {"say": "Ben & Ana <3 👩\u200d💻 שלום", "language": "pt", "machine": "hang_up", "timeout": 25}


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
    assert verbs(await ask(api, database_url, answered_by)) == [("Say", CONTENT["say"])]


@pytest.mark.parametrize("answered_by", ["machine_start", "fax"])
async def test_machine_is_hung_up_on(db: Database, database_url: str, api: httpx.AsyncClient, answered_by: str) -> None:
    await add_customer(db)
    await claim(db)
    assert verbs(await ask(api, database_url, answered_by)) == [("Hangup", None)]
    assert await db.pool.fetchval("SELECT status FROM messages") == "machine"


async def test_machine_gets_the_message_that_is_for_it(db: Database, database_url: str, api: httpx.AsyncClient) -> None:
    await add_customer(db)
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


async def press(db: Database, api: httpx.AsyncClient, report: str, script: str, **body: str) -> httpx.Response:
    """On the sandbox page, of a call that asks for its script there."""
    details = {"key": KEY, "script": f"{PUBLIC}{script}"}
    await SandboxInbox(db).add([SandboxMessage("twilio", "CA1", "voice", PHONE, PHONE, None, None, None, details)])
    id = await db.pool.fetchval("SELECT id FROM sandbox_messages")
    return await api.post(f"/sandbox/messages/{id}/{report}", json=body or None)


@pytest.mark.parametrize("report", ["answered", "machine"])
async def test_sandbox_asks_what_to_do_when_somebody_answers(db: Database, api: httpx.AsyncClient, report: str) -> None:
    await add_customer(db)
    await claim(db)
    assert (await press(db, api, report, f"{SCRIPT}?key={KEY}")).json()["status"] == report


async def test_call_that_finds_no_script_does_not_end_well(db: Database, api: httpx.AsyncClient) -> None:
    await claim(db)
    assert (await press(db, api, "answered", "/webhooks/twilio/nothing")).status_code == 404
    assert await db.pool.fetchval("SELECT status FROM messages") == "sent"


ASKS = {"digits": 1, "timeout": 5, "thanks": "We call you back"}
PRESSED = "SELECT report, details FROM message_events ORDER BY id"


async def pressed(api: httpx.AsyncClient, database_url: str, digits: str, path: str | None = None) -> httpx.Response:
    """As Twilio does, signed, at the address that the call was given."""
    path = path or str(httpx.URL(DIGITS, params={"key": KEY}))
    form = {"CallSid": "CA1", "CallStatus": "in-progress", "Digits": digits}
    signature = RequestValidator(SandboxAccount.of(database_url).auth_token).compute_signature(PUBLIC + path, form)
    return await api.post(path, data=form, headers={"X-Twilio-Signature": signature})


async def add_customer(db: Database) -> None:
    await db.pool.execute(
        "INSERT INTO customers (id, first_seen_at) OVERRIDING SYSTEM VALUE VALUES (7, $1)", datetime.now(UTC)
    )


async def test_digits_are_told_once_to_where_the_call_says(
    db: Database, database_url: str, api: httpx.AsyncClient
) -> None:
    await add_customer(db)
    await claim(db, gather=ASKS)
    [gather] = fromstring((await ask(api, database_url, "human")).content)
    action = gather.attrib["action"].removeprefix(PUBLIC)
    for _ in range(2):
        answer = await pressed(api, database_url, "1", action)
        assert verbs(answer) == [("Say", "We call you back"), ("Hangup", None)]
    [row] = await db.pool.fetch(PRESSED)
    assert (row["report"], row["details"]) == ("pressed", {"digits": "1"})
    assert await db.pool.fetchval("SELECT status FROM messages") == "sent"


@pytest.mark.parametrize(("digits", "gather"), [("", ASKS), ("1; drop", ASKS), ("1" * 21, ASKS), ("1", None)])
async def test_what_is_no_answer_to_a_question_is_not_taken(
    db: Database, database_url: str, api: httpx.AsyncClient, digits: str, gather: Any
) -> None:
    await claim(db, gather=gather)
    assert (await pressed(api, database_url, digits)).status_code == 200
    assert await db.pool.fetch(PRESSED) == []


async def test_digits_of_strangers_are_refused(db: Database, api: httpx.AsyncClient) -> None:
    await claim(db, gather=ASKS)
    answer = await api.post(DIGITS, params={"key": KEY}, data={"CallSid": "CA1", "Digits": "1"})
    assert (answer.status_code, await db.pool.fetch(PRESSED)) == (403, [])


@pytest.mark.parametrize(("keys", "digits"), [("2", "2"), ("2#", "2"), ("0042#7", "004")])
async def test_sandbox_presses_and_the_call_is_answered(
    db: Database, api: httpx.AsyncClient, keys: str, digits: str
) -> None:
    """As Twilio tells it: at most as many as were asked for, and without the key that ends them."""
    await add_customer(db)
    await claim(db, gather={**ASKS, "digits": 3})
    shown = (await press(db, api, "pressed", f"{SCRIPT}?key={KEY}", text=keys)).json()
    assert (shown["status"], [(it["report"], it["text"]) for it in shown["events"]]) == (
        "answered",
        [("pressed", digits), ("answered", None)],
    )
