"""Every reason that the gate gives is told apart by its rule: reworded reasons must not lose theirs."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from language.deciding_rule import deciding_rule
from language.gate import MessageGate
from language.policy import Policy
from language.sending import DEAD_ADDRESS, Addressee, Consent, Hold, Refusal
from tests.language.test_gate import NIGHT, NOON, THREE, WEEKLY, contact, judge, message, order

NIGHTFALL = NOON + timedelta(hours=10)
CHANNELS = {"name": "texts", "limit": 1, "per": "1d", "channel": ["sms", "voice"], "calendar": True}
TOPICS = {"name": "about_offers", "limit": 2, "per": "36h", "topic": "offers", "count_transactional": True}
LATELY = tuple(contact(timedelta(minutes=minutes)) for minutes in (1, 2, 3))
LONG_AGO = {"due_at": NOON - timedelta(hours=3), "valid_for": timedelta(hours=1)}
OPTED_OUT = (Consent(None, None, "opted_out"),)


@pytest.mark.parametrize(
    ("policy", "asked", "rule"),
    [
        (WEEKLY, {}, "policy.caps.weekly"),
        (WEEKLY, {"on_cap": "defer"}, "policy.caps.weekly"),
        (WEEKLY | NIGHT, {}, "policy.caps.weekly"),
        ({"caps": [CHANNELS]}, {}, "policy.caps.texts"),
        ({"caps": [TOPICS]}, {}, "policy.caps.about_offers"),
        ({"caps": [TOPICS, CHANNELS]}, {}, "policy.caps.about_offers"),
        ({"minimum_gap": "4h"}, {}, "policy.minimum_gap"),
        (NIGHT, {"at": NIGHTFALL}, "policy.quiet_hours"),
        (NIGHT, {"at": NIGHTFALL, "valid_for": timedelta(hours=1)}, "step.valid_for"),
        ({}, LONG_AGO, "step.valid_for"),
        ({}, {"consents": OPTED_OUT}, "consent"),
        ({}, {"held_out": True}, "hold_out"),
        ({}, {"refuse": "it fell due during a pause, and the journey says `on_resume: skip`"}, "journey.on_resume"),
    ],
)
def test_what_the_gate_says(policy: dict[str, Any], asked: dict[str, Any], rule: str) -> None:
    judged = judge(policy, *THREE, *LATELY, **asked)
    assert isinstance(judged, Refusal | Hold)
    status = "held" if isinstance(judged, Hold) else judged.verdict
    found = deciding_rule(status, judged.reason, Policy.model_validate(policy))
    assert (found.name if found else None, judged.reason) == (rule, judged.reason)


@pytest.mark.parametrize(
    ("traits", "is_dead", "rule"),
    [
        ({"name": "Ana"}, False, "address"),
        ({"name": "Ana", "phone": 7}, False, "address"),
        ({"name": "Ana", "phone": "+1555"}, False, "address"),
        ({"name": "Ana", "phone": "+5511987654321"}, True, "suppression"),
        ({"phone": "+5511987654321"}, False, "message"),
    ],
)
def test_where_the_customer_cannot_be_reached(traits: dict[str, Any], is_dead: bool, rule: str) -> None:
    gate = MessageGate(order(), message(), "p", "+1", NOON)
    customer = Addressee(1, traits, None, "UTC")
    judged = gate.judge(customer, gate.recipient(customer), (), is_dead=is_dead)
    assert isinstance(judged, Refusal)
    found = deciding_rule(judged.verdict, judged.reason, Policy())
    assert (found.name if found else None, judged.reason) == (rule, judged.reason)


@pytest.mark.parametrize(
    ("status", "reason", "rule"),
    [
        ("undeliverable", f"{DEAD_ADDRESS}: twilio 21211: the number is not valid", "provider"),
        ("suppressed", "twilio 21610: the recipient has replied STOP", "provider"),
        ("held", "twilio: no connection", "provider"),
        ("released", "sendgrid: no connection", "provider"),
        ("bounced", "sendgrid: bounced", "provider"),
        ("no_answer", None, "provider"),
        ("failed", "twilio 21617: the message is too long", "provider"),
        ("unknown", "the provider shows messages that are alike", "step.if_unsure"),
        ("suppressed", "the enrolment had ended: converted", "journey.ended"),
        ("suppressed", "the step had been left", "journey.moved_on"),
        ("held", "the enrolment is paused", "pause"),
        ("held", "another journey has displaced this one", "journey.displaced"),
        ("released", "something happened meanwhile", "journey.news"),
        ("held", "the budget sms_a_day of 50 USD is used up; next possible Friday 00:00", "policy.budgets.sms_a_day"),
        ("suppressed", "the budget b of 0.5 EUR is used up; next possible 1 April 00:00", "policy.budgets.b"),
        ("held_out", "the customer is in the control group of all journeys, which gets nothing", "policy.control"),
        ("held_out", "the customer is in the control group, which gets nothing", "hold_out"),
        ("suppressed", "3 promotional messages in 7 days, limit 3; next possible Friday 12:00", "policy.caps"),
        ("sent", None, None),
        ("opened", None, None),
        ("claimed", None, None),
    ],
)
def test_what_else_is_kept(status: str, reason: str | None, rule: str | None) -> None:
    found = deciding_rule(status, reason, Policy())
    assert (found.name if found else None) == rule


SPOKEN = {"Refusal", "NoAddress", "Undeliverable"}
LANGUAGE = Path(__file__).parents[2] / "language"
FILLINGS = {"reason": "quiet hours, 21:00 to 09:00 in UTC, by the profile; next possible Thursday 09:00"}


def spoken() -> Iterator[tuple[str, str]]:
    """Each reason that is written out in the language, with its status; what is filled in stands as `it`."""
    for file in sorted(LANGUAGE.glob("*.py")):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in SPOKEN:
                status = call.args[0].value if isinstance(call.args[0], ast.Constant) else None
                is_refusal = call.func.id == "Refusal"
                text = written(call.args[-1])
                if text is not None:
                    yield str(status) if is_refusal else "undeliverable", text


def written(part: ast.expr) -> str | None:
    if isinstance(part, ast.Constant):
        return str(part.value)
    if not isinstance(part, ast.JoinedStr):
        return None
    texts = (one.value if isinstance(one, ast.Constant) else filled(one) for one in part.values)
    return "".join(str(text) for text in texts)


def filled(part: ast.expr) -> str:
    named = part.value if isinstance(part, ast.FormattedValue) else part
    return FILLINGS.get(named.id, "it") if isinstance(named, ast.Name) else "it"


def test_no_reason_of_ours_is_taken_for_the_providers() -> None:
    reasons = set(spoken())
    assert len(reasons) >= 10
    for status, reason in sorted(reasons):
        found = deciding_rule(status, reason, Policy())
        assert found is not None, reason
        assert found.name != "provider", reason
