"""SMS through Twilio's own SDK."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

from activities.channel import Accepted, Ambiguous, NotAccepted, Outgoing, Sighting
from activities.channels.retry_after import retry_after
from activities.channels.twilio_errors import judge

LOOK_BACK = 100
"""How many of the newest messages to a number a look-up reads."""

CLOCK_SKEW = timedelta(minutes=1)
"""By how much Twilio's clock and ours may differ."""


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """`sender` is a number, or the id of a messaging service (MG…). `url` stands in for https://api.twilio.com.

    `callback` is the address for status reports, to which each message's key is added; none: no reports. `settle`
    is how long a look-up waits for Twilio to show what it accepted.
    """

    account_sid: str
    auth_token: str
    sender: str
    url: str | None = None
    callback: str | None = None
    settle: timedelta = timedelta(seconds=15)


class SmsChannel:
    """Make it inside the running event loop, once: it keeps its connections; `await close()` ends them."""

    name = "sms"
    provider = "twilio"

    def __init__(self, account: TwilioAccount, *, call_timeout: timedelta = timedelta(seconds=10)) -> None:
        self.sender = account.sender
        self.call_timeout = call_timeout
        self.settle = account.settle
        self._callback = account.callback
        self._http = TwilioDoor(account.url)
        self._client = Client(account.account_sid, account.auth_token, http_client=self._http)

    async def close(self) -> None:
        await self._http.close()

    async def send(self, outgoing: Outgoing, *, within: float) -> Accepted:
        async with _judged(within):
            message = await self._client.messages.create_async(
                to=outgoing.recipient, body=outgoing.text, **self._addressed(outgoing)
            )
        return Accepted(message.sid, int(message.num_segments or 0) or None)

    async def look_up(self, outgoing: Outgoing, *, since: datetime) -> Sighting:
        """Twilio's messages show no mark of ours: what went to the same number with the same text since is alike."""
        async with _judged(self.call_timeout.total_seconds()):
            messages = await self._client.messages.list_async(
                to=outgoing.recipient, limit=LOOK_BACK, page_size=LOOK_BACK
            )
        return Sighting(tuple(m.sid for m in messages if m.sid and _is_alike(m, outgoing, since)))

    def _addressed(self, outgoing: Outgoing) -> dict[str, str]:
        sender = "messaging_service_sid" if _is_service(outgoing.sender) else "from_"
        fields = {sender: outgoing.sender}
        if self._callback is not None:
            fields["status_callback"] = f"{self._callback}?key={quote(outgoing.key, safe='')}"
        return fields


class TwilioDoor(AsyncTwilioHttpClient):  # type: ignore[misc]
    """The SDK's HTTP client, led to another address, keeping its connections, telling nobody what it sends.

    The SDK's own logger would write addresses, and its answer to 429 drops the header that says when to come back.
    """

    def __init__(self, url: str | None) -> None:
        silent = logging.Logger("twilio", level=logging.CRITICAL + 1)
        super().__init__(pool_connections=False, logger=silent)
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        self._url = urlsplit(url.rstrip("/")) if url else None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        auth: tuple[str, str] | None = None,
        **options: Any,
    ) -> Response:
        if auth is not None:  # the SDK would pass it on in a way that aiohttp gives up
            headers = {**headers, "Authorization": aiohttp.encode_basic_auth(*auth)}
        response = await super().request(method, self._led(url), headers=headers, **options)
        if response.status_code == 429:
            raise NotAccepted("twilio 429: too many requests", retry_after(response.headers))
        return response

    def _led(self, url: str) -> str:
        if self._url is None:
            return url
        asked = urlsplit(url)
        return urlunsplit((self._url.scheme, self._url.netloc, self._url.path + asked.path, asked.query, ""))


@asynccontextmanager
async def _judged(within: float) -> AsyncIterator[None]:
    """Put what may go wrong in our words. The SDK's own texts hold numbers, so nothing of them is kept or chained."""
    try:
        async with asyncio.timeout(within):
            yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise NotAccepted("twilio: no connection") from None
    except TimeoutError:
        raise Ambiguous("twilio: no answer in time") from None
    except (aiohttp.ClientError, OSError):
        raise Ambiguous("twilio: the connection broke") from None
    except (TwilioRestException, TwilioServiceException) as error:
        raise judge(error.status, error.code) from None
    except (TwilioException, ValueError, KeyError):
        raise Ambiguous("twilio: the answer makes no sense") from None


def _is_service(sender: str) -> bool:
    return sender.startswith("MG")


def _is_alike(message: MessageInstance, outgoing: Outgoing, since: datetime) -> bool:
    sender = message.messaging_service_sid if _is_service(outgoing.sender) else message.from_
    return (
        message.direction == "outbound-api"
        and sender == outgoing.sender
        and (message.body or "").endswith(outgoing.text)  # a trial account puts its own words before
        and (message.date_created or datetime.max.replace(tzinfo=UTC)) >= since - CLOCK_SKEW
    )
