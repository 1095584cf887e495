"""Twilio's Messages API as far as the SDK is used: create, list, fetch."""

import base64
import hmac
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import Annotated, Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from api.sandbox.answer import ProviderError, ProviderRoute
from language.address import NoAddress, phone_number
from language.segments import count_segments
from store.sandbox import SandboxAccount, SandboxInbox, SandboxMessage

PREFIX = "/2010-04-01/Accounts/{account_sid}"
LONGEST_BODY = 1600

REFUSALS_BY_NUMBER = {
    "+15005550001": (21211, "Invalid 'To' Phone Number"),
    "+15005550002": (21612, "The 'To' phone number is not currently reachable using the 'From' phone number"),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region of the 'To' number"),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number"),
}
"""The numbers that Twilio keeps for tests: each is refused in its own way."""


class TwilioError(ProviderError):
    def __init__(self, code: int, message: str, status: int = 400) -> None:
        help_ = f"https://www.twilio.com/docs/errors/{code}"
        super().__init__(status, {"code": code, "message": message, "more_info": help_, "status": status})


def twilio_router(account: SandboxAccount, inbox: Callable[..., SandboxInbox]) -> APIRouter:
    """`inbox` is a dependency."""
    router = APIRouter(prefix=PREFIX, route_class=ProviderRoute, include_in_schema=False)
    Inbox = Annotated[SandboxInbox, Depends(inbox)]
    expected = "Basic " + base64.b64encode(f"{account.account_sid}:{account.auth_token}".encode()).decode()

    def authenticate(request: Request, account_sid: str) -> None:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given, expected) or account_sid != account.account_sid:
            raise TwilioError(20003, "Authenticate", 401)

    @router.post("/Messages.json")
    async def create(request: Request, account_sid: str, inbox: Inbox) -> JSONResponse:
        authenticate(request, account_sid)
        message = read(dict(parse_qsl((await request.body()).decode(), keep_blank_values=True)))
        await inbox.add([message])
        return JSONResponse(resource(message, account_sid), status_code=201)

    @router.get("/Messages.json")
    async def list_(request: Request, account_sid: str, inbox: Inbox) -> JSONResponse:
        authenticate(request, account_sid)
        query = request.query_params
        size, number = min(int(query.get("PageSize", 50)), 1000), int(query.get("Page", 0))
        found = await inbox.find(
            "twilio", recipient=query.get("To"), sender=query.get("From"), limit=size + 1, offset=size * number
        )
        return JSONResponse(page(found, account_sid, dict(query), size, number))

    @router.get("/Messages/{sid}.json")
    async def fetch(request: Request, account_sid: str, sid: str, inbox: Inbox) -> JSONResponse:
        authenticate(request, account_sid)
        message = await inbox.get("twilio", sid)
        if message is None:
            raise TwilioError(20404, f"The requested resource {request.url.path} was not found", 404)
        return JSONResponse(resource(message, account_sid))

    return router


def read(form: dict[str, str]) -> SandboxMessage:
    """A message from a request's fields; raises `TwilioError` where Twilio would refuse it."""
    to, body, service = form.get("To"), form.get("Body"), form.get("MessagingServiceSid")
    if not to:
        raise TwilioError(21604, "A 'To' phone number is required.")
    if to in REFUSALS_BY_NUMBER:
        raise TwilioError(*REFUSALS_BY_NUMBER[to])
    try:
        phone_number(to)
    except NoAddress:
        raise TwilioError(21211, f"Invalid 'To' Phone Number: {to}") from None
    if not (form.get("From") or service):
        raise TwilioError(21603, "A 'From' phone number is required.")
    if not body:
        raise TwilioError(21602, "Message body is required.")
    if len(body) > LONGEST_BODY:
        raise TwilioError(21617, "The concatenated message body exceeds the 1600 character limit")
    callback = form.get("StatusCallback", "")
    key = parse_qs(urlsplit(callback).query).get("key", [None])[0]
    details = {"key": key, "status_callback": callback or None, "messaging_service_sid": service}
    return SandboxMessage("twilio", f"SM{uuid4().hex}", "sms", form.get("From"), to, None, body, None, details)


def resource(message: SandboxMessage, account_sid: str) -> dict[str, Any]:
    service = message.details.get("messaging_service_sid")
    uri = f"/2010-04-01/Accounts/{account_sid}/Messages/{message.provider_id}"
    created = rfc_2822(message.received_at)
    return {
        "account_sid": account_sid,
        "api_version": "2010-04-01",
        "body": message.text,
        "date_created": created,
        "date_sent": None,
        "date_updated": created,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": message.sender,
        "messaging_service_sid": service,
        "num_media": "0",
        "num_segments": "0" if service else str(count_segments(message.text or "")),
        "price": None,
        "price_unit": "USD",
        "sid": message.provider_id,
        "status": "accepted" if service else "queued",
        "subresource_uris": {"media": f"{uri}/Media.json", "feedback": f"{uri}/Feedback.json"},
        "to": message.recipient,
        "uri": f"{uri}.json",
    }


def page(
    found: list[SandboxMessage], account_sid: str, query: dict[str, str], size: int, number: int
) -> dict[str, Any]:
    """One page of a list; `found` has one more than fits when another page follows."""
    path = f"/2010-04-01/Accounts/{account_sid}/Messages.json"

    def uri(page_number: int) -> str:
        return f"{path}?{urlencode({**query, 'PageSize': size, 'Page': page_number})}"

    shown = found[:size]
    return {
        "messages": [resource(message, account_sid) for message in shown],
        "page": number,
        "page_size": size,
        "start": size * number,
        "end": size * number + max(len(shown) - 1, 0),
        "uri": uri(number),
        "first_page_uri": uri(0),
        "previous_page_uri": uri(number - 1) if number else None,
        "next_page_uri": uri(number + 1) if len(found) > size else None,
    }


def rfc_2822(moment: datetime) -> str:
    return format_datetime(moment.replace(microsecond=0))
