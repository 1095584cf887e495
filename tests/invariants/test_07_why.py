"""Invariant 7: every decision not to send is a row with its reason, in plain words and without personal data."""

from datetime import timedelta
from typing import Any

import pytest

from tests.sending import EMAIL, NOW, PHONE, Desk


@pytest.mark.parametrize(
    ("channel", "traits", "reason"),
    [
        ("sms", {"first_name": "Ana"}, "the customer has no phone"),
        ("sms", {"first_name": "Ana", "phone": ""}, "the customer has no phone"),
        ("sms", {"first_name": "Ana", "phone": 4915112345678}, "the customer's phone is not a text"),
        ("sms", {"first_name": "Ana", "phone": "0151 1"}, "the customer's phone is not an international number (+…)"),
        ("sms", {"first_name": "Ana", "phone": "+1"}, "the customer's phone is not an international number (+…)"),
        ("sms", {"first_name": "Ana", "phone": "+1555"}, "the customer's phone is not a possible number"),
        ("sms", {"first_name": "Ana", "phone": "+15551234"}, "the customer's phone is not a possible number"),
        ("email", {"first_name": "Ana", "email": "ana@"}, "the customer's email is not an e-mail address"),
        ("email", {"first_name": "Ana", "email": ["a@x.com"]}, "the customer's email is not a text"),
    ],
)
async def test_no_usable_address(desk: Desk, channel: str, traits: dict[str, Any], reason: str) -> None:
    await desk.db.pool.execute("UPDATE customers SET traits = $1", traits)
    receipt = await desk.send(desk.order(channel))
    row = await desk.row(f"1/send_hello/1/{channel}")
    assert (receipt.verdict, receipt.reason, row["status"], row["reason"]) == (
        "undeliverable",
        reason,
        "undeliverable",
        reason,
    )
    assert desk.provider.calls == 0


async def test_later_than_it_is_valid_for(desk: Desk) -> None:
    order = desk.order(due_at=NOW - timedelta(hours=3), valid_for=timedelta(hours=2))
    assert (await desk.send(order)).verdict == "expired"
    assert (await desk.row())["reason"] == "it was due longer ago than it is valid for"
    assert (await desk.row())["message_class"] == "service"


async def test_a_decision_is_final(desk: Desk) -> None:
    await desk.send(desk.order(due_at=NOW - timedelta(hours=3), valid_for=timedelta(hours=2)))
    assert (await desk.send(desk.order())).verdict == "expired"
    assert desk.provider.calls == 0


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [(400, 21211, "undeliverable"), (400, 21610, "suppressed"), (400, 21617, "failed"), (403, 20003, "held")],
)
async def test_what_a_provider_says_is_kept_without_its_words(desk: Desk, status: int, code: int, verdict: str) -> None:
    desk.provider.refuse(status, {"code": code, "message": f"{PHONE} {EMAIL} Hello Ana", "status": status})
    receipt = await desk.send(desk.order())
    row = await desk.row()
    assert receipt.verdict == verdict
    assert row["reason"] == receipt.reason
    assert f"twilio {code}" in row["reason"]
    assert PHONE not in row["reason"]
