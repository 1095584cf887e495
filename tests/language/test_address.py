"""Where a customer can be reached: only by what their traits hold."""

import json
from typing import Any

import pytest

from language.address import NoAddress, address
from language.channel import CHANNELS

BROWSER = {"endpoint": "https://push.example/x", "expirationTime": None, "keys": {"p256dh": "BA", "auth": "a"}}
TRAITS = {"email": "ana@example.com", "phone": "+55 11 98765-4321", "push_token": " t0k:en ", "web_push": BROWSER}
COMPACT = '{"endpoint":"https://push.example/x","keys":{"p256dh":"BA","auth":"a"}}'


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ("email", "ana@example.com"),
        ("sms", "+5511987654321"),
        ("voice", "+5511987654321"),
        ("whatsapp", "+5511987654321"),
        ("push", "t0k:en"),
        ("web_push", COMPACT),
    ],
)
def test_each_channel_has_its_address(channel: str, expected: str) -> None:
    assert address(channel, TRAITS) == expected


def test_a_subscription_may_come_as_json_text() -> None:
    assert address("web_push", {"web_push": json.dumps(BROWSER)}) == COMPACT


@pytest.mark.parametrize("channel", CHANNELS)
def test_whoever_has_no_address_cannot_be_reached(channel: str) -> None:
    with pytest.raises(NoAddress, match="the customer has no "):
        address(channel, {"first_name": "Ana"})


@pytest.mark.parametrize(
    ("channel", "value", "reason"),
    [
        ("push", "two words", "not a device token"),
        ("push", "x" * 2001, "not a device token"),
        ("push", ["a", "b"], "not a text"),
        ("web_push", "https://push.example/x", "not a browser's subscription"),
        ("web_push", 7, "not a browser's subscription"),
        ("web_push", {"endpoint": "https://push.example/x"}, "not a browser's subscription"),
        ("web_push", BROWSER | {"endpoint": "javascript:x"}, "no endpoint and keys"),
        ("web_push", BROWSER | {"keys": {"auth": "a"}}, "no endpoint and keys"),
        ("web_push", BROWSER | {"endpoint": "https://push.example/" + "x" * 2000}, "too long"),
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(channel: str, value: Any, reason: str) -> None:
    trait = "push_token" if channel == "push" else channel
    with pytest.raises(NoAddress, match=reason) as raised:
        address(channel, {trait: value})
    assert "example" not in str(raised.value)
