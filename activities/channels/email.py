"""E-mail through SendGrid's own SDK. It is synchronous, so it runs in threads of this channel's own."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from typing import Any

import urllib3
from python_http_client import Client
from python_http_client.exceptions import HTTPError, handle_error
from sendgrid import SendGridAPIClient

from activities.channel import (
    Accepted,
    AccountTrouble,
    Ambiguous,
    NotAccepted,
    Outgoing,
    SendError,
    Sighting,
    Unknowable,
    Unreachable,
)
from activities.channels.retry_after import retry_after
from activities.channels.sendgrid_errors import Missing, judge
from language.sendgrid_report import DEAD_BY_DROP, OPTED_OUT_BY_DROP, drop_reason
from language.unheard import Learnt, Unheard

KEY = "sojourn_key"
"""The custom argument that carries a message's key; SendGrid gives it back in its events and logs."""

THREADS = 140
"""As many as sends may be under way in a worker, in all its lanes together: a blast takes none that a code needs. They
are only made when they are needed."""

LOOK_BACK = 50
CLOCK_SKEW = timedelta(minutes=1)
NO_CONNECTION = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)

# Its debug lines hold whole messages.
logging.getLogger("python_http_client").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class SendGridAccount:
    """`sender` is an address, or `Name <address>`. `url` stands in for https://api.sendgrid.com.

    `settle` is how long a look-up waits for the Email Logs to show what was accepted.
    """

    api_key: str
    sender: str
    url: str | None = None
    settle: timedelta = timedelta(seconds=60)


class EmailChannel:
    """Make it once: it keeps its connections and threads; `await close()` ends them."""

    name = "email"
    provider = "sendgrid"

    def __init__(
        self,
        account: SendGridAccount,
        *,
        call_timeout: timedelta = timedelta(seconds=10),
        threads: int = THREADS,
    ) -> None:
        self.sender = account.sender
        self.call_timeout = call_timeout
        self.settle = account.settle
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="sendgrid")
        self._connections = urllib3.PoolManager(num_pools=2, maxsize=threads, retries=False)
        host = (account.url or "https://api.sendgrid.com").rstrip("/")
        sdk = SendGridAPIClient(account.api_key, host=host)
        sdk.client = PooledClient(self._connections, host=host, request_headers=sdk.client.request_headers, version=3)
        self._sdk = sdk

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._connections.clear()

    async def send(self, outgoing: Outgoing, *, within: float) -> Accepted:
        mail = _mail(outgoing)
        response = await self._call(lambda t: self._sdk.client.mail.send.post(request_body=mail, timeout=t), within)
        return Accepted(response.headers.get("X-Message-Id"))

    async def look_up(self, outgoing: Outgoing, *, since: datetime) -> Sighting:
        """In SendGrid's Email Logs: what went to the address since, and bears our key."""
        try:
            found = [id for id in await self._sent_to(outgoing.recipient, since) if await self._bears(id, outgoing.key)]
        except AccountTrouble as error:
            raise Unknowable(f"the Email Logs may not be read ({error.reason})") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Ambiguous("sendgrid: the answer makes no sense") from None
        return Sighting(tuple(id.partition(".")[0] for id in found), is_proof=True)

    async def ask(self, unheard: Unheard) -> Learnt | None:
        """See `activities.asking.Askable`: in the Email Logs, whose ids begin with the one that Mail Send gave."""
        try:
            shown = await self._shown_to(unheard.recipient, unheard.called_at)
            own = next((it for it in shown if it["sg_message_id"].partition(".")[0] == unheard.provider_id), {})
            return _learnt(unheard.provider_id, str(own.get("status")), str(own.get("reason") or ""))
        except AccountTrouble as error:
            raise Unknowable(f"the Email Logs may not be read ({error.reason})") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Ambiguous("sendgrid: the answer makes no sense") from None

    async def _sent_to(self, recipient: str, since: datetime) -> list[str]:
        return [message["sg_message_id"] for message in await self._shown_to(recipient, since)]

    async def _shown_to(self, recipient: str, since: datetime) -> list[dict[str, Any]]:
        earliest = (since - CLOCK_SKEW).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        address = recipient.replace("'", "''")
        asked = {
            "query": f"to_email = '{address}' AND sg_message_id_created_at > TIMESTAMP \"{earliest}\"",
            "limit": LOOK_BACK,
        }
        response = await self._call(lambda t: self._sdk.client.logs.post(request_body=asked, timeout=t))
        messages: list[dict[str, Any]] = response.to_dict["messages"]
        return messages

    async def _bears(self, sg_message_id: str, key: str) -> bool:
        try:
            response = await self._call(lambda t: self._sdk.client.logs._(sg_message_id).get(timeout=t))
        except Missing:
            return False
        message = response.to_dict
        marked = [message, *message.get("events", ())]
        return any((part.get("custom_args") or {}).get(KEY) == key for part in marked)

    async def _call(self, call: Callable[[float], Any], within: float | None = None) -> Any:
        """Run one SDK call in a thread. A call that is still waiting for a thread at its deadline is never made."""
        seconds = self.call_timeout.total_seconds() if within is None else within
        deadline = time.monotonic() + seconds

        def run() -> Any:
            if (left := deadline - time.monotonic()) <= 0:
                raise NotAccepted("sendgrid: no free connection in time")
            return _judged(call, left)

        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self._threads, run)
        except TimeoutError:
            raise Ambiguous("sendgrid: no answer in time") from None


class PooledClient(Client):  # type: ignore[misc]
    """The SDK's HTTP client with connections that are kept; its own opens one for each request."""

    def __init__(self, connections: urllib3.PoolManager, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._connections = connections

    def _build_client(self, name: str | None = None) -> "PooledClient":
        return PooledClient(
            self._connections,
            host=self.host,
            version=self._version,
            request_headers=self.request_headers,
            url_path=[*self._url_path, name] if name else self._url_path,
        )

    def _make_request(self, opener: object, request: Any, timeout: float | None = None) -> "Answer":
        response = self._connections.request(
            request.get_method(),
            request.full_url,
            body=request.data,
            headers=dict(request.header_items()),
            timeout=urllib3.Timeout(total=timeout),
            redirect=False,
        )
        answer = Answer(response)
        if response.status >= 300:
            raise handle_error(answer)
        return answer


class Answer:
    """A response as the SDK expects it of urllib."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self.code = response.status
        self.reason = response.reason
        self.hdrs = response.headers
        self._body = response.data

    def getcode(self) -> int:
        return self.code

    def read(self) -> bytes:
        return self._body

    def info(self) -> Any:
        return self.hdrs


def _learnt(id: str, status: str, reason: str) -> Learnt | None:
    """SendGrid's own reasons may hold the address: none is kept, and some are known."""
    event_id = f"sendgrid/{id}/{status}"
    match status:
        case "delivered":
            return Learnt("delivered", event_id)
        case "bounced":
            return Learnt("bounced", event_id, {"reason": "hard bounce", "bounce": "hard"}, dead="hard bounce")
        case "blocked":
            return Learnt("bounced", event_id, {"reason": "soft bounce", "bounce": "soft"})
        case "dropped":
            dead, opted_out = DEAD_BY_DROP.get(reason), OPTED_OUT_BY_DROP.get(reason)
            return Learnt("failed", event_id, {"reason": drop_reason(reason)}, dead, opted_out)
    return None


def _judged(call: Callable[[float], Any], within: float) -> Any:
    """Put what may go wrong in our words. The SDK's own texts may hold addresses, so nothing of them is kept."""
    try:
        return call(within)
    except NO_CONNECTION:
        raise Unreachable("sendgrid: no connection") from None
    except urllib3.exceptions.TimeoutError:
        raise Ambiguous("sendgrid: no answer in time") from None
    except (urllib3.exceptions.HTTPError, OSError):
        raise Ambiguous("sendgrid: the connection broke") from None
    except HTTPError as error:
        raise _refusal(error) from None


def _refusal(error: Any) -> SendError:
    meaning = judge(error.status_code, error.body or b"")
    if isinstance(meaning, NotAccepted):
        return NotAccepted(meaning.reason, retry_after(error.headers))
    return meaning


def _mail(outgoing: Outgoing) -> dict[str, Any]:
    """Built by ourselves: the SDK's own builder reverses lists."""
    name, address = parseaddr(outgoing.sender)
    content = [{"type": "text/plain", "value": outgoing.text}]
    if outgoing.html is not None:
        content.append({"type": "text/html", "value": outgoing.html})
    headers = outgoing.content.get("headers")
    return {
        **({"headers": headers} if headers else {}),
        "personalizations": [{"to": [{"email": outgoing.recipient}], "custom_args": {KEY: outgoing.key}}],
        "from": {"email": address, "name": name} if name else {"email": address},
        "subject": outgoing.subject,
        "content": content,
        "tracking_settings": {
            # Our own links tell of clicks themselves: SendGrid would put its addresses before them, and tell too.
            "click_tracking": {"enable": not outgoing.content.get("has_tracked_links"), "enable_text": False},
            "open_tracking": {"enable": True},
            "subscription_tracking": {"enable": False},
        },
    }
