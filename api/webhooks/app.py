"""Where providers tell what became of our messages, and what customers answer."""

from datetime import datetime
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from api.parcel import unpack
from api.parts import Parts
from api.problem import Problem
from api.provided import App
from api.webhooks import sendgrid_events, twilio_statuses
from api.webhooks.refusal import refuse
from api.webhooks.sendgrid_signature import SIGNATURE, TIMESTAMP
from api.webhooks.taking import may_be_away, take
from api.webhooks.trust import Trust
from api.webhooks.twilio_inbound import Inbound, receive

STATUS = "/webhooks/twilio/status"
INBOUND = "/webhooks/twilio/inbound"
EVENTS = "/webhooks/sendgrid/events"

NO_REPLY = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
"""What Twilio is to do about a message to us: nothing. Any other text it would send as a reply."""

LONGEST_KEY = 500


def webhook_router(trust: Trust) -> APIRouter:
    """Signed requests only: nothing of any other is looked at."""
    router = APIRouter(tags=["webhooks"])

    @router.post(
        STATUS,
        status_code=204,
        summary="Twilio: what became of a message or call",
        openapi_extra=_form("MessageStatus"),
    )
    async def twilio_status(request: Request, app: App) -> Response:
        """The address bears our message's key, which Twilio signs with it. Reports come in any order, and again."""
        form = await trust.twilio.form(request)
        key = request.query_params.get("key", "").replace("\0", "\ufffd")[:LONGEST_KEY]
        await take(app, "twilio", twilio_statuses.said_of(form, key or None))
        return Response(status_code=204)

    @router.post(INBOUND, summary="Twilio: what a customer wrote", openapi_extra=_form("Body"))
    async def twilio_inbound(request: Request, app: App) -> Response:
        """STOP and START, in many languages, are taken as such; everything else is an event of the customer."""
        inbound = Inbound.of(await trust.twilio.form(request))
        if inbound is not None:
            with may_be_away():
                await receive(app, inbound)
        return Response(NO_REPLY, media_type="text/xml")

    @router.post(EVENTS, status_code=204, summary="SendGrid: what became of mails", openapi_extra=EVENTS_DOCUMENTED)
    async def sendgrid(request: Request, app: App) -> Response:
        """SendGrid's Event Webhook, with its signature switched on. Events come in any order, and again."""
        body = await unpack(request)
        flaw = trust.sendgrid.flaw(body, request.headers)
        if flaw is not None:
            raise refuse("sendgrid", flaw)
        await take(app, "sendgrid", sendgrid_events.said_of(_items(body), lambda real: _journey_time(app, real)))
        return Response(status_code=204)

    return router


def _items(body: bytes) -> list[Any]:
    try:
        items = orjson.loads(body)
    except orjson.JSONDecodeError:
        items = None
    if not isinstance(items, list):
        raise Problem(400, "The body is not a list of events")
    return items


def _journey_time(parts: Parts, real: datetime) -> datetime | None:
    """In demo time what happens counts when it is received."""
    return parts.pace.journey_time(real) if parts.pace.speed == 1 else None


def _form(field: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {field: {"type": "string"}}, "additionalProperties": {"type": "string"}}
    signature = {"name": "X-Twilio-Signature", "in": "header", "required": True, "schema": {"type": "string"}}
    content = {"application/x-www-form-urlencoded": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}, "parameters": [signature]}


_HEADERS = [
    {"name": name, "in": "header", "required": True, "schema": {"type": "string"}} for name in (SIGNATURE, TIMESTAMP)
]
EVENTS_DOCUMENTED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}},
    },
    "parameters": _HEADERS,
}
