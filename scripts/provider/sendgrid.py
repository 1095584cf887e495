"""SendGrid: Mail Send and the Email Logs."""

import re
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from scripts.provider.ledger import Accepted, Ledger

API_KEY = "SG.test"
KEY = "sojourn_key"

Take = Callable[[web.Request, Accepted, web.Response], Awaitable[web.StreamResponse]]


class SendGrid:
    """Answers from the ledger; `take` accepts what is sent, or fails. `asked` are the newest requests with a body."""

    def __init__(self, ledger: Ledger, take: Take) -> None:
        self._ledger, self._take = ledger, take
        self.asked: deque[tuple[str, Any]] = deque(maxlen=100)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v3/mail/send", self._send)
        router.add_post("/v3/logs", self._logs)
        router.add_get("/v3/logs/{id}", self._log)

    async def _send(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return web.json_response(
                {"errors": [{"message": "The provided authorization grant is invalid"}]}, status=401
            )
        mail = await self._body(request)
        to = mail["personalizations"][0]
        message = Accepted(
            "sendgrid",
            self._ledger.next_id("sg"),
            to["custom_args"][KEY],
            mail["from"]["email"],
            to["to"][0]["email"],
            mail["subject"],
            mail["content"][0]["value"],
        )
        answer = web.Response(status=202, headers={"X-Message-Id": message.id})
        return await self._take(request, message, answer)

    async def _logs(self, request: web.Request) -> web.Response:
        self._ledger.looks += 1
        address = _address_in((await self._body(request))["query"])
        if not (self._ledger.may_look and self._ledger.may_read(address)):
            return web.json_response({"errors": [{"message": "access forbidden"}]}, status=403)
        status, reason = self._ledger.mailed(address)
        shown = [_shown(m) for m in self._ledger.visible("sendgrid") if m.recipient == address]
        return web.json_response({"messages": [{**it, "status": status, "reason": reason} for it in shown]})

    async def _log(self, request: web.Request) -> web.Response:
        found = [m for m in self._ledger.visible("sendgrid") if request.match_info["id"].startswith(m.id)]
        if not found:
            return web.json_response({"errors": [{"message": "not found"}]}, status=404)
        return web.json_response(_details(found[0]))

    async def _body(self, request: web.Request) -> Any:
        self.asked.append((request.path, await request.json()))
        return self.asked[-1][1]


def _address_in(query: str) -> str:
    found = re.search(r"to_email = '((?:[^']|'')*)'", query)
    assert found is not None
    return found[1].replace("''", "'")


def _shown(message: Accepted) -> dict[str, Any]:
    return {
        "sg_message_id": f"{message.id}.recvd-1-0",
        "from_email": message.sender,
        "to_email": message.recipient,
        "subject": message.subject,
        "status": "processed",
        "sg_message_id_created_at": datetime.fromtimestamp(message.at, UTC).isoformat(),
    }


def _details(message: Accepted) -> dict[str, Any]:
    whose = {"api_key_id": "test", "client_ip": "127.0.0.1"}
    shown = {name: value for name, value in _shown(message).items() if name != "sg_message_id_created_at"}
    return {**shown, **whose, "custom_args": {KEY: message.key}, "events": []}
