"""What is pressed on the sandbox page comes back as a provider would tell it: as a signed webhook to our own routes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import quote, urlencode
from uuid import uuid4
from xml.etree.ElementTree import fromstring

import httpx
import orjson
from starlette.types import ASGIApp

from api.problem import Problem
from api.sandbox.sendgrid_events import event_of
from api.sandbox.signing import as_sendgrid, as_twilio, sandbox_key
from api.sandbox.twilio_forms import inbound_form, status_form
from api.webhooks.app import EVENTS, INBOUND, STATUS
from language.message_event import Report
from language.push_reports import PATH, PushReport
from store.sandbox import SandboxAccount, SandboxMessage

PHONES = ("sms", "whatsapp", "voice")
TOLD_BY_DEVICES = get_args(PushReport)


@dataclass(frozen=True, slots=True)
class SandboxWebhooks:
    """Posts to `app` itself. `token` is Twilio's, `public_url` the address that the providers were given."""

    app: ASGIApp
    account: SandboxAccount
    token: str
    public_url: str

    async def say(self, message: SandboxMessage, report: Report, text: str | None) -> bool:
        """False: no provider tells us such a thing. Raises Problem when our own route does not take it."""
        if message.channel == "email" and (event := event_of(message, report, uuid4().hex)) is not None:
            body = orjson.dumps([event])
            await self._post(EVENTS, body, as_sendgrid(sandbox_key(self.account), body))
            return True
        if report in TOLD_BY_DEVICES and (token := message.details.get("report")):
            await self._post(PATH, orjson.dumps({"report": token, "event": report}), {"Content-Type": "text/plain"})
            return True
        if message.channel not in PHONES:
            return False
        if report == "answered" and message.channel != "voice":
            await self._post_form(INBOUND, inbound_form(message, self.account, f"SM{uuid4().hex}", text or ""))
            return True
        form = status_form(message, self.account, "answered" if report == "pressed" else report)
        if form is None:
            return False
        if "AnsweredBy" in form and (script := self._path(message, "script")):
            twiml = await self._post_form(script, {**form, "CallStatus": "in-progress"})
            if report == "pressed":
                await self._press(twiml, {**form, "CallStatus": "in-progress"}, text or "1")
        await self._post_form(self._callback(message), form)
        return True

    async def _press(self, twiml: bytes, form: Mapping[str, str], keys: str) -> None:
        """Where the call has asked for digits, they are told: no more than it asks for, and what comes before a #."""
        gather = fromstring(twiml).find("Gather")
        if gather is None:
            raise Problem(409, "The call asks for no digits", "Its message has no `gather`.")
        path = gather.get("action", "").removeprefix(self.public_url)
        digits, ended, _ = keys.partition("#")
        asked = int(gather.get("numDigits", "1"))
        finished = ended if len(digits) < asked else ""
        told = {"Digits": digits[:asked], "msg": "Gather End", "FinishedOnKey": finished}
        await self._post_form(path, {**form, **told})

    def _callback(self, message: SandboxMessage) -> str:
        """The path, with the marker, that came with the message."""
        marker = quote(message.details.get("key") or "", safe="")
        return self._path(message, "status_callback") or f"{STATUS}?key={marker}"

    def _path(self, message: SandboxMessage, name: str) -> str | None:
        """Of an address of ours that came with the message."""
        asked = message.details.get(name) or ""
        return str(asked.removeprefix(self.public_url)) if asked.startswith(f"{self.public_url}/") else None

    async def _post_form(self, path: str, form: Mapping[str, str]) -> bytes:
        headers = as_twilio(self.token, self.public_url + path, form)
        content_type = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self._post(path, urlencode(dict(form)).encode(), headers | content_type)

    async def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        transport: Any = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as http:
            answer = await http.post(path, content=body, headers=dict(headers))
        if not answer.is_success:
            raise Problem(answer.status_code, "The webhook was not taken", f"{path.partition('?')[0]} refused it.")
        return answer.content
