"""One POST to a push service, and what may go wrong on the way in our words."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from activities.channel import Ambiguous, NotAccepted

IDLE = 10
"""Seconds for which an unused connection is kept: far less than any service does, so none breaks under a message."""

MOST_ANSWERED = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` are found in any case; of the body no more than 64 KB are read."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class PushDoor:
    """Make it inside the running event loop: it keeps its connections; `await close()` ends them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def close(self) -> None:
        await self._http.close()

    async def post(self, url: str, *, within: float, **request: Any) -> Answer:
        """Whatever it answers; follows no redirect and tries once. Raises NotAccepted or Ambiguous.

        The texts of errors hold no address: it is all that is needed to write to somebody.
        """
        try:
            async with asyncio.timeout(within), self._ask(url, request) as response:
                return Answer(response.status, response.headers, await response.content.read(MOST_ANSWERED))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise NotAccepted(f"{self._name}: no connection") from None
        except TimeoutError:
            raise Ambiguous(f"{self._name}: no answer in time") from None
        except (aiohttp.ClientError, OSError):
            raise Ambiguous(f"{self._name}: the connection broke") from None

    def _ask(self, url: str, request: Mapping[str, Any]) -> Any:
        return self._http.post(URL(url, encoded=True), allow_redirects=False, **request)
