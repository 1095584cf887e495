"""Twilio: SMS, WhatsApp and calls."""

import base64
import json
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from scripts.provider.ledger import Accepted, Fate, Ledger

ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "token"
STATUS_BY_FATE: dict[Fate | None, str] = {
    None: "queued",
    "answered": "completed",
    "machine": "completed",
    "no_answer": "no-answer",
    "busy": "busy",
}
ANSWERED_BY: dict[Fate | None, str] = {"answered": "human", "machine": "machine_start"}

Take = Callable[[web.Request, Accepted, web.Response], Awaitable[web.StreamResponse]]


class Twilio:
    """Answers from the ledger; `take` accepts what is sent, or fails."""

    def __init__(self, ledger: Ledger, take: Take) -> None:
        self._ledger, self._take = ledger, take
        self.asked: deque[tuple[str, list[tuple[str, str]]]] = deque(maxlen=100)
        self.scripts: dict[str, str] = {}

    def add_routes(self, router: web.UrlDispatcher) -> None:
        account = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
        router.add_post(f"{account}/Messages.json", self._create)
        router.add_get(f"{account}/Messages.json", self._messages)
        router.add_get(f"{account}/Messages/{{id}}.json", self._one)
        router.add_post(f"{account}/Calls.json", self._call)
        router.add_get(f"{account}/Calls.json", self._calls)
        router.add_get(f"{account}/Calls/{{id}}.json", self._one)

    async def _form(self, request: web.Request) -> dict[str, str]:
        """The fields of a request; raises what Twilio answers to strangers."""
        if request.headers.get("Authorization") != _basic(ACCOUNT_SID, AUTH_TOKEN):
            refusal = json.dumps({"code": 20003, "message": "Authenticate", "status": 401})
            raise web.HTTPUnauthorized(text=refusal, content_type="application/json")
        fields = [(name, str(value)) for name, value in (await request.post()).items()]
        self.asked.append((request.path, fields))
        return dict(fields)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        form = await self._form(request)
        sender = form.get("MessagingServiceSid") or form["From"]
        text = form.get("Body") or form.get("ContentVariables") or form["ContentSid"]
        return await self._accept(request, form, "SM", sender, text)

    async def _call(self, request: web.Request) -> web.StreamResponse:
        form = await self._form(request)
        return await self._accept(request, form, "CA", form["From"], form.get("Url") or form["Twiml"])

    async def _accept(
        self, request: web.Request, form: dict[str, str], prefix: str, sender: str, text: str
    ) -> web.StreamResponse:
        id, callback = self._ledger.next_id(prefix), form.get("StatusCallback", "")
        key = parse_qs(urlsplit(callback).query).get("key", [""])[0]
        message = Accepted("twilio", id, key, sender, form["To"], None, text)
        if callback:
            self._ledger.callbacks[id] = callback
        if prefix == "CA":
            self.scripts[id] = text
        return await self._take(request, message, web.json_response(self._shown(message), status=201))

    async def _messages(self, request: web.Request) -> web.Response:
        return web.json_response({"messages": self._found(request, "SM"), "next_page_uri": None})

    async def _calls(self, request: web.Request) -> web.Response:
        return web.json_response({"calls": self._found(request, "CA"), "next_page_uri": None})

    async def _one(self, request: web.Request) -> web.Response:
        """One message or call as it stands now: a call has ended once it shows."""
        self._ledger.looks += 1
        self._ledger.queries.append(list(request.query))
        for message in self._ledger.visible("twilio"):
            if message.id == request.match_info["id"]:
                return web.json_response(self._shown(message) | self._ended(message))
        return web.json_response({"code": 20404, "message": "not found", "status": 404}, status=404)

    def _ended(self, message: Accepted) -> dict[str, Any]:
        fate, code = self._ledger.fate(message.recipient), self._ledger.code(message.recipient)
        if message.id.startswith("CA"):
            return {"status": STATUS_BY_FATE[fate], "answered_by": ANSWERED_BY.get(fate), "duration": "3"}
        if code is not None:
            return {"status": "undelivered", "error_code": code}
        return {"status": "queued" if fate is None else "delivered"}

    def _found(self, request: web.Request, prefix: str) -> list[dict[str, Any]]:
        """What a list shows, newest first."""
        self._ledger.looks += 1
        self._ledger.queries.append(list(request.query))
        to, sender = request.query.get("To"), request.query.get("From")
        found = [
            message
            for message in self._ledger.visible("twilio")
            if message.id.startswith(prefix) and to in (None, message.recipient) and sender in (None, message.sender)
        ]
        return [self._shown(message) for message in reversed(found)]

    def _shown(self, message: Accepted) -> dict[str, Any]:
        """A message or a call: each has what the other lacks, which nobody minds."""
        is_service = message.sender.startswith("MG")
        return {
            "sid": message.id,
            "account_sid": ACCOUNT_SID,
            "to": message.recipient,
            "from": None if is_service else message.sender,
            "messaging_service_sid": message.sender if is_service else None,
            "body": message.text,
            "direction": "outbound-api",
            "status": "queued",
            "num_segments": "0" if is_service else "1",
            "date_created": format_datetime(datetime.fromtimestamp(int(message.at), UTC)),
            "error_code": None,
        }


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
