"""What Twilio's error codes mean for a message, as data.

Twilio splits and renames codes over time and advises against logic on them: an unknown code is judged by its HTTP
status. Source: Twilio's error dictionary.
"""

from activities.channel import (
    AccountTrouble,
    Ambiguous,
    DeadAddress,
    NotAccepted,
    NotPermitted,
    OptedOut,
    Refused,
    SendError,
)

MEANINGS: dict[type[SendError], dict[int, str]] = {
    NotAccepted: {
        20429: "too many requests",
        21611: "the sender's queue is full",
        63017: "the rate limit was reached",
        63018: "the rate limit was reached",
    },
    Ambiguous: {
        20500: "internal error",
        20503: "service unavailable",
    },
    DeadAddress: {
        21211: "the number is not valid",
        21214: "the number cannot be reached",
        21217: "the number is not valid",
        21612: "the number cannot be reached from our sender",
        21614: "the number is not a mobile number",
        63003: "the channel does not know this address",
        63024: "the recipient is not valid",
    },
    OptedOut: {
        21610: "the recipient has replied STOP",
    },
    Refused: {
        21216: "the number may not be called",
        21602: "the message has no text",
        21617: "the message is too long",
        21618: "the content may not be sent",
        21619: "the message has neither text nor media",
        21620: "a media address is not valid",
        21623: "too many media files",
        21654: "the content template is not valid",
        21655: "the content template is not known",
        21656: "the content variables are not valid",
        63016: "outside of the time in which free text is allowed",
        63027: "the template does not exist in this language",
        63028: "the number of parameters does not fit the template",
    },
    NotPermitted: {
        13227: "the account may not call this region",
        20001: "a request parameter is not valid",
        21215: "the account may not call this region",
        21219: "a trial account may not call this number",
        21408: "the account may not send to this region",
    },
    AccountTrouble: {
        20003: "authentication failed",
        20005: "the account is not active",
        20404: "the account or service is not known",
        21205: "the address of the call's script is not valid",
        21210: "the caller's number is not verified",
        21212: "the sender is not valid",
        21213: "the sender is missing",
        21601: "the sender cannot send SMS",
        21603: "the sender is missing",
        21606: "the sender does not belong to the account",
        21609: "the callback address is not valid",
        21910: "the sender does not belong to the channel",
        63001: "the channel could not authenticate",
        63007: "the channel does not know our sender",
        63020: "the invitation of the channel was not accepted",
        63051: "the channel's account is blocked",
    },
}

MEANING_BY_CODE: dict[int, tuple[type[SendError], str]] = {
    code: (kind, text) for kind, texts in MEANINGS.items() for code, text in texts.items()
}


def judge(status: int, code: int | None) -> SendError:
    """The error that an answer with this HTTP status and Twilio code stands for."""
    kind, text = MEANING_BY_CODE.get(code or 0, (by_status(status), "unknown code"))
    return kind(f"twilio {code or status}: {text}")


def by_status(status: int) -> type[SendError]:
    if status == 429:
        return NotAccepted
    if status in (401, 402, 403, 404):
        return AccountTrouble
    return Refused if 400 <= status < 500 else Ambiguous
