"""What a phone call does once it is answered. Twilio asks when it knows whether a human or a machine is there."""

import re
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from api.provided import App, Db
from api.webhooks.taking import Said, take
from api.webhooks.twilio_signature import TwilioSignature
from api.webhooks.twilio_statuses import said_of
from language.twilio_report import call_report, digits_event_id
from language.twiml import call_script, hang_up, thanks
from store.call_contents import call_content
from store.reporting import Told

SCRIPT = "/webhooks/twilio/voice"
DIGITS = "/webhooks/twilio/digits"
LONGEST_ID = 64

_PRESSED = re.compile(r"[0-9*#A-D]{1,20}")

_KEY = {"name": "key", "in": "query", "required": True, "schema": {"type": "string"}}
_SIGNATURE = {"name": "X-Twilio-Signature", "in": "header", "required": True, "schema": {"type": "string"}}
_FIELDS = {
    "type": "object",
    "properties": {"CallSid": {"type": "string"}, "AnsweredBy": {"type": "string"}, "Digits": {"type": "string"}},
    "additionalProperties": {"type": "string"},
}
DOCUMENTED: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": _FIELDS}}},
    "parameters": [_KEY, _SIGNATURE],
}


def voice_router(signature: TwilioSignature) -> APIRouter:
    """Signed requests only."""
    router = APIRouter(tags=["webhooks"])

    @router.post(SCRIPT, summary="Twilio: somebody has answered a call", openapi_extra=DOCUMENTED)
    async def script(request: Request, app: App, db: Db) -> Response:
        """TwiML: what the message says, or to hang up on a machine that shall not hear it.

        That it is a machine is taken here and now: the report of the call's end need not say so again.
        """
        form = await signature.form(request)
        key = _key_of(request)
        content = await call_content(db, key)
        digits_to = f"{signature.public_url}{DIGITS}?key={quote(key, safe='')}"
        answered_by = form.get("AnsweredBy", "unknown")
        if content is not None and call_report("", answered_by) == "machine":
            await take(app, "twilio", said_of(form, key))
        twiml = hang_up() if content is None else call_script(content, answered_by, digits_to)
        return Response(twiml, media_type="text/xml")

    @router.post(DIGITS, summary="Twilio: digits were pressed during a call", openapi_extra=DOCUMENTED)
    async def digits(request: Request, app: App, db: Db) -> Response:
        """They are an event of the call's enrolment, once; TwiML: the last words, and the end."""
        form = await signature.form(request)
        key = _key_of(request)
        content = await call_content(db, key)
        if content is None or not content.get("gather"):
            return Response(hang_up(), media_type="text/xml")
        await take(app, "twilio", Said(reports=_told(key, form.get("CallSid", ""), form.get("Digits", ""))))
        return Response(thanks(content), media_type="text/xml")

    return router


def _key_of(request: Request) -> str:
    return request.query_params.get("key", "").replace("\0", "\ufffd")


def _told(key: str, call_id: str, pressed: str) -> list[Told]:
    """Nothing where the fields make no sense."""
    if not call_id or not _PRESSED.fullmatch(pressed):
        return []
    id = call_id[:LONGEST_ID]
    return [Told(key, "pressed", digits_event_id(id), details={"digits": pressed}, provider_id=id)]
