"""Twilio and SendGrid, as whoever tests wants them to speak: they sign what they tell and post it to the real API."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree.ElementTree import Element, fromstring

import httpx
import orjson
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount

from api.app import create_app
from api.sandbox.signing import as_sendgrid, as_twilio
from api.webhooks.app import EVENTS, INBOUND
from harness.world import PUBLIC_URL, World
from runtime.settings import Settings
from scripts.provider import ACCOUNT_SID, AUTH_TOKEN, KEY, Accepted
from store.ingest_queue import IngestQueue
from tests.api.telling import KEY as SENDGRID_KEY
from tests.api.telling import public_key
from tests.serving import serving

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Operator:
    """`sent_to` is what the provider has really accepted; all else is said of that."""

    def __init__(self, world: World, http: httpx.AsyncClient) -> None:
        self._world, self._http = world, http
        self._events = count(1)

    def sent_to(self, recipient: str) -> list[Accepted]:
        return [it for it in self._world.provider.accepted if it.recipient.removeprefix("whatsapp:") == recipient]

    def steps_to(self, *recipients: str) -> list[tuple[str, str]]:
        """(step, channel) of all that went to them, in order."""
        sent = [it for it in self._world.provider.accepted if it.recipient.removeprefix("whatsapp:") in recipients]
        return [(step, channel) for _, step, _, channel in (it.key.split("/") for it in sent)]

    async def picks_up(self, call: Accepted, answered_by: str) -> list[str]:
        """The verbs that the call is given, once Twilio thinks to know who is there."""
        return [verb.tag for verb in await self._script(call, answered_by)]

    async def presses(self, call: Accepted, digits: str) -> None:
        """A person, at the address that the call's question bears."""
        [gather] = await self._script(call, "human")
        await self._form(gather.attrib["action"], self._call(call) | {"CallStatus": "in-progress", "Digits": digits})

    async def _script(self, call: Accepted, answered_by: str) -> Element:
        form = self._call(call) | {"CallStatus": "in-progress", "AnsweredBy": answered_by}
        return fromstring((await self._form(self._world.provider.scripts[call.id], form)).content)

    async def tells(self, call: Accepted, **fields: str) -> None:
        """What becomes of a call, at the address that came with it."""
        await self._form(self._world.provider.callbacks[call.id], self._call(call) | fields)

    async def writes(self, number: str, text: str) -> None:
        """A customer, by WhatsApp."""
        form = {"MessageSid": f"SM{number}", "From": f"whatsapp:{number}", "Body": text, "NumMedia": "0"}
        await self._form(PUBLIC_URL + INBOUND, form)

    async def mails(self, message: Accepted, event: str, **fields: Any) -> None:
        """An event about a mail. Its time is whole seconds, on the server's clock, which journey time is a shift of."""
        at = self._world.temporal.pace.real_time(self._world.now()).timestamp()
        ids = {
            "sg_event_id": f"event {next(self._events)}",
            "sg_message_id": f"{message.id}.recvd-1-0",
            KEY: message.key,
        }
        said = {"event": event, "email": message.recipient, "timestamp": int(at)}
        body = orjson.dumps([said | ids | fields])
        answer = await self._http.post(EVENTS, content=body, headers=as_sendgrid(SENDGRID_KEY, body, at=time.time()))
        assert answer.status_code == 204, answer.text

    def _call(self, call: Accepted) -> dict[str, str]:
        return {"CallSid": call.id, "AccountSid": ACCOUNT_SID, "From": call.sender, "To": call.recipient}

    async def _form(self, url: str, form: dict[str, str]) -> httpx.Response:
        headers = FORM | as_twilio(AUTH_TOKEN, url, form)
        path = url.removeprefix(PUBLIC_URL)
        answer = await self._http.post(path, content=urlencode(form, quote_via=quote), headers=headers)
        assert answer.is_success, answer.text
        return answer


@asynccontextmanager
async def operator_of(world: World) -> AsyncIterator[Operator]:
    """The API has the world's clock and relay, so it is served without a lifespan that would start its own."""
    settings = Settings(
        public_url=PUBLIC_URL,
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=SecretStr(AUTH_TOKEN),
        twilio_from="+15005550006",
        sendgrid_webhook_public_key=public_key(SENDGRID_KEY),
    )
    app = create_app(settings)
    queue = IngestQueue(world.ingest)
    parts = {"db": world.db, "clock": world.now, "pace": world.temporal.pace, "waker": world.bell, "queue": queue}
    app.state.parts = SimpleNamespace(**parts, teller=world.bell)
    async with serving(Starlette(routes=[Mount("/", app)])) as address, httpx.AsyncClient(base_url=address) as http:
        yield Operator(world, http)
        await queue.drain()
