"""What SendGrid's refusals mean for a message, as data: by HTTP status, and for 400 by the field it complains about."""

import json

from activities.channel import AccountTrouble, Ambiguous, DeadAddress, NotAccepted, Refused, SendError


class Missing(AccountTrouble):
    """Nothing is there. In a look-up: not yet."""


MEANING_BY_STATUS: dict[int, tuple[type[SendError], str]] = {
    400: (Refused, "the message was refused"),
    401: (AccountTrouble, "the key is not valid, or the credits are used up"),
    403: (AccountTrouble, "the sender is not verified, or the account is blocked for now"),
    404: (Missing, "the address of the service is wrong"),
    405: (AccountTrouble, "the address of the service is wrong"),
    413: (Refused, "the message is too large"),
    429: (NotAccepted, "too many requests"),
}

MEANING_BY_FIELD: dict[str, tuple[type[SendError], str]] = {
    "personalizations.0.to": (DeadAddress, "the address is not valid"),
    "from": (AccountTrouble, "the sender is not valid"),
}


def judge(status: int, body: bytes) -> SendError:
    """The error that an answer stands for; its own text may hold addresses and is not kept."""
    unknown = (Refused, "refused") if 400 <= status < 500 else (Ambiguous, "internal error")
    kind, text = MEANING_BY_STATUS.get(status, unknown)
    if status == 400:
        field = _first_field(body)
        kind, text = next((m for name, m in MEANING_BY_FIELD.items() if field.startswith(name)), (kind, text))
    return kind(f"sendgrid {status}: {text}")


def _first_field(body: bytes) -> str:
    try:
        return str(json.loads(body)["errors"][0].get("field") or "")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return ""
