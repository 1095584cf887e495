"""What Twilio says of a message or a call that we made. Statuses come in any order and may come again."""

from collections.abc import Mapping

import structlog

from api.webhooks.taking import Said
from language.address import NoAddress, phone_number
from language.channel import Channel
from language.twilio_codes import ACCOUNT, reason_of
from language.twilio_report import (
    REPORT_BY_STATUS,
    bad_news,
    call_event_id,
    call_report,
    failure_event_id,
    message_event_id,
)
from store.address_words import AddressWord
from store.reporting import Told

ON_ITS_WAY = frozenset({"accepted", "scheduled", "queued", "sending", "sent", "partially_delivered"})
"""Only proof that Twilio has the message."""

CHANNEL_BY_SCHEME: dict[str, Channel] = {"": "sms", "whatsapp": "whatsapp"}
LONGEST_ID = 64

log = structlog.get_logger()


def said_of(form: Mapping[str, str], key: str | None) -> Said:
    """What the fields of a report come to; nothing where they make no sense. `key` is our message's, from the address
    that Twilio was given with it."""
    if id := form.get("CallSid", "")[:LONGEST_ID]:
        return Said(reports=_call(form, key, id))
    if id := (form.get("MessageSid") or form.get("SmsSid") or "")[:LONGEST_ID]:
        return _message(form, key, id)
    return Said()


def number_of(address: str) -> tuple[Channel, str] | None:
    """Whom an address of Twilio's means, as our messages name it; None: by no channel of ours."""
    scheme, _, rest = address.rpartition(":")
    channel = CHANNEL_BY_SCHEME.get(scheme)
    if channel is None:
        return None
    try:
        return channel, phone_number(rest)
    except NoAddress:
        return channel, rest


def _message(form: Mapping[str, str], key: str | None, id: str) -> Said:
    status = form.get("MessageStatus") or form.get("SmsStatus") or ""
    report = REPORT_BY_STATUS.get(status)
    if report is None:
        proof = Told(key or id, None, f"twilio/{id}/{status}", provider_id=id)
        return Said(reports=[proof] if status in ON_ITS_WAY else [])
    code = _number(form.get("ErrorCode"))
    details = {"reason": reason_of(code), "code": code} if report == "failed" else {}
    told = Told(key or id, report, message_event_id(id, status), details=details, provider_id=id)
    return Said(_words(form, key or id, id, code) if report == "failed" else [], [told])


def _words(form: Mapping[str, str], of: str, id: str, code: int | None) -> list[AddressWord]:
    """What a failure means for the number."""
    if code in ACCOUNT:
        log.error("twilio.account_trouble", code=code, meaning=ACCOUNT[code])
    whom = number_of(form.get("To", ""))
    dead, opted_out = bad_news(code)
    if whom is None or (dead is None and opted_out is None):
        return []
    return [
        AddressWord(
            event_id=failure_event_id(id),
            channel=whom[0],
            address=whom[1],
            source="twilio",
            evidence=reason_of(code),
            dead=dead,
            consent="opted_out" if opted_out else None,
            of=of,
        )
    ]


def _call(form: Mapping[str, str], key: str | None, id: str) -> list[Told]:
    """A call ends once: whatever says so first counts."""
    report = call_report(form.get("CallStatus", ""), form.get("AnsweredBy", ""))
    if report is None:
        return [Told(key or id, None, f"twilio/{id}", provider_id=id)]
    details: dict[str, object] = {}
    if (seconds := _number(form.get("CallDuration"))) is not None:
        details["seconds"] = seconds
    if report == "failed":
        sip = _number(form.get("SipResponseCode"))
        details["reason"] = f"the call failed (SIP {sip})" if sip else "the call failed"
    return [Told(key or id, report, call_event_id(id), details=details, provider_id=id)]


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 8 else None
