"""A browser, its push service, Google's tokens and FCM, on this machine."""

import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import http_ece
import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

VAPID_KEY = urlsafe_b64encode(bytes(range(1, 33))).decode().rstrip("=")
PROJECT = "flats-1"
TOKEN = "device-token-of-ana"
ENDPOINT = "https://fcm.googleapis.com/fcm/send/secret-of-ana"


@dataclass(slots=True)
class Browser:
    """Subscribes, and reads what it is sent."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = bytes(16)

    def subscription(self, endpoint: str = ENDPOINT) -> dict[str, Any]:
        public = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"endpoint": endpoint, "keys": {"p256dh": _base64(public), "auth": _base64(self.secret)}}

    def read(self, body: bytes) -> Any:
        return json.loads(http_ece.decrypt(body, private_key=self.key, auth_secret=self.secret, version="aes128gcm"))


@dataclass(slots=True)
class Asked:
    """A request, as the service got it."""

    path: str
    headers: Any
    body: bytes


@dataclass(slots=True)
class PushServices:
    """`answer` is what pushes are answered with: status, body, headers; `token_status`: what tokens are."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    answer: tuple[int, Any, dict[str, str]] | None = None
    token_status: int = 200
    drops: bool = False

    def service_account(self) -> dict[str, str]:
        uri = f"{self.url}/token"
        return {"project_id": PROJECT, "client_email": "s@flats.test", "private_key": pem(), "token_uri": uri}

    async def push(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(Asked(request.path, request.headers, await request.read()))
        if self.drops:
            assert request.transport is not None
            request.transport.close()
        if self.answer is not None:
            status, body, headers = self.answer
            return web.json_response(body, status=status, headers=headers)
        if request.path.startswith("/v1/"):
            return web.json_response({"name": f"projects/{PROJECT}/messages/{len(self.asked)}"})
        return web.Response(status=201, headers={"Location": f"{self.url}/message/{len(self.asked)}"})

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        claims = jwt.decode(str(form["assertion"]), _rsa().public_key(), ["RS256"], audience=f"{self.url}/token")
        assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        self.tokens.append(f"ya29.{len(self.tokens)}")
        return web.json_response({"access_token": self.tokens[-1], "expires_in": 3599}, status=self.token_status)


@asynccontextmanager
async def push_services() -> AsyncIterator[PushServices]:
    services = PushServices()
    app = web.Application()
    app.router.add_post("/token", services.token)
    app.router.add_post("/{path:.*}", services.push)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    services.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield services
    await runner.cleanup()


def fcm_error(code: str, **detail: Any) -> dict[str, Any]:
    kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
    details = [{"@type": kind, "errorCode": code}, *([detail] if detail else [])]
    return {"error": {"code": 400, "message": f"about {TOKEN}", "status": "X", "details": details}}


@cache
def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem() -> str:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return _rsa().private_bytes(Encoding.PEM, form, plain).decode()


def _base64(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")
