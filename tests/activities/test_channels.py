"""What the channels say to their providers, and what they keep to themselves."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import REGISTRY

from activities.channel import Ambiguous, Channel, NotAccepted, Outgoing, SendError
from activities.channels.email import EmailChannel, SendGridAccount
from activities.channels.sms import SmsChannel
from activities.channels.twilio_client import UNDER_WAY, TwilioAccount
from activities.channels.twilio_errors import MEANINGS, judge
from activities.channels.voice import VoiceChannel
from activities.channels.whatsapp import WhatsappChannel
from scripts.provider import ACCOUNT_SID, API_KEY, AUTH_TOKEN, FAULTS, Fault, Provider

SECRETS = ("+4915112345678", "ana@example.com", "Guten Tag", AUTH_TOKEN, API_KEY)
SMS = Outgoing("7/hi/1/sms", "sms", "+4915112345678", "+15005550006", None, "Guten Tag", None)
EMAIL = Outgoing("7/hi/1/email", "email", "ana@example.com", "S <s@example.com>", "Guten Tag", "Guten Tag", "<p>.</p>")
CALL = replace(
    SMS,
    key="7/hi/1/voice",
    channel="voice",
    content={"say": "Guten Tag", "language": "de", "machine": "leave_message", "timeout": 25},
)
WHATSAPP = replace(
    SMS,
    key="7/hi/1/whatsapp",
    channel="whatsapp",
    content={"content_sid": "HX" + "0" * 32, "variables": {"1": "Guten Tag"}},
)
OUTGOING = {"sms": SMS, "whatsapp": WHATSAPP, "voice": CALL, "email": EMAIL}


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider(hang=1) as provider:
        yield provider


class Closed:
    """Nobody has written to us."""

    async def is_open(self, key: str, recipient: str) -> bool:
        return False


@pytest.fixture(params=list(OUTGOING))
async def channel(request: pytest.FixtureRequest, provider: Provider) -> AsyncIterator[Channel]:
    channel = make(request.param, provider.url)
    yield channel
    await channel.close()


def make(name: str, url: str) -> Any:
    account = TwilioAccount(ACCOUNT_SID, AUTH_TOKEN, "+15005550006", url)
    match name:
        case "sms":
            return SmsChannel(account)
        case "whatsapp":
            return WhatsappChannel(account, Closed())
        case "voice":
            return VoiceChannel(account)
        case _:
            return EmailChannel(SendGridAccount(API_KEY, "S <s@example.com>", url))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("drop", Ambiguous),
        ("accept_then_drop", Ambiguous),
        ("too_many", NotAccepted),
        ("error_after_accept", Ambiguous),
        ("unavailable", Ambiguous),
        ("hang", Ambiguous),
    ],
)
async def test_each_fault_is_called_what_it_is(
    provider: Provider, channel: Channel, fault: Fault, error: type[SendError]
) -> None:
    provider.fail(fault)
    with pytest.raises(SendError) as raised:
        await channel.send(OUTGOING[channel.name], within=0.3)
    assert type(raised.value) is error


@pytest.mark.parametrize("name", list(OUTGOING))
async def test_a_refused_connection_is_surely_not_accepted(name: str) -> None:
    channel = make(name, "http://127.0.0.1:9")
    with pytest.raises(NotAccepted):
        await channel.send(OUTGOING[name], within=2)
    await channel.close()


@pytest.mark.parametrize("name", list(OUTGOING))
async def test_an_answer_that_makes_no_sense_is_ambiguous(name: str) -> None:
    async def mumble(request: web.Request) -> web.Response:
        is_mail = request.path.endswith("/mail/send")
        return web.Response(status=500 if is_mail else 201, text="<html>")

    async with behind(mumble, name) as channel:
        with pytest.raises(Ambiguous):
            await channel.send(OUTGOING[name], within=2)
        with pytest.raises(Ambiguous):
            await channel.look_up(OUTGOING[name], since=datetime.now(UTC))


@asynccontextmanager
async def behind(answer: Callable[[web.Request], Awaitable[web.StreamResponse]], name: str) -> AsyncIterator[Channel]:
    """A channel whose provider answers everything so."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    channel = make(name, f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield channel
    finally:
        await channel.close()
        await runner.cleanup()


@pytest.mark.parametrize("name", list(OUTGOING))
async def test_the_deadline_holds_against_an_answer_that_trickles(name: str) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=201)
        await response.prepare(request)
        for _ in range(20):
            await response.write(b" ")
            await asyncio.sleep(0.1)
        return response

    async with behind(trickle, name) as channel:
        began = asyncio.get_running_loop().time()
        with pytest.raises(Ambiguous):
            await channel.send(OUTGOING[name], within=0.3)
        assert asyncio.get_running_loop().time() - began < 1


@pytest.mark.parametrize("name", ["sms", "whatsapp", "voice"])
async def test_what_twilio_says_that_it_has_under_way_can_be_watched(name: str) -> None:
    async def busy(_: web.Request) -> web.Response:
        return web.json_response({}, status=429, headers={"Twilio-Concurrent-Requests": "97"})

    async with behind(busy, name) as channel:
        with pytest.raises(NotAccepted):
            await channel.send(OUTGOING[name], within=2)
    watched = REGISTRY.get_sample_value("sojourn_twilio_concurrent_requests", {"account_sid": ACCOUNT_SID})
    assert watched == 97
    UNDER_WAY.clear()


async def test_the_providers_wish_when_to_come_back_is_kept(provider: Provider, channel: Channel) -> None:
    provider.retry_after = "7"
    provider.fail("too_many")
    with pytest.raises(NotAccepted) as raised:
        await channel.send(OUTGOING[channel.name], within=2)
    assert raised.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("fault", [*FAULTS, None])
async def test_neither_errors_nor_logs_hold_what_was_sent(
    provider: Provider, channel: Channel, fault: Fault | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    words = f"{SMS.recipient} {EMAIL.recipient} {SMS.text}"
    if fault:
        provider.fail(fault)
    else:
        provider.refuse(400, {"code": 21211, "message": words, "errors": [{"message": words}]})
    with pytest.raises(SendError) as raised:
        await channel.send(OUTGOING[channel.name], within=0.3)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    said = f"{raised.value!r} {caplog.text}"
    assert [secret for secret in SECRETS if secret in said] == []


async def test_an_sms_tells_where_to_report_and_which_it_is(provider: Provider) -> None:
    account = TwilioAccount(
        ACCOUNT_SID, AUTH_TOKEN, "+15005550006", provider.url, "https://us.test/webhooks/twilio/status"
    )
    channel = SmsChannel(account)
    await channel.send(SMS, within=2)
    await channel.close()
    assert provider.accepted[0].key == "7/hi/1/sms"


async def test_a_look_up_sees_only_what_is_alike(provider: Provider) -> None:
    channel = make("sms", provider.url)
    began = datetime.now(UTC)
    for outgoing in (SMS, replace(SMS, text="Guten Abend"), replace(SMS, sender="+15005550007")):
        await channel.send(outgoing, within=2)
    ours = provider.accepted[0].id
    assert (await channel.look_up(SMS, since=began)).provider_ids == (ours,)
    assert (await channel.look_up(SMS, since=began + timedelta(minutes=2))).provider_ids == ()
    await channel.close()


async def test_a_hundred_at_once_arrive(provider: Provider, channel: Channel) -> None:
    outgoing = OUTGOING[channel.name]
    await asyncio.gather(*(channel.send(replace(outgoing, key=str(n)), within=10) for n in range(100)))
    assert len(provider.accepted) == 100


def test_every_code_has_one_meaning() -> None:
    codes = [code for texts in MEANINGS.values() for code in texts]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 21610, "OptedOut"),
        (400, 99999, "Refused"),
        (400, None, "Refused"),
        (401, 99999, "AccountTrouble"),
        (429, None, "NotAccepted"),
        (500, None, "Ambiguous"),
        (503, 20503, "Ambiguous"),
        (302, None, "Ambiguous"),
    ],
)
def test_a_code_that_nobody_knows_is_judged_by_its_status(status: int, code: int | None, kind: str) -> None:
    assert type(judge(status, code)).__name__ == kind
