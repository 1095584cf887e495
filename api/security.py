"""Who may come in: write keys for events, API keys for everything else."""

import base64
import binascii
import hmac
from collections.abc import Iterable
from hashlib import blake2b
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.problem import Problem


class WriteKeys:
    """Names the source behind a write key. A key is written `name:key`, or alone: then its source has a made-up name,
    which changes with the key, and with it what counts as sent again."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._sources = [_named(key) for key in keys]

    def source(self, key: str | None) -> str | None:
        """None when no source has this key. Takes the same time whichever key it is."""
        given = (key or "").encode()
        found = None
        for name, expected in self._sources:
            if hmac.compare_digest(given, expected):
                found = name
        return found


def _named(entry: str) -> tuple[str, bytes]:
    name, separator, key = entry.rpartition(":")
    return (name if separator else f"source-{blake2b(key.encode(), digest_size=4).hexdigest()}"), key.encode()


def basic_user(authorization: str | None) -> str | None:
    """The user name of a Basic authorization: where the SDKs put the write key."""
    if authorization is None or authorization[:6].lower() != "basic ":
        return None
    try:
        return base64.b64decode(authorization[6:], validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None


bearer = HTTPBearer(auto_error=False, description="An API key (`SOJOURN_API_KEYS`).")


async def require_api_key(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> None:
    """A dependency of every route but ingest, webhooks and health."""
    key = given.credentials.encode() if given else b""
    keys: tuple[bytes, ...] = request.app.state.api_keys
    if sum(hmac.compare_digest(key, expected) for expected in keys) == 0:
        raise Problem(401, "An API key is needed", headers={"WWW-Authenticate": "Bearer"})


NeedsApiKey = Depends(require_api_key)
