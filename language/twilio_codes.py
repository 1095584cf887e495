"""What the error codes of Twilio's status reports mean, as data.

Twilio splits and renames codes over time and advises against logic on them: an unknown code only says that the message
failed. Source: Twilio's error dictionary.
"""

DEAD = {
    30005: "the number does not exist",
    30006: "the number is a landline, or cannot be reached",
    63003: "the channel does not know this address",
    63024: "the recipient is not valid",
}
"""Nothing will ever arrive there by this channel."""

OPTED_OUT = {
    21610: "the recipient has replied STOP",
    63014: "the recipient has blocked us",
}

ACCOUNT = {
    30002: "the account is suspended",
    30032: "the number is not verified",
    30034: "the number is not registered",
    30035: "the number's registration is not complete",
    63001: "the channel could not authenticate",
    63007: "the channel does not know our sender",
    63020: "the invitation of the channel was not accepted",
    63051: "the channel's account is blocked",
}
"""Our own set-up: a person must look."""

OTHERS = {
    30001: "the queue was full",
    30003: "the phone is switched off or out of reach",
    30004: "the message was blocked",
    30007: "the message was filtered by the network",
    30008: "for a reason that nobody knows",
    30011: "the number takes no pictures",
    30017: "the network is congested",
    30022: "the network's rate limit was reached",
    30410: "the network did not answer in time",
    63005: "the channel refused the content",
    63009: "the channel has failed",
    63010: "the channel has failed",
    63012: "the channel has failed",
    63013: "the content breaks the channel's rules",
    63016: "outside of the time in which free text is allowed",
    63017: "the rate limit was reached",
    63018: "the rate limit was reached",
    63021: "the content of the channel is not valid",
    63027: "the template does not exist in this language",
    63028: "the number of parameters does not fit the template",
    63032: "WhatsApp limits messages to this person",
    63049: "WhatsApp limits messages to this person",
}

TEXTS = {**OTHERS, **ACCOUNT, **OPTED_OUT, **DEAD}


def reason_of(code: int | None) -> str:
    """For people, without a number or an address."""
    return f"twilio {code}: {TEXTS.get(code, 'it did not arrive')}" if code else "it did not arrive"
