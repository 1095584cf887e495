"""What FCM's refusals mean for a message, as data: by its own error code, else by HTTP status."""

import json
from typing import Any

from activities.channel import AccountTrouble, Ambiguous, DeadAddress, NotAccepted, Refused, SendError
from activities.channels.push_door import Answer
from activities.channels.retry_after import retry_after

MEANING_BY_CODE: dict[str, tuple[type[SendError], str]] = {
    "UNREGISTERED": (DeadAddress, "the app is gone from the device, or its token has changed"),
    "INVALID_ARGUMENT": (Refused, "the message is not valid"),
    "SENDER_ID_MISMATCH": (Refused, "the token belongs to another project"),
    "QUOTA_EXCEEDED": (NotAccepted, "too many messages"),
    "UNAVAILABLE": (NotAccepted, "the service is away"),
    "INTERNAL": (Ambiguous, "internal error"),
    "THIRD_PARTY_AUTH_ERROR": (AccountTrouble, "Firebase has no valid certificate of Apple's, or key of the browser's"),
}

MEANING_BY_STATUS: dict[int, tuple[type[SendError], str]] = {
    401: (AccountTrouble, "the service account is not accepted"),
    403: (AccountTrouble, "the service account may not send, or the API is not enabled"),
    404: (AccountTrouble, "the project is not known"),
    429: (NotAccepted, "too many messages"),
}


def judge(answer: Answer) -> SendError:
    """The error that an answer stands for; its own text may hold a token and is not kept."""
    details = _details(answer.body)
    code = next((it["errorCode"] for it in details if isinstance(it.get("errorCode"), str)), None)
    by_status = MEANING_BY_STATUS.get(answer.status, _by_class(answer.status))
    kind, text = MEANING_BY_CODE.get(code or "", by_status)
    if code == "INVALID_ARGUMENT" and _is_about_token(details):
        kind, text = DeadAddress, "the token is not valid"
    reason = f"fcm {answer.status}: {text}"
    return NotAccepted(reason, retry_after(answer.headers)) if kind is NotAccepted else kind(reason)


def _by_class(status: int) -> tuple[type[SendError], str]:
    return (Refused, "refused") if status < 500 else (Ambiguous, "internal error")


def _details(body: bytes) -> list[dict[str, Any]]:
    try:
        details = json.loads(body)["error"]["details"]
        return [it for it in details if isinstance(it, dict)]
    except (ValueError, KeyError, TypeError):
        return []


def _is_about_token(details: list[dict[str, Any]]) -> bool:
    violations = [one for it in details if isinstance(found := it.get("fieldViolations"), list) for one in found]
    return any(isinstance(one, dict) and one.get("field") == "message.token" for one in violations)
