"""One HTTP request to a destination, signed as Standard Webhooks say, and what its answer means."""

import asyncio
import base64
import hashlib
import hmac
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
import orjson

from activities.functions import Refused
from language.destinations import Destination

Json = dict[str, Any]
LARGEST_ANSWER = 16 * 1024
RETRIED = frozenset({408, 425, 429})
"""Refusals that are not for good."""

USER_AGENT = "Sojourn"
CONNECTIONS = 120
"""More than a worker has calls under way: none waits for another's, which would look as if its own system were slow."""


class NotNow(Exception):
    """It was not done, as far as is known: try again, not before `after`.

    `is_down`: the destination itself fails. `was_called` is false where it was left alone because of that.
    """

    def __init__(
        self, reason: str, after: timedelta | None = None, *, is_down: bool = False, was_called: bool = True
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after
        self.is_down = is_down
        self.was_called = was_called

    def wait(self, *, at_least: timedelta, at_most: timedelta) -> timedelta | None:
        """How long to wait; None: there is no time left for that. Whoever asks for more than is left is tried once
        more at the end of it: they may have said milliseconds for seconds."""
        if not self.was_called and self.after is not None:
            at_least = self.after
        return None if at_least > at_most else max(at_least, min(self.after or at_least, at_most))


@dataclass(frozen=True, slots=True)
class Webhook:
    """`key` makes the ids that stay the same however often it is sent."""

    key: str
    journey: str
    customer_id: int
    values: Json

    @property
    def id(self) -> str:
        return "call_" + hashlib.blake2b(self.key.encode(), digest_size=16).hexdigest()

    def body(self) -> bytes:
        """The same bytes for the same values. Raises Refused when they cannot be written as JSON."""
        told = {"key": self.key, "journey": self.journey, "customer_id": self.customer_id, "values": self.values}
        try:
            return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
        except TypeError:
            raise Refused("the values cannot be written as JSON") from None


def webhook_client() -> httpx.AsyncClient:
    """It follows no redirects and keeps no cookies: what one answer sets is nothing to the next call."""
    forgetful = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=20)
    return httpx.AsyncClient(limits=limits, follow_redirects=False, cookies=forgetful)


class WebhookSender:
    """`environment` holds the secrets by the names of their variables. `client` is a `webhook_client()`."""

    def __init__(self, client: httpx.AsyncClient, environment: Mapping[str, str]) -> None:
        self._client = client
        self._environment = environment

    async def send(self, destination: Destination, webhook: Webhook) -> Json:
        """What it answered, {} when that is no JSON or too much of it. Raises Refused or NotNow."""
        body = webhook.body()
        headers = self._headers(destination, webhook, body)
        seconds = destination.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(destination, headers, body)
        except (TimeoutError, httpx.TimeoutException):
            raise NotNow(f"no answer within {seconds:g} s", is_down=True) from None
        except httpx.ConnectError as error:
            raise NotNow(_unconnected(error), is_down=True) from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise NotNow("the connection broke", is_down=True) from None

    async def _exchange(self, destination: Destination, headers: Mapping[str, str], body: bytes) -> Json:
        request = self._client.build_request(
            destination.method, destination.url, content=body, headers=headers, timeout=None
        )
        response = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            _judge(destination, response)
            return as_answer(await _read(response))
        finally:
            await response.aclose()

    def _headers(self, destination: Destination, webhook: Webhook, body: bytes) -> dict[str, str]:
        own = {
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": USER_AGENT,
            "webhook-id": webhook.id,
            "webhook-timestamp": str(int(time.time())),
            "idempotency-key": webhook.id,
        }
        if destination.secret_env is not None:
            secrets = self._secret(destination.secret_env)
            own["webhook-signature"] = signature(secrets, own["webhook-id"], own["webhook-timestamp"], body)
        secret = {name: self._secret(variable) for name, variable in destination.headers_env.items()}
        return {**{name.lower(): text for name, text in (destination.headers | secret).items()}, **own}

    def _secret(self, variable: str) -> str:
        text = self._environment.get(variable, "").strip()
        if not text:
            raise NotNow(f"the variable {variable} is not set where the worker runs")
        if not (text.isascii() and text.isprintable()):
            raise NotNow(f"the variable {variable} holds what no header can")
        return text


def _unconnected(error: BaseException) -> str:
    """Why there was no connection, where their certificate is to blame."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not valid: {cause.verify_message}"
        cause = cause.__cause__ or cause.__context__
    return "no connection"


def signature(secrets: str, id: str, timestamp: str, body: bytes) -> str:
    """One signature for each of the secrets, with spaces between, so that a secret can be changed without a gap."""
    signed = f"{id}.{timestamp}.".encode() + body
    made = (hmac.digest(_key(secret), signed, "sha256") for secret in secrets.split())
    return " ".join(f"v1,{base64.b64encode(one).decode()}" for one in made)


def _key(secret: str) -> bytes:
    """`whsec_` and base64, as Standard Webhooks have it; anything else as it stands."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            raise NotNow("the secret begins with whsec_ and is no base64") from None
    return secret.encode()


def _judge(destination: Destination, response: httpx.Response) -> None:
    status = response.status_code
    if destination.takes(status):
        return
    if status in RETRIED or status >= 500:
        raise NotNow(f"it answered {status}", _retry_after(response.headers), is_down=status >= 500)
    if 300 <= status < 400:
        raise Refused(f"it answered {status}, and redirects are not followed")
    raise Refused(f"it answered {status}")


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Seconds or a date; None if absent or unreadable."""
    text = headers.get("Retry-After", "").strip()
    try:
        if text.isdecimal():
            return timedelta(seconds=int(text))
        wait = parsedate_to_datetime(text).astimezone(UTC) - datetime.now(UTC)
    except (ValueError, OverflowError):
        return None
    return max(wait, timedelta(0))


async def _read(response: httpx.Response) -> bytes:
    """The body as it came; nothing of one that is too large, or packed though that was not asked for."""
    if response.headers.get("content-encoding", "identity") != "identity":
        return b""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            return b""
    return bytes(body)


def as_answer(body: bytes) -> Json:
    """JSON as a step keeps it: an object as it is, anything else as `value`; {} for what is none. PostgreSQL holds no
    NUL, so nothing with one is kept."""
    try:
        read = orjson.loads(body) if b"\\u0000" not in body else None
    except orjson.JSONDecodeError:
        return {}
    if isinstance(read, dict):
        return read
    return {} if read is None else {"value": read}
