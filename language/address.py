"""Where a customer can be reached on a channel, from their traits. Pure: no look-up of any kind."""

from collections.abc import Mapping
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email

TRAIT_BY_CHANNEL = {"email": "email", "sms": "phone", "voice": "phone", "whatsapp": "phone"}


class NoAddress(ValueError):
    """Says what is missing or wrong, never the address itself."""


def address(channel: str, traits: Mapping[str, Any]) -> str:
    """The address as the provider takes it (E.164 for phones); raises `NoAddress`."""
    trait = TRAIT_BY_CHANNEL[channel]
    value = traits.get(trait)
    if value is None or value == "":
        raise NoAddress(f"the customer has no {trait}")
    if not isinstance(value, str):
        raise NoAddress(f"the customer's {trait} is not a text")
    return email_address(value) if trait == "email" else phone_number(value)


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
