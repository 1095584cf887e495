"""Notifications in the browser: to the push service of whoever made it, signed by VAPID (RFC 8030, 8291, 8292)."""

import json
import re
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from http_ece import ECEException
from py_vapid import Vapid02
from pywebpush import WebPusher, WebPushException

from activities.channel import (
    Accepted,
    AccountTrouble,
    Ambiguous,
    DeadAddress,
    NotAccepted,
    Outgoing,
    Refused,
    SendError,
    Sighting,
    Unknowable,
)
from activities.channels.push_door import Answer, PushDoor
from activities.channels.retry_after import retry_after
from language.push_reports import PushReports

SERVICES = (
    "fcm.googleapis.com",
    "jmt17.google.com",
    "push.services.mozilla.com",
    "notify.windows.com",
    "push.apple.com",
)
"""The browsers' push services. A subscription is a stranger's word: what it names is asked only where we know it."""

HOST = re.compile(r"[a-z0-9.-]+")

MOST_BYTES = 4096
"""Of an encrypted message: no service has to take more."""

SECRET_BYTES = 16
"""Of a subscription's `auth`: the library takes any, and then no browser can read the message."""

LASTS = timedelta(days=3)
LONGEST = timedelta(days=28)
SIGNED_FOR = 12 * 60 * 60
URGENCY_BY_CLASS = {"transactional": "high", "service": "normal", "promotional": "low"}

MEANING_BY_STATUS: dict[int, tuple[type[SendError], str]] = {
    400: (Refused, "the request is not valid, or the subscription belongs to another key"),
    401: (AccountTrouble, "our key is not accepted"),
    403: (Refused, "the subscription belongs to another key"),
    404: (DeadAddress, "the subscription has ended"),
    410: (DeadAddress, "the subscription has ended"),
    413: (Refused, "the message is too large"),
    429: (NotAccepted, "too many requests"),
}


@dataclass(frozen=True, slots=True)
class WebPushAccount:
    """`private_key` is base64url of its 32 bytes, `subject` says who we are (`mailto:` or `https:`).

    `services` are more hosts of push services; `url` stands in for all of them.
    """

    private_key: str
    subject: str
    services: tuple[str, ...] = ()
    url: str | None = None


class WebPushChannel:
    """Make it inside the running event loop, once: it keeps its connections; `await close()` ends them.

    `reports` is what browsers are asked to tell; None: they cannot reach us.
    """

    name = "web_push"
    provider = "web_push"
    settle = timedelta(0)

    def __init__(
        self,
        account: WebPushAccount,
        *,
        reports: PushReports | None = None,
        call_timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        self.sender = account.subject
        self.call_timeout = call_timeout
        self._account = account
        self._reports = reports
        self._vapid = Vapid02.from_raw(account.private_key.encode())
        self._door = PushDoor("web push")

    async def close(self) -> None:
        await self._door.close()

    async def send(self, outgoing: Outgoing, *, within: float) -> Accepted:
        subscription = json.loads(outgoing.recipient)
        endpoint = subscription["endpoint"]
        self._check(endpoint)
        body = self._body(subscription, outgoing)
        headers = _wishes(outgoing) | self._signature(endpoint)
        answer = await self._door.post(self._led(endpoint), within=within, data=body, headers=headers)
        if not 200 <= answer.status < 300:
            raise _refusal(answer)
        return Accepted(answer.headers.get("Location"))

    async def look_up(self, outgoing: Outgoing, *, since: datetime) -> Sighting:
        raise Unknowable("a push service shows nothing of what it took")

    def _body(self, subscription: dict[str, Any], outgoing: Outgoing) -> bytes:
        """Where there is no room for both, the message goes without being reported on."""
        told = _notification(outgoing)
        if self._reports is not None:
            to, token = self._reports.ask(outgoing.key)
            body = _encrypted(subscription, told | {"report": token, "report_to": to})
            if len(body) <= MOST_BYTES:
                return body
        body = _encrypted(subscription, told)
        if len(body) > MOST_BYTES:
            raise Refused(f"web push: the message is too large ({len(body)} bytes encrypted; {MOST_BYTES} is the most)")
        return body

    def _check(self, endpoint: str) -> None:
        try:
            parts = urlsplit(endpoint)
            is_known = parts.scheme == "https" and parts.port in (None, 443) and "@" not in parts.netloc
        except ValueError:
            raise DeadAddress("web push: the subscription's address is not valid") from None
        host = f".{parts.hostname or ''}"
        if not (
            is_known
            and HOST.fullmatch(host)
            and any(host.endswith(f".{it}") for it in (*SERVICES, *self._account.services))
        ):
            raise Refused("web push: the subscription names no push service that we know")

    def _signature(self, endpoint: str) -> dict[str, str]:
        origin = "://".join(urlsplit(endpoint)[:2])
        claims = {"sub": self._account.subject, "aud": origin, "exp": int(time.time()) + SIGNED_FOR}
        headers: dict[str, str] = self._vapid.sign(claims)
        return headers

    def _led(self, endpoint: str) -> str:
        if self._account.url is None:
            return endpoint
        asked, instead = urlsplit(endpoint), urlsplit(self._account.url.rstrip("/"))
        return urlunsplit((instead.scheme, instead.netloc, instead.path + asked.path, asked.query, ""))


def label(key: str) -> str:
    """What two pushes with the same key have in common: of both, services and devices show the later one alone."""
    return urlsafe_b64encode(blake2b(key.encode(), digest_size=16).digest()).decode().rstrip("=")


def lifetime(outgoing: Outgoing) -> int:
    """Seconds for which a service keeps the message for a device that is off."""
    lasts = LASTS if outgoing.lasts is None else outgoing.lasts
    return int(min(lasts, LONGEST).total_seconds())


def _notification(outgoing: Outgoing) -> dict[str, Any]:
    """What the service worker of the site gets; docs/push.md shows one."""
    told = {"title": outgoing.subject, "body": outgoing.text, "tag": label(outgoing.key)}
    if url := outgoing.content.get("url"):
        told["url"] = url
    return told


def _encrypted(subscription: dict[str, Any], told: dict[str, Any]) -> bytes:
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        browser = WebPusher(subscription)
        if len(browser.auth_key) != SECRET_BYTES:
            raise ValueError
        body: bytes = browser.encode(text)["body"]
    except (WebPushException, ECEException, ValueError, TypeError, IndexError):
        raise DeadAddress("web push: the subscription's keys are not valid") from None
    return body


def _wishes(outgoing: Outgoing) -> dict[str, str]:
    return {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(lifetime(outgoing)),
        "Urgency": URGENCY_BY_CLASS.get(outgoing.message_class, "normal"),
        "Topic": label(outgoing.key),
    }


def _refusal(answer: Answer) -> SendError:
    """A service that is away says so with the time to come back; without one, nobody knows what it took."""
    status, later = answer.status, retry_after(answer.headers)
    unknown = (Refused, "refused") if status < 500 else (Ambiguous, "internal error")
    kind, text = MEANING_BY_STATUS.get(status, unknown)
    if kind is NotAccepted or (status == 503 and later is not None):
        return NotAccepted(f"web push {status}: {'the service is away' if status == 503 else text}", later)
    return kind(f"web push {status}: {text}")
