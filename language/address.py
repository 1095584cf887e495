"""Where a customer can be reached on a channel, from their traits. Pure: no look-up of any kind."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email

TRAIT_BY_CHANNEL = {
    "email": "email",
    "sms": "phone",
    "voice": "phone",
    "whatsapp": "phone",
    "push": "push_token",
    "web_push": "web_push",
}
LONGEST = 2000
"""Characters of a token or a subscription: no device's is longer, and more would not be found by an index."""


class NoAddress(ValueError):
    """Says what is missing or wrong, never the address itself."""


def address(channel: str, traits: Mapping[str, Any]) -> str:
    """The address as the provider takes it: E.164 for phones, a browser's subscription as JSON; raises `NoAddress`."""
    trait = TRAIT_BY_CHANNEL[channel]
    value = traits.get(trait)
    if value is None or value == "":
        raise NoAddress(f"the customer has no {trait}")
    if trait == "web_push":
        return subscription(value)
    if not isinstance(value, str):
        raise NoAddress(f"the customer's {trait} is not a text")
    return _READERS[trait](value)


def phone_number(value: str) -> str:
    """E.164. Only impossible numbers are refused: the tables of numbers in use age faster than we are updated."""
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        raise NoAddress("the customer's phone is not an international number (+…)") from None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise NoAddress("the customer's phone is not a possible number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def email_address(value: str) -> str:
    """As written, its domain in ASCII. Reserved names such as `.test` pass: they are for tests."""
    try:
        checked = validate_email(value.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise NoAddress("the customer's email is not an e-mail address") from None
    return f"{checked.local_part}@{checked.ascii_domain}"


def device_token(value: str) -> str:
    """The token that the app was given for push messages."""
    token = value.strip()
    if not token or len(token) > LONGEST or any(character.isspace() for character in token):
        raise NoAddress("the customer's push_token is not a device token")
    return token


def subscription(value: Any) -> str:
    """What a browser gave when it was asked for notifications (`PushSubscription.toJSON()`), as compact JSON."""
    given = _parsed(value) if isinstance(value, str) else value
    keys = given.get("keys") if isinstance(given, Mapping) else None
    if not isinstance(keys, Mapping):
        raise NoAddress("the customer's web_push is not a browser's subscription")
    parts = (given.get("endpoint"), keys.get("p256dh"), keys.get("auth"))
    if not all(isinstance(part, str) and part for part in parts) or not parts[0].startswith(("https://", "http://")):
        raise NoAddress("the customer's web_push has no endpoint and keys")
    written = {"endpoint": parts[0], "keys": {"p256dh": parts[1], "auth": parts[2]}}
    text = json.dumps(written, separators=(",", ":"))
    if len(text) > LONGEST:
        raise NoAddress("the customer's web_push is too long")
    return text


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


_READERS: dict[str, Callable[[str], str]] = {
    "email": email_address,
    "phone": phone_number,
    "push_token": device_token,
}
