"""Channels without a provider: what the sandbox takes it takes once, and where people are real nobody pretends."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from activities.channel import Accepted, AccountTrouble, Outgoing
from activities.channels.sandbox import SandboxChannel, UnprovidedChannel, sandbox_id
from runtime.settings import Settings
from store.database import Database
from store.message_reports import report
from store.sandbox import SandboxInbox
from tests.sending import NOW, Desk
from worker.channels import Channels

BROWSER = {"endpoint": "https://push.example/x", "keys": {"p256dh": "BA", "auth": "a"}}
GREETING: dict[str, Any] = {
    "message": "greeting",
    "class": "service",
    "push": {"title": "Hello", "body": "{{ profile.first_name }}", "url": "https://a.example"},
    "web_push": {"title": "Hello", "body": "{{ profile.first_name }}"},
}
ACCOUNTS = {
    "twilio_account_sid": "AC1",
    "twilio_auth_token": SecretStr("t"),
    "twilio_from": "+15005550007",
    "sendgrid_api_key": SecretStr("SG.1"),
    "sendgrid_from": "a@example.com",
}
NEW = ("push", "web_push")


@pytest.fixture
async def hall(desk: Desk) -> Desk:
    """The desk with a message for every channel, and a customer who has everything."""
    inbox = SandboxInbox(desk.db)
    desk.channels |= {name: SandboxChannel(name, "Sojourn", inbox, call_timeout=timedelta(seconds=0.5)) for name in NEW}
    await desk.db.pool.execute("UPDATE journey_versions SET messages = messages || $1", {"greeting": GREETING})
    more = {"push_token": "device-1", "web_push": BROWSER}
    await desk.db.pool.execute("UPDATE customers SET traits = traits || $1", more)
    return desk


@pytest.mark.parametrize(
    ("channel", "text", "details"),
    [
        ("push", "Ana", {"title": "Hello", "url": "https://a.example"}),
        ("web_push", "Ana", {"title": "Hello"}),
    ],
)
async def test_each_channel_sends_to_the_sandbox(hall: Desk, channel: str, text: str, details: dict[str, Any]) -> None:
    receipt = await hall.send(hall.order(channel, message="greeting"))
    assert receipt.verdict == "sent"
    [row] = await hall.db.pool.fetch("SELECT * FROM sandbox_messages")
    message = await hall.row(f"1/send_hello/1/{channel}")
    assert (row["channel"], row["text"], row["recipient"]) == (channel, text, message["recipient"])
    assert row["details"].items() >= {"key": message["key"], **details}.items()
    assert message["content"].items() >= details.items()
    assert message["provider_id"] == row["provider_id"]


@pytest.mark.parametrize("point", ["worker.claimed", "worker.called"])
async def test_cut_off_attempt_puts_the_message_there_once(hall: Desk, point: str) -> None:
    order = hall.order("push", message="greeting")
    await hall.die(order, point)
    assert (await hall.send(order, first=2)).verdict == "sent"
    assert await hall.db.pool.fetchval("SELECT count(*) FROM sandbox_messages") == 1
    assert (await hall.row(order.key))["provider_id"] == sandbox_id(order.key)


async def test_who_has_no_device_gets_no_push(hall: Desk) -> None:
    await hall.db.pool.execute("UPDATE customers SET traits = traits - 'push_token'")
    receipt = await hall.send(hall.order("push", message="greeting"))
    assert (receipt.verdict, receipt.reason) == ("undeliverable", "the customer has no push_token")


async def test_without_a_provider_messages_are_held(hall: Desk) -> None:
    hall.channels["push"] = UnprovidedChannel("push")
    receipt = await hall.send(hall.order("push", message="greeting"))
    assert (receipt.verdict, receipt.reason) == ("held", "no provider is configured for push")
    assert receipt.retry_at is not None
    assert receipt.retry_at > NOW
    assert (await hall.row("1/send_hello/1/push"))["status"] == "held"


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, SandboxChannel),
        (ACCOUNTS | {"twilio_url": "http://127.0.0.1:1", "sendgrid_url": "http://127.0.0.1:1"}, SandboxChannel),
        (ACCOUNTS, UnprovidedChannel),
        ({"environment": "production"}, UnprovidedChannel),
        ({"host": "0.0.0.0"}, UnprovidedChannel),
    ],
    ids=["development", "stand-ins", "real accounts", "production", "reachable"],
)
@pytest.mark.usefixtures("bare_environment")
async def test_nobody_pretends_where_people_are_real(db: Database, settings: dict[str, Any], kind: type) -> None:
    channels = Channels.from_settings(Settings(**settings), db)
    await channels.close()
    assert {type(channels.by_name[name]) for name in NEW} == {kind}


@pytest.mark.parametrize(
    ("settings", "senders"),
    [
        ({}, {"sms": "+15005550006", "whatsapp": "+15005550006", "voice": "+15005550006"}),
        (ACCOUNTS, {"sms": "+15005550007", "whatsapp": "", "voice": "+15005550007"}),
        (
            ACCOUNTS | {"twilio_whatsapp_from": "+15005550008", "twilio_voice_from": "+15005550009"},
            {"sms": "+15005550007", "whatsapp": "+15005550008", "voice": "+15005550009"},
        ),
        (
            ACCOUNTS | {"twilio_from": None, "twilio_messaging_service_sid": "MG1"},
            {"sms": "MG1", "whatsapp": "", "voice": ""},
        ),
        (
            ACCOUNTS | {"twilio_messaging_service_sid": "MG1", "twilio_url": "http://127.0.0.1:1"},
            {"sms": "MG1", "whatsapp": "+15005550006", "voice": "+15005550007"},
        ),
    ],
    ids=["sandbox", "account", "own numbers", "messaging service", "stand-in"],
)
@pytest.mark.usefixtures("bare_environment")
async def test_each_channel_by_twilio_has_its_sender(
    db: Database, settings: dict[str, Any], senders: dict[str, str]
) -> None:
    channels = Channels.from_settings(Settings(**settings), db)
    await channels.close()
    assert {name: channels.by_name[name].sender for name in senders} == senders
    unprovided = {name for name in senders if isinstance(channels.by_name[name], UnprovidedChannel)}
    assert unprovided == {name for name, sender in senders.items() if not sender}


@pytest.mark.usefixtures("bare_environment")
async def test_a_second_account_is_tried_after_the_first(db: Database) -> None:
    both: dict[str, Any] = {
        **ACCOUNTS,
        "twilio_fallback_account_sid": "AC2",
        "twilio_fallback_auth_token": SecretStr("t2"),
        "twilio_fallback_from": "+15005550010",
        "sendgrid_fallback_api_key": SecretStr("SG.2"),
        "sendgrid_fallback_from": "b@example.com",
    }
    settings = Settings(**both)
    assert settings.sends_for_real
    channels = Channels.from_settings(settings, db)
    await channels.close()
    senders = {name: [it.sender for it in route.by_account.values()] for name, route in channels.routes.items()}
    assert senders["sms"] == senders["voice"] == ["+15005550007", "+15005550010"]
    assert senders["email"] == ["a@example.com", "b@example.com"]
    assert [key for key in channels.provider_by_account if key[0] == "sms"] == [("sms", "main"), ("sms", "fallback")]


async def test_unprovided_channel_never_sends() -> None:
    outgoing = Outgoing("1/a/1/voice", "voice", "+4915112345678", "", None, "Hello", None)
    channel = UnprovidedChannel("voice")
    with pytest.raises(AccountTrouble, match="no provider is configured for voice"):
        await channel.send(outgoing, within=1)
    assert (await channel.look_up(outgoing, since=NOW)).provider_ids == ()


async def test_report_may_come_before_the_answer_is_recorded(desk: Desk) -> None:
    """A provider's webhook can be quicker than its own answer."""
    journey = '{"journey": "greeting", "start": [{"on": "Asked"}], "steps": [{"wait": "1d"}]}'
    await desk.db.pool.execute("UPDATE journey_versions SET definition = $1", journey)
    order = desk.order("sms")
    channel = desk.channels["sms"]

    class Hasty:
        def __getattr__(self, name: str) -> Any:
            return getattr(channel, name)

        async def send(self, outgoing: Outgoing, *, within: float) -> Accepted:
            accepted = await channel.send(outgoing, within=within)
            assert await report(desk.db, lambda: NOW, outgoing.key, "delivered", event_id="SM1-delivered")
            return accepted

    desk.channels["sms"] = Hasty()
    receipt = await desk.send(order)
    row = await desk.row()
    [accepted] = desk.provider.accepted
    assert (receipt.verdict, row["status"], row["provider_id"], row["segments"]) == (
        "sent",
        "delivered",
        accepted.id,
        1,
    )
    assert (await desk.send(order)).verdict == "sent"
    assert len(desk.provider.accepted) == 1
