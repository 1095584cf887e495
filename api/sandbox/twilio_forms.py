"""The fields of Twilio's webhooks, as Twilio fills them."""

from datetime import UTC, datetime

from api.sandbox.twilio_answer import rfc_2822
from language.message_event import Report
from store.sandbox import SandboxAccount, SandboxMessage

STATUS_BY_REPORT = {"delivered": "delivered", "opened": "read", "failed": "undelivered"}
ERROR_BY_CHANNEL = {"sms": "30003", "whatsapp": "63010"}
"""The phone was off: what fails on the page does not make its number useless."""

CALL_BY_REPORT: dict[str, dict[str, str]] = {
    "answered": {"CallStatus": "completed", "AnsweredBy": "human", "CallDuration": "20", "Duration": "1"},
    "machine": {"CallStatus": "completed", "AnsweredBy": "machine_start", "CallDuration": "5", "Duration": "1"},
    "no_answer": {"CallStatus": "no-answer", "CallDuration": "0"},
    "busy": {"CallStatus": "busy", "CallDuration": "0", "SipResponseCode": "486"},
    "failed": {"CallStatus": "failed", "CallDuration": "0", "SipResponseCode": "404"},
}


def status_form(message: SandboxMessage, account: SandboxAccount, report: Report) -> dict[str, str] | None:
    """None: Twilio never says that of such a message."""
    if message.channel == "voice":
        return _call_form(message, account, CALL_BY_REPORT[report])
    status = STATUS_BY_REPORT.get(report)
    if status is None:
        return None
    return {
        **_message(message, account, message.provider_id),
        "MessageStatus": status,
        "SmsStatus": status,
        "To": _address(message, message.recipient),
        "From": _address(message, _sender(message, account)),
        **({"ErrorCode": ERROR_BY_CHANNEL[message.channel]} if status == "undelivered" else {}),
        **({"EventType": "READ", "ChannelPrefix": "whatsapp"} if status == "read" else {}),
    }


def inbound_form(message: SandboxMessage, account: SandboxAccount, id: str, text: str) -> dict[str, str]:
    """The customer's answer, which has the id `id`; on WhatsApp it quotes our message."""
    quoted = {"OriginalRepliedMessageSid": message.provider_id} if message.channel == "whatsapp" else {}
    return {
        **_message(message, account, id),
        "SmsMessageSid": id,
        "SmsStatus": "received",
        "From": _address(message, message.recipient),
        "To": _address(message, _sender(message, account)),
        "Body": text,
        "NumMedia": "0",
        "NumSegments": "1",
        **quoted,
    }


def _message(message: SandboxMessage, account: SandboxAccount, id: str) -> dict[str, str]:
    service = message.details.get("messaging_service_sid")
    return {
        "MessageSid": id,
        "SmsSid": id,
        "AccountSid": account.account_sid,
        "ApiVersion": "2010-04-01",
        **({"MessagingServiceSid": service} if service else {}),
    }


def _call_form(message: SandboxMessage, account: SandboxAccount, end: dict[str, str]) -> dict[str, str]:
    sender = _sender(message, account)
    return {
        "CallSid": message.provider_id,
        "AccountSid": account.account_sid,
        "From": sender,
        "To": message.recipient,
        "Caller": sender,
        "Called": message.recipient,
        "Direction": "outbound-api",
        "ApiVersion": "2010-04-01",
        "CallbackSource": "call-progress-events",
        "SequenceNumber": "3",
        "Timestamp": rfc_2822(datetime.now(UTC)),
        **end,
    }


def _address(message: SandboxMessage, number: str) -> str:
    return f"whatsapp:{number}" if message.channel == "whatsapp" else number


def _sender(message: SandboxMessage, account: SandboxAccount) -> str:
    return message.sender or account.phone
