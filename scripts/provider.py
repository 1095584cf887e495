"""Twilio and SendGrid as far as Sojourn speaks to them, with faults on demand and a ledger of what was accepted.

In a test: `async with Provider() as provider`. For chaos and bench: `python -m scripts.provider --port 4300`, with the
ledger at `/ledger` and faults by `POST /faults`.
"""

import argparse
import asyncio
import base64
import json
import re
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "token"
API_KEY = "SG.test"
KEY = "sojourn_key"

Fault = Literal["drop", "accept_then_drop", "too_many", "error_after_accept", "unavailable", "hang"]
FAULTS: tuple[Fault, ...] = ("drop", "accept_then_drop", "too_many", "error_after_accept", "unavailable", "hang")


@dataclass(frozen=True, slots=True)
class Accepted:
    """One message that really goes out. `key` is our own, read from where the channel puts it."""

    provider: str
    id: str
    key: str
    sender: str
    recipient: str
    subject: str | None
    text: str
    at: float = field(default_factory=time.time)


class Provider:
    """`fail(fault, times)` lets the next sends fail so; `refuse(status, body)` lets the next one be refused.

    `lag`: seconds before an accepted message shows in lists. `journal`: a file that keeps the ledger. `asked` are the
    newest requests to Twilio by their paths and fields, `queries` the fields of the newest lists that were asked for.
    `scripts`: what calls do when answered, by their ids: TwiML, or the address that tells.
    """

    def __init__(self, *, lag: float = 0, hang: float = 30, journal: Path | None = None) -> None:
        self.accepted: list[Accepted] = []
        self.calls = 0
        self.looks = 0
        self.lag = lag
        self.may_look = True
        self.hang = hang
        self.retry_after = "0"
        self.asked: deque[tuple[str, list[tuple[str, str]]]] = deque(maxlen=100)
        self.queries: deque[list[str]] = deque(maxlen=100)
        self.scripts: dict[str, str] = {}
        self._faults: deque[Fault] = deque()
        self._refusals: deque[tuple[int, dict[str, Any]]] = deque()
        self._journal = journal
        self._runner: web.AppRunner | None = None
        self._over = asyncio.Event()
        self.url = ""

    @property
    def count_by_key(self) -> Counter[str]:
        return Counter(message.key for message in self.accepted)

    def fail(self, fault: Fault, times: int = 1) -> None:
        self._faults.extend([fault] * times)

    def refuse(self, status: int, body: dict[str, Any]) -> None:
        self._refusals.append((status, body))

    async def start(self, port: int = 0) -> Self:
        app = web.Application()
        account = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
        app.router.add_post(f"{account}/Messages.json", self._twilio_create)
        app.router.add_get(f"{account}/Messages.json", self._twilio_list)
        app.router.add_post(f"{account}/Calls.json", self._twilio_call)
        app.router.add_get(f"{account}/Calls.json", self._twilio_calls)
        app.router.add_post("/v3/mail/send", self._sendgrid_send)
        app.router.add_post("/v3/logs", self._sendgrid_logs)
        app.router.add_get("/v3/logs/{id}", self._sendgrid_log)
        app.router.add_get("/ledger", self._ledger)
        app.router.add_post("/faults", self._fault)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def stop(self) -> None:
        self._over.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _take(self, request: web.Request, message: Accepted, answer: web.Response) -> web.StreamResponse:
        """Accept a message and answer, or fail as was asked for."""
        self.calls += 1
        if self._refusals:
            status, body = self._refusals.popleft()
            return web.json_response(body, status=status)
        fault = self._faults.popleft() if self._faults else None
        if fault == "too_many":
            headers = {"Retry-After": self.retry_after}
            return web.json_response({"code": 20429, "message": "Too Many Requests"}, status=429, headers=headers)
        if fault == "unavailable":
            return web.json_response({"code": 20503, "message": "Service unavailable"}, status=503)
        if fault == "drop":
            return self._cut(request)
        self._accept(message)
        if fault == "accept_then_drop":
            return self._cut(request)
        if fault == "error_after_accept":
            return web.json_response({"code": 20500, "message": "Internal error"}, status=500)
        if fault == "hang":
            await asyncio.wait([asyncio.ensure_future(self._over.wait())], timeout=self.hang)
        return answer

    def _accept(self, message: Accepted) -> None:
        self.accepted.append(message)
        if self._journal is not None:
            with self._journal.open("a") as journal:
                journal.write(json.dumps(asdict(message)) + "\n")

    def _cut(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def _twilio_form(self, request: web.Request) -> dict[str, str]:
        """The fields of a request to Twilio; raises what Twilio answers to strangers."""
        if request.headers.get("Authorization") != _basic(ACCOUNT_SID, AUTH_TOKEN):
            refusal = json.dumps({"code": 20003, "message": "Authenticate", "status": 401})
            raise web.HTTPUnauthorized(text=refusal, content_type="application/json")
        fields = [(name, str(value)) for name, value in (await request.post()).items()]
        self.asked.append((request.path, fields))
        return dict(fields)

    async def _twilio_create(self, request: web.Request) -> web.StreamResponse:
        form = await self._twilio_form(request)
        sender = form.get("MessagingServiceSid") or form["From"]
        text = form.get("Body") or form.get("ContentVariables") or form["ContentSid"]
        message = Accepted("twilio", self._id("SM"), _key_in(form), sender, form["To"], None, text)
        return await self._take(request, message, web.json_response(_twilio(message), status=201))

    async def _twilio_list(self, request: web.Request) -> web.Response:
        return web.json_response({"messages": self._twilio_found(request, "SM"), "next_page_uri": None})

    async def _twilio_call(self, request: web.Request) -> web.StreamResponse:
        form = await self._twilio_form(request)
        script = form.get("Url") or form["Twiml"]
        call = Accepted("twilio", self._id("CA"), _key_in(form), form["From"], form["To"], None, script)
        self.scripts[call.id] = script
        return await self._take(request, call, web.json_response(_twilio(call), status=201))

    async def _twilio_calls(self, request: web.Request) -> web.Response:
        return web.json_response({"calls": self._twilio_found(request, "CA"), "next_page_uri": None})

    def _twilio_found(self, request: web.Request, prefix: str) -> list[dict[str, Any]]:
        """What a list shows, newest first."""
        self.looks += 1
        self.queries.append(list(request.query))
        to = request.query.get("To")
        sender = request.query.get("From")
        found = [
            message
            for message in self._visible("twilio")
            if message.id.startswith(prefix) and to in (None, message.recipient) and sender in (None, message.sender)
        ]
        return [_twilio(m) for m in reversed(found)]

    async def _sendgrid_send(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return web.json_response(
                {"errors": [{"message": "The provided authorization grant is invalid"}]}, status=401
            )
        mail = await request.json()
        to = mail["personalizations"][0]
        message = Accepted(
            "sendgrid",
            self._id("sg"),
            to["custom_args"][KEY],
            mail["from"]["email"],
            to["to"][0]["email"],
            mail["subject"],
            mail["content"][0]["value"],
        )
        answer = web.Response(status=202, headers={"X-Message-Id": message.id})
        return await self._take(request, message, answer)

    async def _sendgrid_logs(self, request: web.Request) -> web.Response:
        self.looks += 1
        if not self.may_look:
            return web.json_response({"errors": [{"message": "access forbidden"}]}, status=403)
        address = _address_in((await request.json())["query"])
        messages = [_sendgrid(m) for m in self._visible("sendgrid") if m.recipient == address]
        return web.json_response({"messages": messages})

    async def _sendgrid_log(self, request: web.Request) -> web.Response:
        found = [m for m in self._visible("sendgrid") if request.match_info["id"].startswith(m.id)]
        if not found:
            return web.json_response({"errors": [{"message": "not found"}]}, status=404)
        return web.json_response({**_sendgrid(found[0]), "custom_args": {KEY: found[0].key}, "events": []})

    async def _ledger(self, request: web.Request) -> web.Response:
        return web.json_response([asdict(message) for message in self.accepted])

    async def _fault(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.fail(asked["fault"], asked.get("times", 1))
        return web.Response(status=204)

    def _visible(self, provider: str) -> list[Accepted]:
        return [m for m in self.accepted if m.provider == provider and m.at + self.lag <= time.time()]

    def _id(self, prefix: str) -> str:
        return f"{prefix}{self.calls:032x}"


def _key_in(form: dict[str, str]) -> str:
    return parse_qs(urlsplit(form.get("StatusCallback", "")).query).get("key", [""])[0]


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _address_in(query: str) -> str:
    found = re.search(r"to_email = '((?:[^']|'')*)'", query)
    assert found is not None
    return found[1].replace("''", "'")


def _twilio(message: Accepted) -> dict[str, Any]:
    """A message or a call: each has what the other lacks, which nobody minds."""
    created = format_datetime(datetime.fromtimestamp(int(message.at), UTC))
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
        "date_created": created,
        "error_code": None,
    }


def _sendgrid(message: Accepted) -> dict[str, Any]:
    return {
        "sg_message_id": f"{message.id}.recvd-1-0",
        "from_email": message.sender,
        "to_email": message.recipient,
        "subject": message.subject,
        "status": "processed",
        "sg_message_id_created_at": datetime.fromtimestamp(message.at, UTC).isoformat(),
    }


async def serve(port: int, journal: Path | None) -> None:
    provider = await Provider(journal=journal).start(port)
    print(provider.url, flush=True)
    await asyncio.Event().wait()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=4300)
    arguments.add_argument("--journal", type=Path, default=None)
    asked = arguments.parse_args()
    asyncio.run(serve(asked.port, asked.journal))


if __name__ == "__main__":
    main()
