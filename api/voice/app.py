"""What a phone call does once it is answered. Twilio asks when it knows whether a human or a machine is there."""

from typing import Any

from fastapi import APIRouter, Request, Response

from api.provided import Db
from api.webhooks.twilio_signature import TwilioSignature
from language.twiml import call_script, hang_up
from store.call_contents import call_content

SCRIPT = "/webhooks/twilio/voice"

_KEY = {"name": "key", "in": "query", "required": True, "schema": {"type": "string"}}
_SIGNATURE = {"name": "X-Twilio-Signature", "in": "header", "required": True, "schema": {"type": "string"}}
_FIELDS = {
    "type": "object",
    "properties": {"CallSid": {"type": "string"}, "AnsweredBy": {"type": "string"}},
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
    async def script(request: Request, db: Db) -> Response:
        """TwiML: what the message says, or to hang up on a machine that shall not hear it."""
        form = await signature.form(request)
        content = await call_content(db, request.query_params.get("key", "").replace("\0", "\ufffd"))
        twiml = hang_up() if content is None else call_script(content, form.get("AnsweredBy", "unknown"))
        return Response(twiml, media_type="text/xml")

    return router
