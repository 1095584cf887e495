"""What the channels by Twilio ask of it, held against Twilio's own specification; and what our stand-ins answer."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from activities.channel import Channel, Outgoing
from activities.channels.sms import SmsChannel
from activities.channels.twilio_client import TwilioAccount
from activities.channels.voice import VoiceChannel
from activities.channels.whatsapp import WhatsappChannel
from api.sandbox.twilio_call import call_resource, read_call
from api.sandbox.twilio_message import message_resource, read_message
from scripts.provider import ACCOUNT_SID, AUTH_TOKEN, Provider
from tests.activities.twilio_specification import faults_of_query, faults_of_request, faults_of_resource

PHONE, TO = "+15005550006", "+4915112345678"
SERVICE, TEMPLATE = "MG" + "0" * 32, "HX" + "0" * 32
WORDS = "Grüße 👋 <b>&amp;</b> שלום\nhttps://a.example/?a=1&b=2 " + "x" * 1500
SPOKEN = {"say": WORDS, "language": "pt", "machine": "hang_up", "timeout": 25}
WRITTEN = {"content_sid": TEMPLATE, "variables": {"1": WORDS, "2": '"'}}


@dataclass
class Window:
    is_it: bool

    async def is_open(self, key: str, recipient: str) -> bool:
        return self.is_it


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as provider:
        yield provider


def channel(name: str, account: TwilioAccount, *, is_open: bool) -> Any:
    if name == "voice":
        return VoiceChannel(account)
    return SmsChannel(account) if name == "sms" else WhatsappChannel(account, Window(is_open))


def outgoing(channel: str, sender: str, content: dict[str, Any]) -> Outgoing:
    return Outgoing(f"7/a step/1/{channel}", channel, TO, sender, None, WORDS, None, content)


@pytest.mark.parametrize("reaches_us", [True, False])
@pytest.mark.parametrize(
    ("name", "sender", "content", "is_open"),
    [
        ("sms", PHONE, {}, False),
        ("sms", SERVICE, {}, False),
        ("whatsapp", PHONE, WRITTEN, False),
        ("whatsapp", SERVICE, {**WRITTEN, "variables": {}}, False),
        ("whatsapp", PHONE, {**WRITTEN, "text": WORDS}, False),
        ("whatsapp", PHONE, {**WRITTEN, "text": WORDS}, True),
        ("voice", PHONE, SPOKEN, False),
        ("voice", PHONE, {**SPOKEN, "machine": "leave_message"}, False),
        ("voice", PHONE, {**SPOKEN, "play": "https://a.example/a.mp3"}, False),
    ],
)
async def test_twilio_would_understand(
    provider: Provider, name: str, sender: str, content: dict[str, Any], is_open: bool, reaches_us: bool
) -> None:
    us = "https://us.example" if reaches_us else None
    account = TwilioAccount(ACCOUNT_SID, AUTH_TOKEN, sender, provider.url, us, script=us)
    asking: Channel = channel(name, account, is_open=is_open)
    await asking.send(outgoing(name, sender, content), within=5)
    await asking.close()  # type: ignore[attr-defined]
    [(path, fields)] = provider.asked
    kind = path.rsplit("/", 1)[1].removesuffix(".json")
    assert kind == ("Calls" if name == "voice" else "Messages")
    assert faults_of_request(kind, fields) == []
    assert [value for field, value in fields if field == "StatusCallback"] == (
        [f"{us}?key=7%2Fa%20step%2F1%2F{name}"] if us else []
    )


@pytest.mark.parametrize("machine", ["hang_up", "leave_message"])
async def test_twilio_would_ask_us_for_the_call_that_asks_for_digits(provider: Provider, machine: str) -> None:
    us = "https://us.example"
    channel = VoiceChannel(TwilioAccount(ACCOUNT_SID, AUTH_TOKEN, PHONE, provider.url, us, script=us))
    gather = {"digits": 1, "timeout": 5, "thanks": WORDS, "nothing": WORDS}
    await channel.send(outgoing("voice", PHONE, {**SPOKEN, "machine": machine, "gather": gather}), within=5)
    await channel.close()
    [(_, fields)] = provider.asked
    assert faults_of_request("Calls", fields) == []
    assert ("Url", f"{us}?key=7%2Fa%20step%2F1%2Fvoice") in fields
    assert "Twiml" not in dict(fields)


async def test_odd_characters_arrive_as_they_were_written(provider: Provider) -> None:
    account = TwilioAccount(ACCOUNT_SID, AUTH_TOKEN, PHONE, provider.url)
    for name, content, is_open in (
        ("sms", {}, False),
        ("whatsapp", {**WRITTEN, "text": WORDS}, True),
        ("whatsapp", WRITTEN, False),
        ("voice", SPOKEN, False),
    ):
        asking: Channel = channel(name, account, is_open=is_open)
        await asking.send(outgoing(name, PHONE, content), within=5)
        await asking.close()  # type: ignore[attr-defined]
    sms, free, template, call = (dict(fields) for _, fields in provider.asked)
    assert (sms["Body"], free["Body"]) == (WORDS, WORDS)
    assert json.loads(template["ContentVariables"]) == WRITTEN["variables"]
    assert [say.text for say in ElementTree.fromstring(call["Twiml"]).iter("Say")] == [WORDS]


@pytest.mark.parametrize("name", ["sms", "whatsapp", "voice"])
async def test_twilio_would_find(provider: Provider, name: str) -> None:
    account = TwilioAccount(ACCOUNT_SID, AUTH_TOKEN, PHONE, provider.url)
    asking = channel(name, account, is_open=False)
    by_name: dict[str, dict[str, Any]] = {"sms": {}, "voice": SPOKEN, "whatsapp": WRITTEN}
    began = datetime.now(UTC)
    sent = outgoing(name, PHONE, by_name[name])
    accepted = await asking.send(sent, within=5)
    await asking.send(replace(sent, recipient="+4915112345679"), within=5)
    await asking.send(replace(sent, sender="+15005550007"), within=5)
    found = await asking.look_up(sent, since=began)
    await asking.close()
    assert (found.provider_ids, found.is_proof) == ((accepted.provider_id,), False)
    assert faults_of_query("Calls" if name == "voice" else "Messages", provider.queries[-1]) == []


def test_specification_knows_what_is_wrong() -> None:
    call = [("To", TO), ("From", PHONE)]
    assert faults_of_request("Calls", call) == []
    assert faults_of_request("Calls", [*call, ("Ring", "long")]) != []
    assert faults_of_request("Calls", [*call, ("StatusCallback", "not an address")]) != []
    assert faults_of_request("Messages", [("To", TO), ("ContentSid", "HX1")]) != []
    assert faults_of_request("Calls", [("To", TO)]) != []
    assert faults_of_query("Calls", ["To", "Whom"]) == ["Whom"]


@pytest.mark.parametrize(
    "form",
    [
        {"To": TO, "From": PHONE, "Body": WORDS},
        {"To": TO, "MessagingServiceSid": SERVICE, "Body": "Hello"},
        {"To": f"whatsapp:{TO}", "From": f"whatsapp:{PHONE}", "ContentSid": TEMPLATE, "ContentVariables": '{"1": "x"}'},
        {"To": f"whatsapp:{TO}", "From": f"whatsapp:{PHONE}", "Body": "Hello"},
    ],
)
def test_sandbox_shows_messages_as_twilio_does(form: dict[str, str]) -> None:
    resource = message_resource(read_message(form), ACCOUNT_SID)
    assert faults_of_resource("Messages", resource) == []
    assert (resource["to"], resource["from"]) == (form["To"], form.get("From"))


def test_sandbox_shows_calls_as_twilio_does() -> None:
    twiml = "<Response><Say language='ru-RU'>Алло</Say></Response>"
    call = read_call({"To": TO, "From": PHONE, "Twiml": twiml, "Timeout": "40"})
    assert faults_of_resource("Calls", call_resource(call, ACCOUNT_SID)) == []
    assert (call.text, call.details["language"], call.details["timeout"]) == ("Алло", "ru-RU", 40)
