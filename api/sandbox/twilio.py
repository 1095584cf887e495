"""Twilio's Messages and Calls APIs as far as the SDK is used: create, list, fetch."""

import base64
import hmac
from collections.abc import Callable, Sequence
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from api.sandbox.answer import ProviderRoute
from api.sandbox.twilio_answer import TwilioError, limits, page
from api.sandbox.twilio_call import call_resource, read_call
from api.sandbox.twilio_message import WHATSAPP, message_resource, read_message
from store.sandbox import SandboxAccount, SandboxInbox, SandboxMessage

PREFIX = "/2010-04-01/Accounts/{account_sid}"
CHANNELS = {"Messages": ("sms", "whatsapp"), "Calls": ("voice",)}


def twilio_router(account: SandboxAccount, inbox: Callable[..., SandboxInbox]) -> APIRouter:
    """`inbox` is a dependency."""
    router = APIRouter(
        prefix=PREFIX,
        route_class=ProviderRoute,
        include_in_schema=False,
        dependencies=[Depends(_authentication(account))],
    )
    Inbox = Annotated[SandboxInbox, Depends(inbox)]

    @router.post("/Messages.json")
    async def send(request: Request, account_sid: str, inbox: Inbox) -> JSONResponse:
        message = read_message(await _form(request))
        await inbox.add([message])
        return JSONResponse(message_resource(message, account_sid), status_code=201)

    @router.post("/Calls.json")
    async def call(request: Request, account_sid: str, inbox: Inbox) -> JSONResponse:
        message = read_call(await _form(request))
        await inbox.add([message])
        return JSONResponse(call_resource(message, account_sid), status_code=201)

    @router.get("/{kind}.json")
    async def list_(request: Request, account_sid: str, kind: str, inbox: Inbox) -> JSONResponse:
        query = dict(request.query_params)
        size, number = limits(query)
        found = await _find(inbox, _channels(request, kind), query, limit=size + 1, offset=size * number)
        shown = [_resource(message, account_sid) for message in found]
        return JSONResponse(page(kind.lower(), shown, f"{_path(account_sid)}/{kind}.json", query, size, number))

    @router.get("/{kind}/{sid}.json")
    async def fetch(request: Request, account_sid: str, kind: str, sid: str, inbox: Inbox) -> JSONResponse:
        message = await inbox.get("twilio", sid)
        if message is None or message.channel not in _channels(request, kind):
            raise _not_found(request)
        return JSONResponse(_resource(message, account_sid))

    return router


def _authentication(account: SandboxAccount) -> Callable[[Request, str], None]:
    expected = "Basic " + base64.b64encode(f"{account.account_sid}:{account.auth_token}".encode()).decode()

    def authenticate(request: Request, account_sid: str) -> None:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given, expected) or account_sid != account.account_sid:
            raise TwilioError(20003, "Authenticate", 401)

    return authenticate


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))


async def _find(
    inbox: SandboxInbox, channels: Sequence[str], query: dict[str, str], *, limit: int, offset: int
) -> list[SandboxMessage]:
    to, sender = query.get("To"), query.get("From")
    if to and "voice" not in channels:
        channels = ["whatsapp" if to.startswith(WHATSAPP) else "sms"]
    return await inbox.find(
        "twilio",
        recipient=to.removeprefix(WHATSAPP) if to else None,
        sender=sender.removeprefix(WHATSAPP) if sender else None,
        limit=limit,
        offset=offset,
        channels=channels,
    )


def _channels(request: Request, kind: str) -> Sequence[str]:
    if kind not in CHANNELS:
        raise _not_found(request)
    return CHANNELS[kind]


def _resource(message: SandboxMessage, account_sid: str) -> dict[str, Any]:
    resource = call_resource if message.channel == "voice" else message_resource
    return resource(message, account_sid)


def _not_found(request: Request) -> TwilioError:
    return TwilioError(20404, f"The requested resource {request.url.path} was not found", 404)


def _path(account_sid: str) -> str:
    return PREFIX.format(account_sid=account_sid)
