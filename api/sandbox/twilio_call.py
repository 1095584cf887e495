"""Phone calls as Twilio takes and shows them. A call rings; how it ends is said on the sandbox page, or rings out."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element, ParseError, fromstring

from api.sandbox.twilio_answer import TwilioError, key_in, rfc_2822
from language.address import NoAddress, phone_number
from store.sandbox import SandboxMessage

LONGEST_TWIML = 4000
LONGEST_RING = 600

REFUSALS_BY_NUMBER = {
    "+15005550001": (21217, "Phone number does not appear to be valid"),
    "+15005550002": (21214, "'To' phone number cannot be reached"),
    "+15005550003": (21215, "Account not authorized to call this region"),
    "+15005550004": (21216, "Account not allowed to call the number"),
}
"""The numbers that Twilio keeps for tests: each is refused in its own way."""


def read_call(form: Mapping[str, str]) -> SandboxMessage:
    """A call from a request's fields; raises `TwilioError` where Twilio would refuse it."""
    to, sender = form.get("To") or "", form.get("From")
    _check_numbers(to, sender)
    details = {
        "key": key_in(form.get("StatusCallback")),
        "status_callback": form.get("StatusCallback"),
        "script": form.get("Url"),
        "timeout": _seconds(form.get("Timeout")),
        "machine": "leave_message" if form.get("MachineDetection") == "DetectMessageEnd" else "hang_up",
    }
    text, language = (None, None) if form.get("Url") else _said(form.get("Twiml"))
    details |= {"language": language}
    return SandboxMessage("twilio", f"CA{uuid4().hex}", "voice", sender, to, None, text, None, details)


def _check_numbers(to: str, sender: str | None) -> None:
    if not to:
        raise TwilioError(21201, "No 'To' number is specified")
    if not sender:
        raise TwilioError(21213, "Caller phone number is required")
    if to in REFUSALS_BY_NUMBER:
        raise TwilioError(*REFUSALS_BY_NUMBER[to])
    try:
        phone_number(to)
    except NoAddress:
        raise TwilioError(21217, f"Phone number does not appear to be valid: {to}") from None
    try:
        phone_number(sender)
    except NoAddress:
        raise TwilioError(21212, f"Invalid 'From' number: {sender}") from None


def _seconds(written: str | None) -> int:
    seconds = int(written or 60)
    if not 0 < seconds <= LONGEST_RING:
        raise TwilioError(20001, "Timeout is out of range")
    return seconds


def _said(twiml: str | None) -> tuple[str | None, str | None]:
    """What a call says, and in what language; a recording is shown by its address."""
    if not twiml:
        raise TwilioError(21205, "Url parameter is required")
    if len(twiml) > LONGEST_TWIML:
        raise TwilioError(21205, "Twiml exceeds 4000 characters")
    try:
        script = fromstring(twiml)
    except ParseError:
        raise TwilioError(12100, "Document parse failure") from None
    spoken: list[Element] = [*script.iter("Say"), *script.iter("Play")]
    language = next((it.get("language") for it in spoken), None)
    return " ".join(it.text or "" for it in spoken), language


def call_resource(call: SandboxMessage, account_sid: str) -> dict[str, Any]:
    uri = f"/2010-04-01/Accounts/{account_sid}/Calls/{call.provider_id}"
    created = rfc_2822(call.received_at)
    return {
        "account_sid": account_sid,
        "answered_by": None,
        "api_version": "2010-04-01",
        "caller_name": None,
        "date_created": created,
        "date_updated": created,
        "direction": "outbound-api",
        "duration": None,
        "end_time": None,
        "forwarded_from": None,
        "from": call.sender,
        "from_formatted": call.sender,
        "group_sid": None,
        "parent_call_sid": None,
        "phone_number_sid": None,
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "sid": call.provider_id,
        "start_time": None,
        "status": "queued",
        "subresource_uris": {"events": f"{uri}/Events.json", "recordings": f"{uri}/Recordings.json"},
        "to": call.recipient,
        "to_formatted": call.recipient,
        "trunk_sid": None,
        "uri": f"{uri}.json",
    }
