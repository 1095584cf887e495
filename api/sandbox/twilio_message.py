"""Messages as Twilio takes and shows them: SMS, and WhatsApp by free text or template."""

import json
from typing import Any
from uuid import uuid4

from api.sandbox.twilio_answer import TwilioError, key_in, rfc_2822
from language.address import NoAddress, phone_number
from language.segments import count_segments
from store.sandbox import SandboxMessage

LONGEST_BODY = 1600
WHATSAPP = "whatsapp:"

REFUSALS_BY_NUMBER = {
    "+15005550001": (21211, "Invalid 'To' Phone Number"),
    "+15005550002": (21612, "The 'To' phone number is not currently reachable using the 'From' phone number"),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region of the 'To' number"),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number"),
}
"""The numbers that Twilio keeps for tests: each is refused in its own way."""


def read_message(form: dict[str, str]) -> SandboxMessage:
    """A message from a request's fields; raises `TwilioError` where Twilio would refuse it."""
    to, sender, service = form.get("To") or "", form.get("From"), form.get("MessagingServiceSid")
    is_whatsapp = to.startswith(WHATSAPP)
    recipient = to.removeprefix(WHATSAPP)
    _check_number(recipient)
    if not (sender or service):
        raise TwilioError(21603, "A 'From' phone number is required.")
    if sender and sender.startswith(WHATSAPP) != is_whatsapp:
        raise TwilioError(21910, "Invalid 'From' and 'To' pair. 'From' and 'To' should be of the same channel")
    text = form.get("Body") or None
    details: dict[str, Any] = {
        "key": key_in(form.get("StatusCallback")),
        "status_callback": form.get("StatusCallback"),
        "messaging_service_sid": service,
    }
    if form.get("ContentSid"):
        variables = _variables(form.get("ContentVariables"))
        details |= {"content_sid": form["ContentSid"], "variables": variables}
        text = " · ".join(variables.values()) or f"Template {form['ContentSid']}"
    if not text:
        raise TwilioError(21602, "Message body is required.")
    if len(text) > LONGEST_BODY:
        raise TwilioError(21617, "The concatenated message body exceeds the 1600 character limit")
    channel = "whatsapp" if is_whatsapp else "sms"
    whence = sender.removeprefix(WHATSAPP) if sender else None
    return SandboxMessage("twilio", f"SM{uuid4().hex}", channel, whence, recipient, None, text, None, details)


def _check_number(to: str) -> None:
    if not to:
        raise TwilioError(21604, "A 'To' phone number is required.")
    if to in REFUSALS_BY_NUMBER:
        raise TwilioError(*REFUSALS_BY_NUMBER[to])
    try:
        phone_number(to)
    except NoAddress:
        raise TwilioError(21211, f"Invalid 'To' Phone Number: {to}") from None


def _variables(written: str | None) -> dict[str, str]:
    try:
        variables = json.loads(written or "{}")
        if all(isinstance(value, str) and value for value in variables.values()):
            return dict(variables)
    except (ValueError, AttributeError):
        pass
    raise TwilioError(21656, "The 'ContentVariables' Parameter is invalid.")


def message_resource(message: SandboxMessage, account_sid: str) -> dict[str, Any]:
    prefix = WHATSAPP if message.channel == "whatsapp" else ""
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
        "from": prefix + message.sender if message.sender else None,
        "messaging_service_sid": service,
        "num_media": "0",
        "num_segments": "0" if service else _segments(message),
        "price": None,
        "price_unit": "USD",
        "sid": message.provider_id,
        "status": "accepted" if service else "queued",
        "subresource_uris": {"media": f"{uri}/Media.json", "feedback": f"{uri}/Feedback.json"},
        "to": prefix + message.recipient,
        "uri": f"{uri}.json",
    }


def _segments(message: SandboxMessage) -> str:
    return "1" if message.channel == "whatsapp" else str(count_segments(message.text or ""))
