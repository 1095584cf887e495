"""Links that are their own right: what stands in them was signed by us, and nobody else can make one."""

import binascii
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, Any

from runtime.keys import parse_keys

if TYPE_CHECKING:
    from runtime.settings import Settings

LONGEST = 4000
_MARK = 16
"""Bytes of a signature: too many to guess, few enough for an SMS."""


class Signer:
    """The first of `keys` signs, all of them are believed. Tokens do not expire."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._keys = tuple(keys)
        if not self._keys:
            raise ValueError("there is no key to sign with")

    @classmethod
    def of(cls, settings: "Settings") -> "Signer":
        """By the settings' keys; without any by those that follow from the keys for encryption. A developer's machine
        that has neither signs by one that all its processes can tell."""
        signing, encryption = (
            parse_keys(key.get_secret_value() for key in keys).values()
            for keys in (settings.signing_keys, settings.encryption_keys)
        )
        keys = [*signing, *(_following(key) for key in encryption)]
        return cls(keys or [_following(settings.database_url.encode())])

    def sign(self, purpose: str, values: Sequence[str | int | None]) -> str:
        """A token for an address. The same values always give the same one."""
        body = json.dumps(list(values), separators=(",", ":"), ensure_ascii=False).encode()
        return f"{_text(body)}.{_text(_signature(self._keys[0], purpose, body))}"

    def read(self, purpose: str, token: str) -> list[Any] | None:
        """What was signed for this purpose; None: nothing was, or not by us."""
        body, separator, mark = token.partition(".")
        if not separator or len(token) > LONGEST:
            return None
        try:
            content, signature = _bytes(body), _bytes(mark)
        except (binascii.Error, UnicodeEncodeError):
            return None
        expected = [_signature(key, purpose, content) for key in self._keys]
        if sum(hmac.compare_digest(signature, one) for one in expected) == 0:
            return None
        values = json.loads(content)
        return list(values)


def _following(secret: bytes) -> bytes:
    return blake2b(b"signing\0" + secret, digest_size=32).digest()


def _signature(key: bytes, purpose: str, body: bytes) -> bytes:
    return hmac.new(key, f"{purpose}\0".encode() + body, sha256).digest()[:_MARK]


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
