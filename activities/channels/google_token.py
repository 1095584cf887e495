"""How a service account of Google comes to the token that its requests carry (RFC 7523)."""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from activities.channel import AccountTrouble, Ambiguous, NotAccepted
from activities.channels.push_door import Answer, PushDoor

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASKED_FOR = 60 * 60
MARGIN = 5 * 60
"""Seconds before its end at which a token is no longer used."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """What Google's key file says; `private_key` is PEM."""

    project_id: str
    client_email: str
    private_key: str = field(repr=False)
    token_uri: str = "https://oauth2.googleapis.com/token"

    @classmethod
    def read(cls, text: str) -> "ServiceAccount":
        """From the text of the key file; raises ValueError, KeyError or TypeError."""
        given = json.loads(text)
        uri = given.get("token_uri") or "https://oauth2.googleapis.com/token"
        return cls(given["project_id"], given["client_email"], given["private_key"], uri)


class GoogleToken:
    """Asked for once for all who need it, and kept until shortly before its end."""

    def __init__(self, account: ServiceAccount, door: PushDoor) -> None:
        self._account = account
        self._door = door
        key = serialization.load_pem_private_key(account.private_key.encode(), None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("the service account's key is not an RSA key")
        self._key = key
        self._lock = asyncio.Lock()
        self._token = ""
        self._good_until = 0.0

    async def get(self, within: float) -> str:
        """Raises NotAccepted, as no message is on its way yet, or AccountTrouble."""
        try:
            async with asyncio.timeout(within), self._lock:
                if time.monotonic() >= self._good_until:
                    await self._renew(within)
                return self._token
        except (TimeoutError, Ambiguous):
            raise NotAccepted("google: no token in time") from None

    def forget(self, token: str) -> None:
        """It was refused; the next one who asks gets a new one."""
        if token == self._token:
            self._good_until = 0.0

    async def _renew(self, within: float) -> None:
        asked_at = time.monotonic()
        form = {"grant_type": GRANT, "assertion": self._assertion()}
        answer = await self._door.post(self._account.token_uri, within=within, data=form)
        if answer.status >= 500 or answer.status == 429:
            raise NotAccepted(f"google {answer.status}: no token for now")
        if answer.status != 200:
            raise AccountTrouble(f"google {answer.status}: the service account is not accepted")
        self._token, seconds = _read(answer)
        self._good_until = asked_at + max(seconds - MARGIN, 0)

    def _assertion(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self._account.client_email,
            "scope": SCOPE,
            "aud": self._account.token_uri,
            "iat": now,
            "exp": now + ASKED_FOR,
        }
        signed = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64(signature)}"


def _read(answer: Answer) -> tuple[str, float]:
    try:
        given = json.loads(answer.body)
        token, seconds = given["access_token"], float(given.get("expires_in", ASKED_FOR))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotAccepted("google: the answer makes no sense") from None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise NotAccepted("google: the answer makes no sense")
    return token, seconds


def _part(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")
