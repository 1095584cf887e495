"""SendGrid's Mail Send and Email Logs as far as the SDK is used."""

import hmac
import re
from collections.abc import Callable
from datetime import datetime
from email.utils import formataddr
from typing import Annotated, Any
from uuid import uuid4

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from api.sandbox.answer import ProviderError, ProviderRoute
from language.address import NoAddress, email_address
from store.sandbox import SandboxAccount, SandboxInbox, SandboxMessage

KEY = "sojourn_key"
CONDITION = re.compile(
    r"""\s*(?: to_email \s* = \s* '(?P<to>(?:[^']|'')*)'
      | sg_message_id \s* = \s* '(?P<id>[^']*)'
      | sg_message_id_created_at \s* >=? \s* TIMESTAMP \s* "(?P<since>[^"]+)" )\s*(?:AND|$)""",
    re.VERBOSE,
)


class SendGridError(ProviderError):
    def __init__(self, message: str, field: str | None = None, status: int = 400) -> None:
        super().__init__(status, {"errors": [{"message": message, **({"field": field} if field else {})}]})


def sendgrid_router(account: SandboxAccount, inbox: Callable[..., SandboxInbox]) -> APIRouter:
    """`inbox` is a dependency."""
    router = APIRouter(prefix="/v3", route_class=ProviderRoute, include_in_schema=False)
    Inbox = Annotated[SandboxInbox, Depends(inbox)]

    def authenticate(request: Request) -> None:
        if not hmac.compare_digest(request.headers.get("Authorization", ""), f"Bearer {account.api_key}"):
            raise SendGridError("The provided authorization grant is invalid, expired, or revoked", status=401)

    @router.post("/mail/send")
    async def send(request: Request, inbox: Inbox) -> Response:
        authenticate(request)
        message_id = uuid4().hex[:22]
        await inbox.add(read(_json(await request.body()), message_id))
        return Response(status_code=202, headers={"X-Message-Id": message_id})

    @router.post("/logs")
    async def search(request: Request, inbox: Inbox) -> JSONResponse:
        authenticate(request)
        asked = _json(await request.body())
        to, message_id, since = conditions(asked.get("query") or "")
        found = await inbox.find("sendgrid", recipient=to, since=since, limit=asked.get("limit", 10))
        wanted = [m for m in found if message_id in (None, m.provider_id)]
        return JSONResponse({"messages": [summary(message) for message in wanted]})

    @router.get("/logs/{sg_message_id}")
    async def fetch(request: Request, sg_message_id: str, inbox: Inbox) -> JSONResponse:
        authenticate(request)
        message = await inbox.get("sendgrid", sg_message_id)
        if message is None:
            raise SendGridError("not found", status=404)
        return JSONResponse(details(message))

    return router


def read(mail: dict[str, Any], message_id: str) -> list[SandboxMessage]:
    """One message for each recipient; raises `SendGridError` where SendGrid would refuse the mail."""
    groups = mail.get("personalizations")
    if not groups:
        raise SendGridError("The personalizations field is required and must have at least one personalization.")
    _require_address(mail.get("from"), "from.email")
    contents = {part["type"]: part["value"] for part in mail.get("content") or ()}
    if not contents and not mail.get("template_id"):
        raise SendGridError("Unless a valid template_id is provided, the content parameter is required.", "content")
    messages: list[SandboxMessage] = []
    for number, group in enumerate(groups):
        if not group.get("to"):
            raise SendGridError(
                "The to array is required for all personalization objects.", f"personalizations.{number}.to"
            )
        for place, to in enumerate(group["to"]):
            _require_address(to, f"personalizations.{number}.to.{place}.email")
            messages.append(_message(mail, group, to, contents, f"{message_id}.recvd-sandbox-{len(messages)}"))
    return messages


def _message(
    mail: dict[str, Any], group: dict[str, Any], to: dict[str, str], contents: dict[str, str], sg_message_id: str
) -> SandboxMessage:
    subject = group.get("subject") or mail.get("subject")
    if not subject:
        raise SendGridError(
            "The subject is required. You can get around this requirement if you use a template.", "subject"
        )
    sender = mail["from"]
    arguments = {**(mail.get("custom_args") or {}), **(group.get("custom_args") or {})}
    return SandboxMessage(
        "sendgrid",
        sg_message_id,
        "email",
        formataddr((sender.get("name") or "", sender["email"])),
        to["email"],
        subject,
        contents.get("text/plain"),
        contents.get("text/html"),
        {"key": arguments.get(KEY), "custom_args": arguments, "from_email": sender["email"]},
    )


def _require_address(given: Any, field: str) -> None:
    value = given.get("email") if isinstance(given, dict) else None
    try:
        email_address(value if isinstance(value, str) else "")
    except NoAddress:
        raise SendGridError("Does not contain a valid address.", field) from None


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise SendGridError("Bad Request")
    return value


def conditions(query: str) -> tuple[str | None, str | None, datetime | None]:
    """The recipient, the message id and the time of a query in the language of the Email Logs."""
    to = message_id = since = None
    place = 0
    while place < len(query):
        found = CONDITION.match(query, place)
        if found is None:
            raise SendGridError("invalid query", "query")
        to = found["to"].replace("''", "'") if found["to"] is not None else to
        message_id = found["id"] or message_id
        since = datetime.fromisoformat(found["since"]) if found["since"] else since
        place = found.end()
    return to, message_id, since


def summary(message: SandboxMessage) -> dict[str, Any]:
    return {
        "from_email": message.details["from_email"],
        "sg_message_id": message.provider_id,
        "subject": message.subject,
        "to_email": message.recipient,
        "status": "processed",
        "sg_message_id_created_at": message.received_at.isoformat(),
    }


def details(message: SandboxMessage) -> dict[str, Any]:
    arguments = message.details["custom_args"]
    processed = {
        "event": "processed",
        "email": message.recipient,
        "sg_event_id": f"processed-{message.provider_id}",
        "sg_message_id": message.provider_id,
        "smtp-id": f"<{message.provider_id}@sandbox>",
        "timestamp": int(message.received_at.timestamp()),
        "custom_args": arguments,
    }
    shown = summary(message)
    del shown["sg_message_id_created_at"]
    return {**shown, "api_key_id": "sandbox", "client_ip": "127.0.0.1", "custom_args": arguments, "events": [processed]}
