"""A backend that reports its events as an analytics SDK does: the same message ids again and again until it is 200."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

GIVE_UP = 120.0
LONGEST_PAUSE = 1.0
CALL_TIMEOUT = aiohttp.ClientTimeout(total=8)


@dataclass(frozen=True, slots=True)
class Told:
    """When an event was posted first and when it was answered 200 (Unix seconds), and in how many tries."""

    first_at: float
    answered_at: float
    tries: int


class Backend:
    def __init__(self, http: aiohttp.ClientSession, api_url: str, write_key: str, api_key: str) -> None:
        self._http = http
        self._api_url = api_url
        self._bearer = {"Content-Type": "application/json", "Authorization": f"Bearer {api_key}"}
        authorization = aiohttp.encode_basic_auth(write_key, "")
        self._headers = {"Content-Type": "application/json", "Authorization": authorization}
        self.retries = 0

    async def tell(self, events: Sequence[dict[str, Any]]) -> Told:
        """Post one batch until it is answered 200. Raises TimeoutError when that does not happen."""
        body = json.dumps({"batch": list(events)})
        return await self._until_taken(f"{self._api_url}/v1/batch", body, self._headers)

    async def withdraw(self, user: str, channel: str) -> Told:
        """The customer wants nothing more by a channel; likewise."""
        body = json.dumps({"state": "opted_out", "channel": channel})
        return await self._until_taken(f"{self._api_url}/v1/customers/user_id:{user}/consents", body, self._bearer)

    async def _until_taken(self, url: str, body: str, headers: dict[str, str]) -> Told:
        first_at, pause = time.time(), 0.1
        async with asyncio.timeout(GIVE_UP):
            for tries in range(1, 10_000):
                if await self._post(url, body, headers):
                    return Told(first_at, time.time(), tries)
                self.retries += 1
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        raise AssertionError("unreachable")

    async def _post(self, url: str, body: str, headers: dict[str, str]) -> bool:
        try:
            async with self._http.post(url, data=body, headers=headers, timeout=CALL_TIMEOUT) as answer:
                if 400 <= answer.status < 500 and answer.status != 429:
                    raise RuntimeError(f"the API answered {answer.status}: {(await answer.text())[:200]}")
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False


def track(user: str, event: str, message_id: str, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "userId": user, "event": event, "messageId": message_id, "properties": properties}


def identify(user: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "messageId": f"{user}-identify", "traits": traits}
