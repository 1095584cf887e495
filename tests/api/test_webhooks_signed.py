"""Only what a provider has signed is believed: forged, replayed and mangled webhooks are refused, or harmless."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from pydantic import SecretStr
from twilio.request_validator import SIGNATURE_HEADER, SIGNATURE_SETTINGS_HEADER, RequestValidator

from api.app import create_app
from api.sandbox.signing import as_sendgrid
from api.webhooks.app import EVENTS, INBOUND, STATUS
from api.webhooks.sendgrid_signature import SIGNATURE, TIMESTAMP
from api.webhooks.trust import Trust
from api.webhooks.twilio_signature import Form
from runtime.settings import Settings, SettingsInvalid
from store.database import Database
from store.sandbox import SandboxAccount
from tests.api.telling import (
    KEY,
    PHONE,
    PUBLIC,
    SHARED,
    Providers,
    add_customer,
    add_sent,
    event,
    providers,
    public_key,
    reports_of,
    sign,
    sign_shared,
    status_of,
)

FORM = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": PHONE, "From": "", "Extra": "ü 👋 &="}


@pytest.fixture
async def key(db: Database) -> str:
    return await add_sent(db, await add_customer(db))


@pytest.fixture
async def play(db: Database) -> AsyncIterator[Providers]:
    async with providers(db) as play:
        yield play


def refusals() -> float:
    samples = (sample for metric in REGISTRY.collect() for sample in metric.samples)
    return sum(it.value for it in samples if it.name == "sojourn_webhooks_refused_total")


def path_of(key: str) -> str:
    return f"{STATUS}?key={key.replace('/', '%2F')}"


async def test_signed_address_and_fields_are_believed(db: Database, play: Providers, key: str) -> None:
    answer = await play.twilio(path_of(key), FORM)
    assert (answer.status_code, answer.content, play.bell.rung) == (204, b"", 1)
    assert await status_of(db, key) == "delivered"


@pytest.mark.parametrize("url", ["https://sojourn.example:443/api", "https://sojourn.example/api"])
async def test_signed_with_or_without_the_port(db: Database, play: Providers, key: str, url: str) -> None:
    headers = {SIGNATURE_HEADER: sign(url + path_of(key), FORM)}
    assert (await play.post_form(path_of(key), FORM, headers)).status_code == 204


async def test_public_url_with_a_port_of_its_own(db: Database, key: str) -> None:
    for public, signed in [
        ("http://[::1]:8010", "http://[::1]:8010"),
        ("http://[::1]:8010", "http://[::1]"),
        ("http://x.test:8010", "http://x.test"),
    ]:
        async with providers(db, public_url=public) as play:
            headers = {SIGNATURE_HEADER: sign(signed + path_of(key), FORM)}
            assert (await play.post_form(path_of(key), FORM, headers)).status_code == 204, (public, signed)


async def test_shared_keys_sign_too(db: Database, play: Providers, key: str) -> None:
    headers = sign_shared(PUBLIC + path_of(key), FORM)
    assert (await play.post_form(path_of(key), FORM, headers)).status_code == 204
    assert await status_of(db, key) == "delivered"


def test_a_second_account_signs_too() -> None:
    second = ec.generate_private_key(ec.SECP256R1())
    trust = Trust.of(
        Settings(
            public_url=PUBLIC,
            twilio_auth_token=SecretStr("first"),
            twilio_fallback_auth_token=SecretStr("second"),
            sendgrid_fallback_webhook_public_key=public_key(second),
        )
    )
    form = Form([("MessageSid", "SM1")])
    for token, flaw in (("first", None), ("second", None), ("third", "wrong signature")):
        signature = RequestValidator(token).compute_signature(PUBLIC + STATUS, form)
        assert trust.twilio.flaw(STATUS, form, {SIGNATURE_HEADER: signature}) == flaw
    assert second.public_key().public_numbers() in [it.public_numbers() for it in trust.sendgrid.keys]


async def test_repeated_fields_are_all_signed(play: Providers) -> None:
    validator_form = {"MessageSid": "SM1", "MediaUrl0": "https://a.test/1"}
    pairs = [("MessageSid", "SM1"), ("MediaUrl0", "https://a.test/1"), ("MediaUrl0", "https://a.test/2")]
    headers = {SIGNATURE_HEADER: sign(PUBLIC + INBOUND, validator_form)}
    assert (await play.post_form(INBOUND, pairs, headers)).status_code == 403


def altered(change: str, key: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Path, form and headers of a request that somebody has had a hand in."""
    path, form = path_of(key), dict(FORM)
    headers = {SIGNATURE_HEADER: sign(PUBLIC + path, form)}
    match change:
        case "no signature":
            headers = {}
        case "guessed":
            headers = {SIGNATURE_HEADER: base64.b64encode(bytes(20)).decode()}
        case "no latin letters":
            headers = {SIGNATURE_HEADER: "ÿ" * 28}
        case "another token":
            headers = {SIGNATURE_HEADER: sign(PUBLIC + path, form, "another")}
        case "our own address, not the public one":
            headers = {SIGNATURE_HEADER: sign(f"http://api{path}", form)}
        case "another field":
            form |= {"ErrorCode": "30005"}
        case "another value":
            form |= {"MessageStatus": "failed"}
        case "a field left out":
            del form["From"]
        case "another message":
            path = path_of("99/hello/1/sms")
        case "another route":
            path = INBOUND
        case "unknown shared key":
            headers = sign_shared(PUBLIC + path, form, key="K2")
        case "shared key's name with the token's signature":
            headers |= {SIGNATURE_SETTINGS_HEADER: "key=K1,algorithm=HMAC_SHA256"}
        case "weaker algorithm":
            headers = sign_shared(PUBLIC + path, form) | {SIGNATURE_SETTINGS_HEADER: "key=K1,algorithm=HMAC_MD5"}
        case "token's algorithm with the shared secret":
            headers = {SIGNATURE_HEADER: sign(PUBLIC + path, form, SHARED)}
    return path, form, headers


@pytest.mark.parametrize(
    "change",
    [
        "no signature",
        "guessed",
        "no latin letters",
        "another token",
        "our own address, not the public one",
        "another field",
        "another value",
        "a field left out",
        "another message",
        "another route",
        "unknown shared key",
        "shared key's name with the token's signature",
        "weaker algorithm",
        "token's algorithm with the shared secret",
    ],
)
async def test_forged_twilio_is_refused(db: Database, play: Providers, key: str, change: str) -> None:
    path, form, headers = altered(change, key)
    before = refusals()
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = await play.post_form(path, form, raw)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert PHONE not in answer.text
    assert refusals() == before + 1
    assert (await status_of(db, key), await reports_of(db, key)) == ("sent", [])


async def test_body_that_no_signature_covers_is_refused(db: Database, play: Providers, key: str) -> None:
    path = path_of(key)
    headers = {SIGNATURE_HEADER: sign(PUBLIC + path, {}), "Content-Type": "application/json"}
    answer = await play.http.post(path, content=json.dumps(FORM), headers=headers)
    assert answer.status_code == 403


async def test_no_secret_believes_nobody(db: Database) -> None:
    there: dict[str, Any] = {
        "environment": "production",
        "twilio_auth_token": None,
        "sendgrid_webhook_public_key": None,
    }
    async with providers(db, **there) as play:
        headers = {SIGNATURE_HEADER: sign(PUBLIC + STATUS, FORM, "")}
        assert (await play.post_form(STATUS, FORM, headers)).status_code == 403
        assert (await play.sendgrid(event("delivered"))).status_code == 403


async def test_sandbox_is_not_believed_where_accounts_are_real(db: Database, key: str) -> None:
    token = SandboxAccount.of(Settings().database_url).auth_token
    async with providers(db) as play:
        headers = {SIGNATURE_HEADER: sign(PUBLIC + path_of(key), FORM, token)}
        assert (await play.post_form(path_of(key), FORM, headers)).status_code == 403


async def test_signed_events_are_believed(db: Database, play: Providers) -> None:
    key = await add_sent(db, await add_customer(db), "email")
    assert (await play.sendgrid(event("delivered", key))).status_code == 204
    assert await status_of(db, key) == "delivered"


@pytest.mark.parametrize(
    "change", ["no signature", "no time", "guessed", "no base64", "another key", "another body", "another time"]
)
async def test_forged_sendgrid_is_refused(db: Database, play: Providers, change: str) -> None:
    key = await add_sent(db, await add_customer(db), "email")
    body = orjson.dumps([event("bounce", key, type="bounce")])
    headers = as_sendgrid(KEY, body)
    match change:
        case "no signature":
            del headers[SIGNATURE]
        case "no time":
            del headers[TIMESTAMP]
        case "guessed":
            headers[SIGNATURE] = base64.b64encode(bytes(70)).decode()
        case "no base64":
            headers[SIGNATURE] = "§" * 20
        case "another key":
            headers = as_sendgrid(ec.generate_private_key(ec.SECP256R1()), body)
        case "another body":
            body += b" "
        case "another time":
            headers[TIMESTAMP] = str(int(headers[TIMESTAMP]) + 1)
    before = refusals()
    answer = await play.post_events(body, {name: value.encode("latin-1") for name, value in headers.items()})
    assert (answer.status_code, refusals()) == (403, before + 1)
    assert await status_of(db, key) == "sent"


@pytest.mark.parametrize(("age", "status"), [(26 * 3600, 403), (23 * 3600, 204), (-200, 204), (-600, 403)])
async def test_old_and_future_signatures_are_refused(play: Providers, age: float, status: int) -> None:
    assert (await play.sendgrid(event("delivered"), at=time.time() - age)).status_code == status


async def test_replayed_webhooks_change_nothing(db: Database, play: Providers) -> None:
    customer = await add_customer(db)
    key, sms = await add_sent(db, customer, "email"), await add_sent(db, customer)
    batch = [event("open", key, id="o1"), event("unsubscribe", key, id="u1"), event("bounce", key, type="bounce")]
    for _ in range(3):
        assert (await play.sendgrid(*batch)).status_code == 204
        assert (await play.twilio(path_of(sms), FORM)).status_code == 204
        assert (await play.inbound("STOP")).status_code == 200
    assert sorted(await reports_of(db, key)) == ["bounced", "opened"]
    assert await reports_of(db, sms) == ["delivered"]
    assert await db.pool.fetchval("SELECT count(*) FROM consents") == 2
    channels = await db.pool.fetch("SELECT channel FROM suppressions ORDER BY channel")
    assert [row["channel"] for row in channels] == ["email", "sms"]


async def test_same_webhook_from_many_sides_at_once_is_taken_once(db: Database, play: Providers) -> None:
    customer = await add_customer(db)
    key = await add_sent(db, customer, "email")
    batch = [event(name, key) for name in ("delivered", "open", "click", "spamreport")]
    answers = await asyncio.gather(*(play.sendgrid(*batch) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {204}
    assert sorted(await reports_of(db, key)) == ["clicked", "delivered", "opened", "spam"]
    assert await db.pool.fetchval("SELECT count(*) FROM consents") == 1


def test_public_key_that_is_none_is_told_at_the_start() -> None:
    with pytest.raises(SettingsInvalid, match="WEBHOOK_PUBLIC_KEY"):
        create_app(Settings(sendgrid_webhook_public_key="nonsense"))
    lines = f"-----BEGIN PUBLIC KEY-----\n{public_key()}\n-----END PUBLIC KEY-----\n"
    create_app(Settings(sendgrid_webhook_public_key=lines, api_keys=(SecretStr("a"),)))


TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
NAMED = """MessageSid SmsSid CallSid MessageStatus CallStatus AnsweredBy From To Body ErrorCode OptOutType MediaUrl0
CallDuration OriginalRepliedMessageSid"""
NAMES = st.sampled_from(NAMED.split())
WORDS = TEXTS | st.sampled_from(["delivered", "failed", "read", "completed", "SM1", PHONE, "whatsapp:" + PHONE, "\0"])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXTS,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(TEXTS, some, max_size=3),
    max_leaves=8,
)
FIELDS = ["email", "timestamp", "sg_event_id", "sg_message_id", "sojourn_key", "type", "reason", "status", "url"]
KINDS = [
    "processed",
    "delivered",
    "open",
    "click",
    "bounce",
    "dropped",
    "spamreport",
    "unsubscribe",
    "group_unsubscribe",
]
EVENT = st.fixed_dictionaries(
    {"event": st.sampled_from(KINDS) | JSON},
    optional={name: JSON | st.sampled_from(["2/hello/1/email", "mail1.x", "ana@example.com"]) for name in FIELDS},
)
BODY = st.lists(EVENT | JSON, max_size=5).map(orjson.dumps) | st.binary(max_size=60)
fuzzed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
async def known(db: Database) -> None:
    """Messages that some of what is made up is about."""
    customer = await add_customer(db)
    await add_sent(db, customer, "sms", provider_id="SM1")
    await add_sent(db, customer, "email", provider_id="mail1")
    await add_sent(db, customer, "voice", provider_id="SM1")


@pytest.mark.usefixtures("known")
@fuzzed
@given(path=st.sampled_from([STATUS, INBOUND]), form=st.dictionaries(NAMES | TEXTS, WORDS, max_size=6), key=TEXTS)
async def test_no_form_is_our_fault(play: Providers, path: str, form: dict[str, str], key: str) -> None:
    answer = await play.twilio(f"{path}?key={quote(key)}", form)
    assert answer.status_code in (200, 204), answer.text


@pytest.mark.usefixtures("known")
@fuzzed
@given(body=BODY)
async def test_no_list_of_events_is_our_fault(play: Providers, body: bytes) -> None:
    answer = await play.post_events(body, as_sendgrid(KEY, body))
    assert answer.status_code in (204, 400), answer.text


@fuzzed
@given(path=st.sampled_from([STATUS, INBOUND, EVENTS]), body=st.binary(max_size=80), kind=st.sampled_from(["form", ""]))
async def test_no_bytes_are_our_fault(play: Providers, path: str, body: bytes, kind: str) -> None:
    content_type = "application/x-www-form-urlencoded" if kind else "application/json"
    headers = {SIGNATURE_HEADER: "x", SIGNATURE: "x", TIMESTAMP: "1", "Content-Type": content_type}
    assert (await play.http.post(path, content=body, headers=headers)).status_code == 403
