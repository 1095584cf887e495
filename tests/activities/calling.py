"""A system to call, and a desk to call it from."""

import asyncio
import base64
import dataclasses
import hashlib
import hmac
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.calls import CallActivities
from activities.circuit import Circuit
from activities.functions import Function
from activities.webhook import WebhookSender, webhook_client
from language.destinations import Destination
from language.port import Answer, CallDestination
from store.calls import CallLedger, DestinationLibrary
from store.database import Database
from tests.deeds import add_enrolments, deed
from tests.rows import AT, JOURNEY

SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes....").decode()
ENVIRONMENT = {"CRM_SECRET": SECRET, "CRM_AUTHORIZATION": "Bearer t"}


@dataclass(frozen=True, slots=True)
class Heard:
    """One request as the other system got it."""

    method: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    def is_signed(self, secret: str) -> bool:
        """As the specification of Standard Webhooks checks it."""
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return wanted in self.headers["webhook-signature"].split(" ")


Behaviour = Callable[[web.Request], web.StreamResponse] | int | float


@dataclass
class Crm:
    """Answers 200 and `{"id": n}`. `will`: what the next requests get instead: a status, a response, or (a float) no
    answer for so many seconds."""

    heard: list[Heard] = field(default_factory=list)
    will: deque[Behaviour] = field(default_factory=deque)
    url: str = ""

    async def _hear(self, request: web.Request) -> web.StreamResponse:
        self.heard.append(Heard(request.method, request.headers.copy(), await request.read()))
        next_one: Behaviour = self.will.popleft() if self.will else 200
        if isinstance(next_one, float):
            await asyncio.sleep(next_one)
        elif isinstance(next_one, int) and next_one != 200:
            return web.json_response({"error": "Ana Souza is unknown"}, status=next_one)
        elif callable(next_one):
            return next_one(request)
        return web.json_response({"id": len(self.heard)})

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/leads", self._hear)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, auto_decompress=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/leads"
        return runner


def order_of(customer: int, enrolment: int, seen_seq: int = 1, **more: Any) -> CallDestination:
    """A call of `crm_lead`, as the customer's run asks for it."""
    wanted = {"destination": "crm_lead", "values": {"lead": "l1"}} | more
    return CallDestination(**deed(customer, enrolment, "call_crm_lead", seen_seq, **wanted))


class CallDesk:
    """One customer, enrolled in a journey whose version calls `crm_lead`."""

    def __init__(self, db: Database, crm: Crm, client: httpx.AsyncClient) -> None:
        self.db, self.crm = db, crm
        self.sender = WebhookSender(client, ENVIRONMENT)
        self.functions: dict[str, Function] = {}
        self.circuit = Circuit(open_for=timedelta(seconds=30))
        self.points: list[str] = []
        self.activities = self.worker()

    def worker(self) -> CallActivities:
        """Another worker, knowing nothing of what went before."""
        return CallActivities(
            CallLedger(self.db),
            DestinationLibrary(self.db).destination,
            self.sender,
            function=self.functions.get,
            circuit=lambda: self.circuit,
            hit=self.points.append,
        )

    async def furnish(self, **more: Any) -> None:
        destination = Destination.model_validate({"url": self.crm.url, **more})
        await self.db.pool.execute(
            "INSERT INTO journey_versions (journey, version, digest, definition, destinations, title, state,"
            " published_at) VALUES ($1, 1, '', '', $2, '', 'live', $3)",
            JOURNEY,
            {"crm_lead": destination.model_dump(mode="json", exclude_defaults=True)},
            AT,
        )
        [(self.customer, self.enrolment)] = await add_enrolments(self.db, 1)
        self.activities = self.worker()

    def order(self, seen_seq: int = 1, **more: Any) -> CallDestination:
        return order_of(self.customer, self.enrolment, seen_seq, **more)

    async def attempt(self, order: CallDestination, number: int = 1) -> Answer:
        """One attempt of the activity, as Temporal would make it."""
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, attempt=number, task_token=uuid4().bytes)
        answer: Answer = await environment.run(self.activities.call_destination, order)
        return answer

    async def failure(self, order: CallDestination, number: int = 1) -> ApplicationError:
        """What Temporal learns from an attempt that fails."""
        try:
            answer = await self.attempt(order, number)
        except ApplicationError as error:
            return error
        raise AssertionError(f"it did not fail: {answer.verdict}")

    async def row(self) -> Any:
        return await self.db.pool.fetchrow("SELECT * FROM calls")


@asynccontextmanager
async def call_desk(db: Database, **destination: Any) -> AsyncIterator[CallDesk]:
    crm = Crm()
    runner = await crm.start()
    try:
        async with webhook_client() as client:
            desk = CallDesk(db, crm, client)
            await desk.furnish(**destination)
            yield desk
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving_tls(directory: Path) -> AsyncIterator[str]:
    """The address of a server over TLS whose certificate is its own word; its files are in the directory."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_self_signed(directory))
    runner = web.AppRunner(web.Application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}/leads"
    finally:
        await runner.cleanup()


def _self_signed(directory: Path) -> Path:
    """A file with a key and its certificate."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "crm.example.com")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = Encoding.PEM
    text = key.private_bytes(pem, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(pem)
    (directory / "tls.pem").write_bytes(text)
    return directory / "tls.pem"
