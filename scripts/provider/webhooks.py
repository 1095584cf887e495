"""What the providers tell, signed as each does: late, several times, in any order, and some of it never."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import aiohttp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from api.sandbox.signing import as_sendgrid, as_twilio
from scripts.provider.ledger import Accepted, Fate
from scripts.provider.sendgrid import KEY
from scripts.provider.twilio import ACCOUNT_SID, ANSWERED_BY, AUTH_TOKEN, STATUS_BY_FATE

EVENTS = "/webhooks/sendgrid/events"
INBOUND = "/webhooks/twilio/inbound"
TRIES = 12
PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds before the next try; twice as long each time."""

TIMEOUT = aiohttp.ClientTimeout(total=8)


@dataclass(frozen=True, slots=True)
class Manner:
    """`lost` never come and `repeated` come twice, of all statuses; each up to `latest` seconds late."""

    lost: float = 0.0
    repeated: float = 0.0
    latest: float = 0.2


@dataclass(frozen=True, slots=True)
class Heard:
    """A status that was taken: `at` is when the answer to it came."""

    key: str
    status: str
    at: float


class Webhooks:
    """`api_url` is set once it is known; `refused` says what was not believed.

    `is_silent`: of mails to these addresses nothing is ever told.
    """

    def __init__(
        self,
        chance: random.Random,
        manner: Manner,
        *,
        fate: Callable[[str], Fate | None],
        is_silent: Callable[[str], bool] = lambda address: False,
    ) -> None:
        self.api_url = ""
        self.heard: list[Heard] = []
        self.refused: list[str] = []
        self.count: Counter[str] = Counter()
        self._chance, self._manner, self._fate, self._is_silent = chance, manner, fate, is_silent
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._tasks: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None

    @property
    def public_key(self) -> str:
        """As SendGrid's settings show it."""
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        pem = self._key.public_key().public_bytes(serialization.Encoding.PEM, kind).decode()
        return "".join(line for line in pem.splitlines() if "-----" not in line)

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=32))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._http is not None
        await self._http.close()

    @property
    def are_quiet(self) -> bool:
        """Whether all that will ever be told has been."""
        return not self._tasks

    def tell(self, message: Accepted, callback: str | None) -> None:
        """All that will be said of a message, from now on; returns at once."""
        if message.provider == "sendgrid" and not self._is_silent(message.recipient):
            for event in ("processed", "delivered", "open"):
                self._begin(self._status(message, event, partial(self._mail, message, event)))
        elif callback:
            for form in _forms(message, self._fate(message.recipient)):
                status = form.get("CallStatus") or form["MessageStatus"]
                self._begin(self._status(message, status, partial(self._form, callback, form)))

    async def inbound(self, id: str, number: str, text: str) -> float:
        """What a customer writes, until it is taken; when that was. Raises TimeoutError when it never is."""
        form = {
            "MessageSid": id,
            "SmsSid": id,
            "AccountSid": ACCOUNT_SID,
            "From": number,
            "Body": text,
            "NumMedia": "0",
        }
        async with asyncio.timeout(120):
            while not await self._form(self.api_url + INBOUND, form):  # noqa: ASYNC110 the API calls nobody
                await asyncio.sleep(0.5)
        return time.time()

    def _begin(self, telling: Any) -> None:
        task = asyncio.create_task(telling)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self.refused.append(str(failure))

    async def _status(self, message: Accepted, status: str, post: Callable[[], Any]) -> None:
        if self._chance.random() < self._manner.lost:
            self.count["lost"] += 1
            return
        times = 2 if self._chance.random() < self._manner.repeated else 1
        for _ in range(times):
            await asyncio.sleep(self._chance.uniform(0, self._manner.latest))
            if await self._until_taken(post):
                self.heard.append(Heard(message.key, status, time.time()))
                self.count["taken"] += 1
            else:
                self.count["given up"] += 1
        self.count["repeated"] += times - 1

    async def _until_taken(self, post: Callable[[], Any]) -> bool:
        for tried in range(TRIES):
            if await post():
                return True
            self.count["tried again"] += 1
            await asyncio.sleep(min(PAUSE * 2**tried, LONGEST_PAUSE))
        return False

    async def _form(self, url: str, form: Mapping[str, str]) -> bool:
        return await self._post(url, dict(form), as_twilio(AUTH_TOKEN, url, form))

    async def _mail(self, message: Accepted, event: str) -> bool:
        said = {
            "event": event,
            "email": message.recipient,
            "timestamp": int(time.time()),
            "sg_event_id": f"{message.id}-{event}",
            "sg_message_id": f"{message.id}.recvd-1-0",
            KEY: message.key,
        }
        body = json.dumps([said]).encode()
        return await self._post(self.api_url + EVENTS, body, as_sendgrid(self._key, body))

    async def _post(self, url: str, data: Any, headers: Mapping[str, str]) -> bool:
        assert self._http is not None
        try:
            # As it is: what is signed is the address to the letter.
            target = URL(url, encoded=True)
            async with self._http.post(target, data=data, headers=headers, timeout=TIMEOUT) as answer:
                if 400 <= answer.status < 500 and answer.status != 429:
                    raise RuntimeError(f"a webhook was answered {answer.status}: {(await answer.text())[:200]}")
                return answer.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False


def _forms(message: Accepted, fate: Fate | None) -> Iterator[dict[str, str]]:
    """The statuses of a message or call, in their order."""
    if message.id.startswith("CA"):
        call = {"CallSid": message.id, "AccountSid": ACCOUNT_SID, "From": message.sender, "To": message.recipient}
        yield {**call, "CallStatus": "initiated"}
        if fate in ("answered", "machine"):
            yield {**call, "CallStatus": "in-progress", "AnsweredBy": ANSWERED_BY[fate]}
        end = {"AnsweredBy": ANSWERED_BY[fate]} if fate in ANSWERED_BY else {}
        yield {**call, "CallStatus": STATUS_BY_FATE[fate], "CallDuration": "3", **end}
        return
    ids = {"MessageSid": message.id, "SmsSid": message.id, "AccountSid": ACCOUNT_SID}
    for status in ("sent", "delivered"):
        yield {**ids, "MessageStatus": status, "From": message.sender, "To": message.recipient}
