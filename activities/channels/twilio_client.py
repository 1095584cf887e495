"""What all channels by Twilio share: the account, its SDK client, and what its failures mean."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import aiohttp
from prometheus_client import Gauge
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from activities.channel import Ambiguous, NotAccepted, Unreachable
from activities.channels.retry_after import retry_after
from activities.channels.twilio_errors import judge
from language.twilio_codes import reason_of
from language.twilio_report import REPORT_BY_STATUS, bad_news, call_event_id, call_report, message_event_id
from language.unheard import Learnt

LOOK_BACK = 100
"""How many of the newest messages or calls to a number a look-up reads."""

CLOCK_SKEW = timedelta(minutes=1)
"""By how much Twilio's clock and ours may differ."""

UNDER_WAY = Gauge(
    "sojourn_twilio_concurrent_requests", "What the account had under way, as Twilio last said.", ["account_sid"]
)


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """`sender` is a number, or the id of a messaging service (MG…). `url` stands in for https://api.twilio.com.

    `callback` is the address for status reports, `script` the one that tells a call what to do once somebody has
    answered; each message's key is added to both. None: Twilio cannot reach us. `settle` is how long a look-up waits
    for Twilio to show what it accepted.
    """

    account_sid: str
    auth_token: str
    sender: str
    url: str | None = None
    callback: str | None = None
    settle: timedelta = timedelta(seconds=15)
    script: str | None = None


class TwilioClient:
    """Make it inside the running event loop: it keeps its connections; `await close()` ends them."""

    def __init__(self, account: TwilioAccount) -> None:
        self._http = TwilioDoor(account.url, UNDER_WAY.labels(account.account_sid))
        self.sdk = Client(account.account_sid, account.auth_token, http_client=self._http)
        _ = self.sdk.messages, self.sdk.calls  # loaded now: that takes seconds, which a claimed send does not have

    async def close(self) -> None:
        await self._http.close()

    async def ask_message(self, id: str, *, within: float) -> Learnt | None:
        """What has become of a message; None: nothing final yet. Raises a `SendError`."""
        async with judged(within):
            message = await self.sdk.messages(id).fetch_async()
        status = str(message.status)
        if (report := REPORT_BY_STATUS.get(status)) is None:
            return None
        code = int(message.error_code) if message.error_code else None
        details = {"reason": reason_of(code), "code": code} if report == "failed" else {}
        return Learnt(report, message_event_id(id, status), details, *bad_news(code if report == "failed" else None))

    async def ask_call(self, id: str, *, within: float) -> Learnt | None:
        """How a call has ended; None: it has not, as far as Twilio knows. Raises a `SendError`."""
        async with judged(within):
            call = await self.sdk.calls(id).fetch_async()
        report = call_report(str(call.status), call.answered_by or "")
        if report is None:
            return None
        details: dict[str, Any] = {"seconds": int(call.duration)} if call.duration else {}
        if report == "failed":
            details["reason"] = "the call failed"
        return Learnt(report, call_event_id(id), details)


class TwilioDoor(AsyncTwilioHttpClient):  # type: ignore[misc]
    """The SDK's HTTP client, led to another address, keeping its connections, telling nobody what it sends.

    The SDK's own logger would write addresses, and its answer to 429 drops the header that says when to come back.
    """

    def __init__(self, url: str | None, under_way: Gauge) -> None:
        silent = logging.Logger("twilio", level=logging.CRITICAL + 1)
        super().__init__(pool_connections=False, logger=silent)
        connector = aiohttp.TCPConnector(limit=0)  # the lanes of the worker bound what is under way
        self.session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))
        self._url = urlsplit(url.rstrip("/")) if url else None
        self._under_way = under_way

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
        if (under_way := response.headers.get("Twilio-Concurrent-Requests", "")).isdecimal():
            self._under_way.set(int(under_way))
        if response.status_code == 429:
            raise NotAccepted("twilio 429: too many requests", retry_after(response.headers))
        return response

    def _led(self, url: str) -> str:
        if self._url is None:
            return url
        asked = urlsplit(url)
        return urlunsplit((self._url.scheme, self._url.netloc, self._url.path + asked.path, asked.query, ""))


@asynccontextmanager
async def judged(within: float) -> AsyncIterator[None]:
    """Put what may go wrong in our words. The SDK's own texts hold numbers, so nothing of them is kept or chained."""
    try:
        async with asyncio.timeout(within):
            yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise Unreachable("twilio: no connection") from None
    except TimeoutError:
        raise Ambiguous("twilio: no answer in time") from None
    except (aiohttp.ClientError, OSError):
        raise Ambiguous("twilio: the connection broke") from None
    except (TwilioRestException, TwilioServiceException) as error:
        raise judge(error.status, error.code) from None
    except (TwilioException, ValueError, KeyError):
        raise Ambiguous("twilio: the answer makes no sense") from None


def addressed(sender: str) -> dict[str, str]:
    """The fields of the Messages API that say who sends."""
    return {"messaging_service_sid" if is_service(sender) else "from_": sender}


def marked(address: str | None, key: str, field: str) -> dict[str, str]:
    """The field of a request that holds an address of ours with the message's key; none without an address."""
    return {field: f"{address}?key={quote(key, safe='')}"} if address else {}


def is_service(sender: str) -> bool:
    return sender.startswith("MG")


def is_ours(message: Any, sender: str, since: datetime) -> bool:
    """Whether a message or call that Twilio shows came from our API and this sender, after `since`."""
    shown = message.messaging_service_sid if is_service(sender) else message.from_
    created_at = message.date_created or datetime.max.replace(tzinfo=UTC)
    return bool(message.direction == "outbound-api" and shown == sender and created_at >= since - CLOCK_SKEW)
