"""Twilio and SendGrid, played: they sign what they tell, and post it to the API."""

import base64
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr
from twilio.request_validator import HMAC_SHA256, SIGNATURE_HEADER, SIGNATURE_SETTINGS_HEADER, RequestValidator

from api.sandbox.signing import as_sendgrid
from api.webhooks.app import EVENTS, INBOUND, STATUS
from store.database import Database
from tests.api.reading import Bell, add_enrolment, add_identifier, add_message, reading
from tests.store.ingesting import NOW, publish_journey

PUBLIC = "https://sojourn.example/api"
"""A proxy in front: what arrives here bears neither its scheme nor its host nor its prefix."""

TOKEN = "the-token-of-the-account"
SHARED = "the-secret-of-a-shared-key"
KEY = ec.generate_private_key(ec.SECP256R1())
PHONE = "+4915112345678"
EMAIL = "ana@example.com"
OURS = "+15005550006"


@dataclass
class Providers:
    """What they post; `bell` is the relay's."""

    http: httpx.AsyncClient
    bell: Bell

    async def status(self, status: str, sid: str = "SM1", key: str | None = None, **more: Any) -> httpx.Response:
        form = {"MessageSid": sid, "MessageStatus": status, "To": PHONE, "From": OURS, "AccountSid": "AC1"} | more
        return await self.twilio(_marked(key), form)

    async def call(self, status: str, sid: str = "CA1", key: str | None = None, **more: Any) -> httpx.Response:
        form = {"CallSid": sid, "CallStatus": status, "To": PHONE, "From": OURS, "AccountSid": "AC1"} | more
        return await self.twilio(_marked(key), form)

    async def inbound(self, text: str, sid: str = "SM7", number: str = PHONE, **more: Any) -> httpx.Response:
        form = {"MessageSid": sid, "SmsStatus": "received", "From": number, "To": OURS, "Body": text} | more
        return await self.twilio(INBOUND, form)

    async def twilio(self, path: str, form: Mapping[str, str]) -> httpx.Response:
        return await self.post_form(path, form, {SIGNATURE_HEADER: sign(PUBLIC + path, form)})

    async def post_form(self, path: str, form: Any, headers: Mapping[str, Any]) -> httpx.Response:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self.http.post(path, content=urlencode(form, doseq=True), headers={**kind, **headers})

    async def sendgrid(self, *events: dict[str, Any], at: float | None = None) -> httpx.Response:
        body = orjson.dumps(list(events)) + b"\r\n"
        return await self.post_events(body, as_sendgrid(KEY, body, at=at))

    async def post_events(self, body: bytes, headers: Mapping[str, Any]) -> httpx.Response:
        return await self.http.post(EVENTS, content=body, headers=dict(headers))


def _marked(key: str | None) -> str:
    return STATUS if key is None else f"{STATUS}?key={quote(key, safe='')}"


def sign(url: str, form: Mapping[str, str], token: str = TOKEN) -> str:
    return str(RequestValidator(token).compute_signature(url, dict(form)))


def sign_shared(url: str, form: Mapping[str, str], key: str = "K1", secret: str = SHARED) -> dict[str, str]:
    """The headers of a request that is signed with a SharedKey."""
    signature = RequestValidator(secret).compute_signature(url, dict(form), HMAC_SHA256)
    return {SIGNATURE_HEADER: signature, SIGNATURE_SETTINGS_HEADER: f"key={key},algorithm=HMAC_SHA256"}


def event(name: str, key: str | None = None, *, id: str | None = None, **fields: Any) -> dict[str, Any]:
    """An event of SendGrid's about a mail to `EMAIL`."""
    return {
        "event": name,
        "email": EMAIL,
        "timestamp": int(time.time()),
        "sg_event_id": id or f"{name}-{key}",
        "sg_message_id": "mail1.recvd-5f9c-1",
        **({"sojourn_key": key} if key else {}),
        **fields,
    }


def public_key(key: ec.EllipticCurvePrivateKey = KEY) -> str:
    """As SendGrid's settings show it."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@asynccontextmanager
async def providers(db: Database, *, now: datetime = NOW, **more: Any) -> AsyncIterator[Providers]:
    settings = {
        "public_url": PUBLIC,
        "twilio_account_sid": "AC1",
        "twilio_auth_token": SecretStr(TOKEN),
        "twilio_from": OURS,
        "twilio_webhook_shared_keys": (SecretStr(f"K1:{SHARED}"),),
        "sendgrid_webhook_public_key": public_key(),
    }
    async with reading(db, now=now, **settings | more) as http:
        del http.headers["Authorization"]
        yield Providers(http, http.bell)  # type: ignore[attr-defined]


HEARD = ["Email Opened", "Email Bounced", "SMS Answered", "SMS Delivered", "SMS Received", "Call Answered"]


async def add_customer(db: Database, user_id: str = "ana") -> int:
    """A customer for whose messages there is a journey, which hears of some of them."""
    if not await db.pool.fetchval("SELECT count(*) FROM journey_versions"):
        await publish_journey(db, journey="reservation", start=[{"on": "Asked"}], steps=[{"wait_for": [{"on": HEARD}]}])
    [row] = await db.pool.fetch("INSERT INTO customers (first_seen_at) VALUES ($1) RETURNING id", NOW)
    await add_identifier(db, row["id"], "user_id", user_id)
    return int(row["id"])


async def add_sent(db: Database, customer_id: int, channel: str = "sms", **columns: Any) -> str:
    """The key of a message that went to the customer on a channel, a while ago."""
    recipient = EMAIL if channel == "email" else PHONE
    before = await db.pool.fetchval("SELECT count(*) FROM enrolments WHERE customer_id = $1", customer_id)
    enrolment = await add_enrolment(db, customer_id, key=str(before or ""))
    row = {"channel": channel, "recipient": recipient, "sent_at": NOW, "created_at": NOW} | columns
    return await add_message(db, enrolment, "hello", **row)


async def status_of(db: Database, key: str) -> str:
    return str(await db.pool.fetchval("SELECT status FROM messages WHERE key = $1", key))


async def reports_of(db: Database, key: str) -> list[str]:
    rows = await db.pool.fetch("SELECT report FROM message_events WHERE message_key = $1 ORDER BY id", key)
    return [row["report"] for row in rows]


async def consents_of(db: Database, customer_id: int) -> list[tuple[str, str | None, str]]:
    query = "SELECT channel, topic, state FROM consents WHERE customer_id = $1 ORDER BY at, id"
    return [tuple(row) for row in await db.pool.fetch(query, customer_id)]
