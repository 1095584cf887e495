"""The sandbox against the real SDKs over HTTP: it answers as the providers do, and keeps what it took."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from activities.channel import AccountTrouble, DeadAddress, OptedOut, Outgoing, Refused, SendError
from activities.channels.email import EmailChannel, SendGridAccount
from activities.channels.sms import SmsChannel
from activities.channels.twilio_client import TwilioAccount
from activities.channels.voice import VoiceChannel
from activities.channels.whatsapp import WhatsappChannel
from api.sandbox.app import sandbox_router
from api.sandbox.reports import SandboxReports
from store.database import Database
from store.sandbox import SandboxAccount, SandboxInbox
from store.whatsapp_windows import WhatsappWindows

SMS = Outgoing("7/hi/1/sms", "sms", "+4915112345678", "+15005550006", None, "Hello 👋", None)
EMAIL = Outgoing("7/hi/1/email", "email", "o'hara@example.com", "S <s@example.com>", "Hi", "Hello", "<p>Hello</p>")


CALL = Outgoing(
    "7/hi/1/voice",
    "voice",
    "+4915112345678",
    "+15005550006",
    None,
    "Hello",
    None,
    {"say": "Hello", "language": "de", "machine": "leave_message", "timeout": 40},
)
WHATSAPP = Outgoing(
    "7/hi/1/whatsapp",
    "whatsapp",
    "+4915112345678",
    "+15005550006",
    None,
    "Ana",
    None,
    {"content_sid": "HX" + "0" * 32, "variables": {"1": "Ana", "2": "flat 7"}},
)
BY_PHONE = {"sms": SMS, "voice": CALL, "whatsapp": WHATSAPP}


@dataclass
class Sandbox:
    url: str
    account: SandboxAccount
    sms: SmsChannel
    email: EmailChannel
    voice: VoiceChannel
    whatsapp: WhatsappChannel
    http: httpx.AsyncClient


@asynccontextmanager
async def running(db: Database) -> AsyncIterator[Sandbox]:
    account, inbox = SandboxAccount.of("postgresql://here/sojourn"), SandboxInbox(db)
    app = FastAPI()
    reports = SandboxReports(db, lambda: datetime.now(UTC), lambda: None)
    app.include_router(sandbox_router(account, lambda: inbox, lambda: reports))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/sandbox"
    twilio = TwilioAccount(
        account.account_sid, account.auth_token, account.phone, f"{url}/twilio", "https://x.test/sms"
    )
    sms = SmsChannel(twilio)
    email = EmailChannel(SendGridAccount(account.api_key, account.email, f"{url}/sendgrid"))
    voice, whatsapp = VoiceChannel(twilio), WhatsappChannel(twilio, WhatsappWindows(db))
    async with httpx.AsyncClient(base_url=url) as http:
        yield Sandbox(url, account, sms, email, voice, whatsapp, http)
    for channel in (sms, email, voice, whatsapp):
        await channel.close()
    server.should_exit = True
    await serving


@pytest.fixture
async def sandbox(db: Database) -> AsyncIterator[Sandbox]:
    async with running(db) as sandbox:
        yield sandbox


async def test_takes_an_sms_and_finds_it_again(sandbox: Sandbox) -> None:
    began = datetime.now(UTC)
    accepted = await sandbox.sms.send(SMS, within=5)
    found = await sandbox.sms.look_up(SMS, since=began)
    assert accepted.segments == 1
    assert found.provider_ids == (accepted.provider_id,)
    assert (await sandbox.sms.look_up(replace(SMS, text="Something else"), since=began)).provider_ids == ()


@pytest.mark.parametrize("name", ["whatsapp", "voice"])
async def test_takes_it_and_finds_it_among_all_that_went_to_the_number(sandbox: Sandbox, name: str) -> None:
    began = datetime.now(UTC)
    accepted = {it: await getattr(sandbox, it).send(outgoing, within=5) for it, outgoing in BY_PHONE.items()}
    found = await getattr(sandbox, name).look_up(BY_PHONE[name], since=began)
    assert found.provider_ids == (accepted[name].provider_id,)


async def test_page_shows_what_a_call_says_and_a_template_is_filled_with(sandbox: Sandbox) -> None:
    await sandbox.voice.send(CALL, within=5)
    await sandbox.whatsapp.send(WHATSAPP, within=5)
    whatsapp, call = (await sandbox.http.get("/messages")).json()["messages"]
    assert (call["channel"], call["text"], call["recipient"]) == ("voice", "Hello", CALL.recipient)
    assert call["details"] == {"language": "de-DE", "machine": "leave_message", "timeout": 40}
    assert (whatsapp["channel"], whatsapp["text"], whatsapp["recipient"]) == (
        "whatsapp",
        "Ana · flat 7",
        CALL.recipient,
    )
    assert whatsapp["details"] == WHATSAPP.content


async def test_call_that_asks_us_later_is_shown_and_rings_out(db: Database, sandbox: Sandbox) -> None:
    content = CALL.content | {"machine": "hang_up"}
    account = sandbox.account
    voice = VoiceChannel(
        TwilioAccount(
            account.account_sid,
            account.auth_token,
            account.phone,
            f"{sandbox.url}/twilio",
            "https://x.test/status",
            script="https://x.test/voice",
        )
    )
    await db.pool.execute(
        "INSERT INTO messages (key, enrolment_id, customer_id, step, visit, channel, message, message_class, status,"
        " attempt, created_at, body, content) VALUES ($1, 7, 7, 'hi', 1, 'voice', 'hi', 'service', 'claimed', 1, $2,"
        " 'Hello', $3)",
        CALL.key,
        datetime.now(UTC),
        content,
    )
    accepted = await voice.send(replace(CALL, content=content), within=5)
    await voice.close()
    [call] = (await sandbox.http.get("/messages")).json()["messages"]
    assert (call["text"], call["details"]) == ("Hello", {"language": "de", "machine": "hang_up", "timeout": 40})
    await db.pool.execute(
        "UPDATE messages SET status = 'sent', sent_at = created_at, provider_id = $1", accepted.provider_id
    )
    inbox, ringing = SandboxInbox(db), await db.pool.fetchval("SELECT sent_at FROM messages")
    assert await inbox.rung_out(ringing + timedelta(seconds=39)) == []
    assert await inbox.rung_out(ringing + timedelta(seconds=40)) == [(call["id"], CALL.key)]


async def test_takes_a_mail_and_finds_it_by_our_key(sandbox: Sandbox) -> None:
    began = datetime.now(UTC)
    accepted = await sandbox.email.send(EMAIL, within=5)
    found = await sandbox.email.look_up(EMAIL, since=began)
    assert (found.provider_ids, found.is_proof) == ((accepted.provider_id,), True)
    assert (await sandbox.email.look_up(replace(EMAIL, key="8/hi/1/email"), since=began)).provider_ids == ()


async def test_a_messaging_service_sends_too(sandbox: Sandbox) -> None:
    service = replace(SMS, sender="MG" + "0" * 32)
    began = datetime.now(UTC)
    accepted = await sandbox.sms.send(service, within=5)
    assert accepted.segments is None
    assert (await sandbox.sms.look_up(service, since=began)).provider_ids == (accepted.provider_id,)


async def test_keeps_its_messages_over_a_restart(db: Database) -> None:
    async with running(db) as sandbox:
        accepted = await sandbox.sms.send(SMS, within=5)
    async with running(db) as sandbox:
        found = await sandbox.sms.look_up(SMS, since=datetime.now(UTC))
    assert found.provider_ids == (accepted.provider_id,)


@pytest.mark.parametrize(
    ("outgoing", "error", "reason"),
    [
        (replace(SMS, recipient="+15005550001"), DeadAddress, "21211"),
        (replace(SMS, recipient="12"), DeadAddress, "21211"),
        (replace(SMS, recipient="+15005550009"), DeadAddress, "21614"),
        (replace(SMS, recipient="+15005550004"), OptedOut, "21610"),
        (replace(SMS, recipient="+15005550003"), AccountTrouble, "21408"),
        (replace(SMS, sender=""), AccountTrouble, "21603"),
        (replace(SMS, text=""), Refused, "21602"),
        (replace(SMS, text="x" * 1601), Refused, "21617"),
        (replace(CALL, recipient="+15005550001"), DeadAddress, "21217"),
        (replace(CALL, recipient="12"), DeadAddress, "21217"),
        (replace(CALL, recipient="+15005550003"), AccountTrouble, "21215"),
        (replace(CALL, recipient="+15005550004"), Refused, "21216"),
        (replace(CALL, sender=""), AccountTrouble, "21213"),
        (replace(CALL, sender="12"), AccountTrouble, "21212"),
        (replace(WHATSAPP, recipient="12"), DeadAddress, "21211"),
        (replace(WHATSAPP, content={**WHATSAPP.content, "variables": {"1": ""}}), Refused, "21656"),
        (replace(EMAIL, recipient="nobody"), DeadAddress, "sendgrid 400"),
        (replace(EMAIL, sender="nobody"), AccountTrouble, "sendgrid 400"),
        (replace(EMAIL, subject=""), Refused, "sendgrid 400"),
    ],
)
async def test_refuses_as_the_provider_would(
    sandbox: Sandbox, outgoing: Outgoing, error: type[SendError], reason: str
) -> None:
    channel = getattr(sandbox, outgoing.channel)
    with pytest.raises(error, match=reason):
        await channel.send(outgoing, within=5)
    assert (await sandbox.http.get("/messages")).json() == {"messages": []}


async def test_strangers_are_turned_away(sandbox: Sandbox) -> None:
    account = replace(sandbox.account, auth_token="guessed", api_key="guessed")
    sms = SmsChannel(TwilioAccount(account.account_sid, account.auth_token, account.phone, f"{sandbox.url}/twilio"))
    email = EmailChannel(SendGridAccount(account.api_key, account.email, f"{sandbox.url}/sendgrid"))
    with pytest.raises(AccountTrouble, match="20003"):
        await sms.send(SMS, within=5)
    with pytest.raises(AccountTrouble, match="401"):
        await email.send(EMAIL, within=5)
    await sms.close()
    await email.close()


async def test_an_account_follows_from_its_database_alone() -> None:
    assert SandboxAccount.of("postgresql://a/x") == SandboxAccount.of("postgresql://a/x")
    assert SandboxAccount.of("postgresql://a/x").auth_token != SandboxAccount.of("postgresql://a/y").auth_token


async def test_twilios_list_pages(sandbox: Sandbox) -> None:
    for number in range(3):
        await sandbox.sms.send(replace(SMS, text=str(number)), within=5)
    path = f"/twilio/2010-04-01/Accounts/{sandbox.account.account_sid}/Messages.json"
    auth = (sandbox.account.account_sid, sandbox.account.auth_token)
    first = (await sandbox.http.get(path, params={"To": SMS.recipient, "PageSize": 2}, auth=auth)).json()
    second = (await sandbox.http.get(f"/twilio{first['next_page_uri']}", auth=auth)).json()
    assert [m["body"] for m in first["messages"]] == ["2", "1"]
    assert ([m["body"] for m in second["messages"]], second["next_page_uri"]) == (["0"], None)


async def test_one_message_is_fetched_and_an_unknown_one_is_not_found(sandbox: Sandbox) -> None:
    accepted = await sandbox.sms.send(SMS, within=5)
    path = f"/twilio/2010-04-01/Accounts/{sandbox.account.account_sid}/Messages"
    auth = (sandbox.account.account_sid, sandbox.account.auth_token)
    message = (await sandbox.http.get(f"{path}/{accepted.provider_id}.json", auth=auth)).json()
    missing = await sandbox.http.get(f"{path}/SM0.json", auth=auth)
    assert (message["to"], message["body"], message["direction"]) == (SMS.recipient, SMS.text, "outbound-api")
    assert (missing.status_code, missing.json()["code"]) == (404, 20404)


async def test_a_query_that_the_logs_do_not_know_is_refused(sandbox: Sandbox) -> None:
    headers = {"Authorization": f"Bearer {sandbox.account.api_key}"}
    answer = await sandbox.http.post("/sendgrid/v3/logs", json={"query": "1 = 1"}, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "query")


async def test_the_page_shows_messages_newest_first(sandbox: Sandbox) -> None:
    await sandbox.sms.send(SMS, within=5)
    await sandbox.email.send(EMAIL, within=5)
    shown = (await sandbox.http.get("/messages")).json()["messages"]
    assert [m["recipient"] for m in shown] == [EMAIL.recipient, SMS.recipient]
    assert (shown[0]["subject"], shown[0]["text"], shown[0]["html"]) == ("Hi", "Hello", "<p>Hello</p>")
    newer = (await sandbox.http.get("/messages", params={"after": shown[1]["id"]})).json()["messages"]
    older = (await sandbox.http.get("/messages", params={"before": shown[0]["id"]})).json()["messages"]
    assert (newer, older) == (shown[:1], shown[1:])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"customer": "+4915112345678"}, ["sms"]),
        ({"customer": "O'Hara"}, ["email"]),
        ({"customer": "7"}, ["email", "sms"]),
        ({"customer": "crm-7"}, ["email", "sms"]),
        ({"customer": "nobody"}, []),
        ({"customer": "7", "channel": "sms"}, ["sms"]),
        ({"channel": "email"}, ["email"]),
        ({"customer": "  "}, ["email", "sms"]),
    ],
)
async def test_the_page_filters(db: Database, sandbox: Sandbox, query: dict[str, str], found: list[str]) -> None:
    now = datetime.now(UTC)
    await db.pool.execute("INSERT INTO identifiers (kind, value, customer_id) VALUES ('user_id', 'crm-7', 7)")
    for outgoing, channel in ((SMS, sandbox.sms), (EMAIL, sandbox.email)):
        await db.pool.execute(
            "INSERT INTO messages (key, enrolment_id, customer_id, step, visit, channel, message, message_class,"
            " status, attempt, created_at, claimed_at)"
            " VALUES ($1, 7, 7, 'hi', 1, $2, 'hi', 'service', 'sent', 1, $3, $3)",
            outgoing.key,
            outgoing.channel,
            now,
        )
        await channel.send(outgoing, within=5)
    shown = (await sandbox.http.get("/messages", params=query)).json()["messages"]
    assert [m["channel"] for m in shown] == found
    assert all((m["customer_id"], m["step"], datetime.fromisoformat(m["at"])) == (7, "hi", now) for m in shown)


@pytest.mark.parametrize("path", ["", "/pocket"])
async def test_the_page_runs_nothing_from_elsewhere_and_nothing_from_a_mail(sandbox: Sandbox, path: str) -> None:
    page = await sandbox.http.get(sandbox.url + path)
    policy = page.headers["content-security-policy"]
    assert page.status_code == 200
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert 'sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert "allow-scripts" not in page.text
    assets = re.findall(r'(?:href|src)="/sandbox(/\S+\.(?:css|js))"', page.text)
    assert len(assets) > 1
    for asset in (*assets, "/parts.js"):
        answer = await sandbox.http.get(asset)
        kind = "text/css" if asset.endswith(".css") else "text/javascript"
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, kind)
