"""Push in browsers and apps: read by a browser's own keys, signed as services ask, each refusal called by name."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from activities.channel import (
    AccountTrouble,
    Ambiguous,
    Channel,
    DeadAddress,
    NotAccepted,
    Outgoing,
    Refused,
    SendError,
    Unknowable,
)
from activities.channels.google_token import ServiceAccount
from activities.channels.push import FcmAccount, PushChannel
from activities.channels.web_push import WebPushAccount, WebPushChannel
from language.address import address
from runtime.settings import load_settings
from store.database import Database
from tests.activities.push_services import (
    PROJECT,
    TOKEN,
    VAPID_KEY,
    Browser,
    PushServices,
    fcm_error,
    push_services,
)
from tests.sending import NOW, Desk
from worker.channels import Channels

CONTENT = {"title": "Your flat", "body": "Guten Tag", "url": "https://flats.test/7"}
BROWSER = Browser()
WEB_PUSH = Outgoing(
    "7/hi/1/web_push",
    "web_push",
    address("web_push", {"web_push": BROWSER.subscription()}),
    "mailto:ops@flats.test",
    "Your flat",
    "Guten Tag",
    None,
    CONTENT,
    "promotional",
)
PUSH = replace(WEB_PUSH, key="7/hi/1/push", channel="push", recipient=TOKEN)
OUTGOING = {"web_push": WEB_PUSH, "push": PUSH}
SECRETS = ("secret-of-ana", TOKEN, "Guten Tag", VAPID_KEY, "ya29")


@pytest.fixture
async def services() -> AsyncIterator[PushServices]:
    async with push_services() as services:
        yield services


@pytest.fixture(params=list(OUTGOING))
async def channel(request: pytest.FixtureRequest, services: PushServices) -> AsyncIterator[Channel]:
    channel = make(request.param, services, services.url)
    yield channel
    await channel.close()


@pytest.fixture
async def web_push(services: PushServices) -> AsyncIterator[WebPushChannel]:
    channel = make("web_push", services, services.url)
    yield channel
    await channel.close()


@pytest.fixture
async def push(services: PushServices) -> AsyncIterator[PushChannel]:
    channel = make("push", services, services.url)
    yield channel
    await channel.close()


def make(name: str, services: PushServices, url: str) -> Any:
    if name == "web_push":
        return WebPushChannel(WebPushAccount(VAPID_KEY, "mailto:ops@flats.test", url=url))
    return PushChannel(FcmAccount(ServiceAccount.read(json.dumps(services.service_account())), url))


async def error_of(channel: Channel, outgoing: Outgoing | None = None, *, within: float = 2) -> SendError:
    with pytest.raises(SendError) as raised:
        await channel.send(outgoing or OUTGOING[channel.name], within=within)
    return raised.value


async def test_the_browser_reads_what_was_sent(services: PushServices, web_push: WebPushChannel) -> None:
    accepted = await web_push.send(WEB_PUSH, within=2)
    [asked] = services.asked
    told = BROWSER.read(asked.body)
    assert told == {"title": "Your flat", "body": "Guten Tag", "url": CONTENT["url"], "tag": asked.headers["Topic"]}
    assert (asked.path, accepted.provider_id) == ("/fcm/send/secret-of-ana", f"{services.url}/message/1")
    assert (asked.headers["Urgency"], asked.headers["TTL"]) == ("low", str(3 * 24 * 60 * 60))


ODD = "Grüße 👩\u200d💻 שלום مرحبا e\u0301 \"<>&;,' \\ %0A {{1}} 漢字\u2028" + "ß" * 400


async def test_odd_characters_reach_browsers_and_apps_as_they_were_written(
    services: PushServices, web_push: WebPushChannel, push: PushChannel
) -> None:
    odd: dict[str, Any] = {"subject": ODD, "text": ODD + "2", "content": {"title": ODD, "body": ODD + "2"}}
    for channel, outgoing in ((web_push, WEB_PUSH), (push, PUSH)):
        await channel.send(replace(outgoing, **odd), within=2)
    to_browser, to_app = (asked.body for asked in services.asked if "token" not in asked.path)
    told = BROWSER.read(to_browser)
    assert (told["title"], told["body"]) == (ODD, ODD + "2")
    assert json.loads(to_app)["message"]["notification"] == {"title": ODD, "body": ODD + "2"}


async def test_web_push_is_signed_for_the_subscriptions_service(
    services: PushServices, web_push: WebPushChannel
) -> None:
    await web_push.send(WEB_PUSH, within=2)
    scheme, _, parts = services.asked[0].headers["Authorization"].partition(" ")
    signed, public = (part.partition("=")[2] for part in parts.split(","))
    key = ec.derive_private_key(int.from_bytes(bytes(range(1, 33))), ec.SECP256R1()).public_key()
    claims = jwt.decode(signed, key, ["ES256"], audience="https://fcm.googleapis.com")
    assert (scheme, claims["sub"], len(public)) == ("vapid", "mailto:ops@flats.test", 87)


async def test_the_same_message_again_takes_the_place_of_the_first(
    services: PushServices, web_push: WebPushChannel
) -> None:
    for outgoing in (WEB_PUSH, WEB_PUSH, replace(WEB_PUSH, key="8/hi/1/web_push")):
        await web_push.send(outgoing, within=2)
    first, again, other = (asked.headers["Topic"] for asked in services.asked)
    assert first == again != other
    assert len(first) <= 32


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((404, {}, {}), DeadAddress),
        ((410, {}, {}), DeadAddress),
        ((400, {}, {}), Refused),
        ((401, {}, {}), AccountTrouble),
        ((403, {}, {}), Refused),
        ((413, {}, {}), Refused),
        ((429, {}, {}), NotAccepted),
        ((307, {}, {"Location": "http://127.0.0.1:9/"}), Refused),
        ((500, {}, {}), Ambiguous),
        ((503, {}, {}), Ambiguous),
        ((503, {}, {"Retry-After": "7"}), NotAccepted),
    ],
)
async def test_each_answer_to_web_push_has_its_meaning(
    services: PushServices, web_push: WebPushChannel, answer: Any, error: type[SendError]
) -> None:
    services.answer = answer
    assert type(await error_of(web_push)) is error
    assert len(services.asked) == 1


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/x",
        "https://fcm.googleapis.com:8443/x",
        "https://127.0.0.1/x",
        "https://evil.test/fcm.googleapis.com",
        "https://evilfcm.googleapis.com/x",
        "https://fcm.googleapis.com@evil.test/x",
        "https://evil.test\\.push.apple.com/x",
        "https://[::1/x",
    ],
)
async def test_nobody_is_asked_but_push_services(
    services: PushServices, web_push: WebPushChannel, endpoint: str
) -> None:
    recipient = json.dumps(BROWSER.subscription(endpoint))
    error = await error_of(web_push, replace(WEB_PUSH, recipient=recipient))
    assert type(error) in (Refused, DeadAddress)
    assert services.asked == []


@pytest.mark.parametrize("key", ["", "AAAA", "ä", "!!!!"])
async def test_a_subscription_without_good_keys_is_dead(web_push: WebPushChannel, key: str) -> None:
    for name in ("p256dh", "auth"):
        given = BROWSER.subscription()
        given["keys"][name] = key
        assert type(await error_of(web_push, replace(WEB_PUSH, recipient=json.dumps(given)))) is DeadAddress


async def test_what_no_service_has_to_take_is_not_sent(services: PushServices, web_push: WebPushChannel) -> None:
    assert type(await error_of(web_push, replace(WEB_PUSH, text="ä" * 2_000))) is Refused
    assert services.asked == []


async def test_fcm_is_told_all_that_it_needs(services: PushServices, push: PushChannel) -> None:
    outgoing = replace(PUSH, message_class="transactional", lasts=timedelta(minutes=5))
    assert (await push.send(outgoing, within=2)).provider_id == f"projects/{PROJECT}/messages/1"
    [asked] = services.asked
    told = json.loads(asked.body)["message"]
    assert (asked.path, asked.headers["Authorization"]) == (f"/v1/projects/{PROJECT}/messages:send", "Bearer ya29.0")
    assert (told["token"], told["notification"]) == (TOKEN, {"title": "Your flat", "body": "Guten Tag"})
    assert told["data"] == {"sojourn_key": PUSH.key, "url": CONTENT["url"]}
    assert (told["android"]["priority"], told["android"]["ttl"]) == ("HIGH", "300s")
    assert told["android"]["notification"]["tag"] == told["apns"]["headers"]["apns-collapse-id"]
    assert told["apns"]["headers"]["apns-priority"] == "10"


async def test_one_token_serves_all_until_it_is_refused(services: PushServices, push: PushChannel) -> None:
    await asyncio.gather(*(push.send(replace(PUSH, key=str(n)), within=5) for n in range(20)))
    assert services.tokens == ["ya29.0"]
    services.answer = (401, {}, {})
    assert type(await error_of(push)) is AccountTrouble
    services.answer = None
    await push.send(PUSH, within=2)
    assert services.asked[-1].headers["Authorization"] == "Bearer ya29.1"


@pytest.mark.parametrize(("status", "error"), [(400, AccountTrouble), (429, NotAccepted), (500, NotAccepted)])
async def test_without_a_token_nothing_is_sent(
    services: PushServices, push: PushChannel, status: int, error: type[SendError]
) -> None:
    services.token_status = status
    assert type(await error_of(push)) is error
    assert services.asked == []


VIOLATION = {"fieldViolations": [{"field": "message.token", "description": "Invalid registration token"}]}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((404, fcm_error("UNREGISTERED"), {}), DeadAddress),
        ((400, fcm_error("INVALID_ARGUMENT", **VIOLATION), {}), DeadAddress),
        ((400, fcm_error("INVALID_ARGUMENT"), {}), Refused),
        ((403, fcm_error("SENDER_ID_MISMATCH"), {}), Refused),
        ((429, fcm_error("QUOTA_EXCEEDED"), {}), NotAccepted),
        ((503, fcm_error("UNAVAILABLE"), {}), NotAccepted),
        ((500, fcm_error("INTERNAL"), {}), Ambiguous),
        ((401, fcm_error("THIRD_PARTY_AUTH_ERROR"), {}), AccountTrouble),
        ((403, {"error": {"status": "PERMISSION_DENIED"}}, {}), AccountTrouble),
        ((404, {"error": {"details": "?"}}, {}), AccountTrouble),
        ((503, "<html>", {}), Ambiguous),
        ((200, {"name": 7}, {}), Ambiguous),
        ((200, [], {}), Ambiguous),
    ],
)
async def test_each_answer_of_fcm_has_its_meaning(
    services: PushServices, push: PushChannel, answer: Any, error: type[SendError]
) -> None:
    services.answer = answer
    assert type(await error_of(push)) is error
    assert len(services.asked) == 1


async def test_the_services_wish_when_to_come_back_is_kept(services: PushServices, channel: Channel) -> None:
    services.answer = (429, fcm_error("QUOTA_EXCEEDED"), {"Retry-After": "7"})
    error = await error_of(channel)
    assert isinstance(error, NotAccepted)
    assert error.retry_after == timedelta(seconds=7)


async def test_a_lost_answer_is_ambiguous_and_asked_for_once(services: PushServices, channel: Channel) -> None:
    services.drops = True
    assert type(await error_of(channel)) is Ambiguous
    assert len(services.asked) == 1


@pytest.mark.parametrize("name", list(OUTGOING))
async def test_a_refused_connection_is_surely_not_accepted(services: PushServices, name: str) -> None:
    channel = make(name, services, "http://127.0.0.1:9")
    assert type(await error_of(channel)) is NotAccepted
    await channel.close()


async def test_nobody_can_look_up_what_was_pushed(channel: Channel) -> None:
    with pytest.raises(Unknowable):
        await channel.look_up(OUTGOING[channel.name], since=datetime.now(UTC))


@pytest.mark.parametrize("status", [400, 401, 404, 500])
async def test_neither_errors_nor_logs_hold_what_was_pushed(
    services: PushServices, channel: Channel, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    services.answer = (status, fcm_error("INVALID_ARGUMENT"), {})
    error = await error_of(channel)
    assert error.__cause__ is None
    assert [secret for secret in SECRETS if secret in f"{error!r} {caplog.text}"] == []


async def test_an_ended_subscription_gets_nothing_more(desk: Desk, services: PushServices) -> None:
    desk.channels["web_push"] = channel = make("web_push", services, services.url)
    wording = {"message": "sale", "class": "service", "web_push": {"title": "Sale", "body": "Now"}}
    await desk.db.pool.execute("UPDATE journey_versions SET messages = messages || $1", {"sale": wording})
    await desk.db.pool.execute("UPDATE customers SET traits = traits || $1", {"web_push": BROWSER.subscription()})
    await desk.enrol(2)
    services.answer = (410, {}, {})
    first = await desk.send(desk.order("web_push", message="sale"))
    services.answer = None
    second = await desk.send(desk.order("web_push", message="sale", enrolment_id=2))
    await channel.close()
    assert (first.verdict, first.reason) == ("undeliverable", "dead address: web push 410: the subscription has ended")
    assert second.verdict == "undeliverable"
    assert len(services.asked) == 1


async def test_a_lost_answer_is_decided_by_if_unsure(desk: Desk, services: PushServices) -> None:
    desk.channels["push"] = channel = make("push", services, services.url)
    channel.call_timeout = timedelta(seconds=1)
    wording = {"message": "sale", "class": "service", "push": {"title": "Sale", "body": "Now"}}
    await desk.db.pool.execute("UPDATE journey_versions SET messages = messages || $1", {"sale": wording})
    await desk.db.pool.execute("UPDATE customers SET traits = traits || $1", {"push_token": TOKEN})
    await desk.enrol(2)
    await desk.die(desk.order("push", message="sale"), "worker.called")
    order = desk.order("push", message="sale", enrolment_id=2, if_unsure="rather_twice", valid_for=timedelta(hours=1))
    await desk.die(order.model_copy(update={"at": NOW}), "worker.called")
    unsure = await desk.send(desk.order("push", message="sale"), first=2)
    twice = await desk.send(order, first=2)
    await channel.close()
    assert (unsure.verdict, twice.verdict) == ("unknown", "sent")
    longest, *hours = (int(json.loads(asked.body)["message"]["android"]["ttl"][:-1]) for asked in services.asked)
    assert longest == 259_200
    assert [3_500 < seconds <= 3_600 for seconds in hours] == [True, True], hours


async def test_accounts_of_the_settings_are_sent_by(db: Database, services: PushServices) -> None:
    account = json.dumps(services.service_account())
    web = {"vapid_private_key": VAPID_KEY, "vapid_subject": "mailto:ops@flats.test", "web_push_url": services.url}
    settings = load_settings(**web, fcm_service_account=account, fcm_url=services.url)
    channels = Channels.from_settings(settings, db)
    for name, outgoing in OUTGOING.items():
        await channels.by_name[name].send(outgoing, within=5)
    await channels.close()
    assert [asked.path.split("/")[1] for asked in services.asked] == ["fcm", "v1"]


async def test_a_message_that_is_over_is_kept_for_nobody(services: PushServices, web_push: WebPushChannel) -> None:
    await web_push.send(replace(WEB_PUSH, lasts=timedelta(0)), within=2)
    assert services.asked[0].headers["TTL"] == "0"
