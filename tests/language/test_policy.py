"""The policy file: what it may say, what people get wrong in it, and that what is written is what holds."""

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from language.library import Library, read_library
from language.policy import Policy

WHOLE = """
quiet_hours:
  from: 21:00
  to: 09:00
  channels: {email: never, voice: {from: 20:00, to: 10:00, days: Mon-Fri}}
caps:
  - {name: offers, limit: 3, per: 7d, class: promotional, topic: offers}
  - {name: calls, limit: 1, per: 1d, channel: [sms, voice], calendar: true, count_transactional: true}
minimum_gap: 4h
time_zones: {default: Europe/Moscow, countries: {US: America/Chicago}}
opt_out_words: {ru: [стоп]}
costs: {currency: EUR, email: 0.0006, voice: 0.05, sms: {default: 0.06, "+7": 0.05}}
budget: {per_enrolment: 0.5}
budgets:
  - {name: phones, channel: [sms, voice], class: promotional, per: month, limit: 250.5, on_reached: drop}
control: 5
promotional_in_a_row: 3
"""
DOCUMENT = Path(__file__).parents[2] / "docs" / "policy.md"
MESSAGE = "message: m\nclass: promotional\ntopic: offers\nsms: Hello. Reply STOP to opt out\n"


def library(policy: str) -> Library:
    return read_library({"journeys/policy.yaml": policy, "journeys/messages/m.yaml": MESSAGE})


def test_everything_is_read_and_comes_back_from_json_as_it_was() -> None:
    read = library(WHOLE)
    assert read.findings == ()
    policy = read.policy
    assert [cap.name for cap in policy.caps] == ["offers", "calls"]
    assert policy.quiet_spans("email") == ()
    assert [span.from_ for span in policy.quiet_spans("voice")] == ["20:00"]
    assert [span.from_ for span in policy.quiet_spans("sms")] == ["21:00"]
    assert policy.minimum_gap == timedelta(hours=4)
    assert policy.costs.of("sms", "+79031234567", 2) == Decimal("0.10")
    assert policy.costs.worst("sms", 2) == Decimal("0.12")
    assert Policy.model_validate_json(policy.model_dump_json(by_alias=True, exclude_defaults=True)) == policy


def test_a_directory_without_one_limits_nothing() -> None:
    read = read_library({"journeys/messages/m.yaml": MESSAGE})
    assert read.policy == Policy()
    assert (read.policy.caps, read.policy.quiet_hours, read.policy.minimum_gap) == ((), (), None)


def test_the_example_in_the_documentation_is_accepted() -> None:
    [example] = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    read = library(example)
    assert read.findings == ()
    assert len(read.policy.caps) == 2


MISTAKES = [
    ("", 1, "the file is empty; begin with `caps"),
    ("cap: []", 1, "no field `cap` here; did you mean `caps`?"),
    ("minimum_gap: 4h\ncaps:\n  - {name: a, limit: 3}", 3, "`per` is missing; add `per: …`"),
    ("caps: [{name: a, limit: 0, per: 7d}]", 1, "lets at least 1 message pass; to send none"),
    ("caps: [{name: a, limit: 3, per: 7}]", 1, "7 is not a duration; write for example 30s"),
    ("caps: [{name: a, limit: 3, per: 7d, class: transactional}]", 1, "pass every cap; to count them write count_"),
    ("caps: [{name: a, limit: 3, per: 5h, calendar: true}]", 1, "counts calendar days; write whole days"),
    ("caps: [{name: a, limit: 3, per: 7d, channel: fax}]", 1, "`channel` is 'fax'; write one of 'email'"),
    ("caps: [{name: a, limit: 3, per: 7d, topic: offer}]", 1, "no message has the topic `offer`"),
    ("caps: [{name: a, limit: 1, per: 1d}, {name: a, limit: 2, per: 2d}]", 1, "two caps are named a; rename"),
    ("quiet_hours: 21:00-09:00", 1, "are no quiet hours; write for example {from"),
    ("quiet_hours:\n  from: 9pm\n  to: 09:00", 2, "'9pm' is not a time of day; write for example 21:00"),
    ("quiet_hours: {from: 25:00, to: 09:00}", 1, "25:00 is not a time of day"),
    ("quiet_hours: {from: 21:00, to: 21:00}", 1, "have no length; write 00:00 to 24:00"),
    ("quiet_hours: {from: 00:00, to: 24:00}", 1, "leave no time for email; shorten them"),
    ("quiet_hours: {from: 21:00, to: 09:00, days: Foo}", 1, "'Foo' is no day of the week; write Mon"),
    ("quiet_hours: {from: 21:00, to: 09:00, channels: {fax: never}}", 1, "`fax` is 'fax'; write one of 'email'"),
    ("time_zones: {default: Moscow}", 1, "no time zone 'Moscow'; write for example Europe/Moscow"),
    ("time_zones: {countries: {Russia: Europe/Moscow}}", 1, "'Russia' is not a country's code; write two"),
    ("opt_out_words: {russian: [a]}", 1, "'russian' is not a language; write for example ru"),
    ("costs: {sms: free}", 1, "'free' is not a price; write for example 0.05"),
    ("costs: {sms: {RU: 2, default: 1}}", 1, "'RU' is not a country's prefix; write for example"),
    ("costs: {sms: {'+7': 2}}", 1, "no price for other countries; add default"),
    ("costs: {email: {default: 1, '+7': 2}}", 1, "email costs the same in every country; write one price"),
    ("costs: {currency: usd}", 1, "'usd' is not a currency; write three capital letters"),
    ("budget: {per_enrolment: 0}", 1, "a budget is more than nothing; write"),
    ("budgets: [{name: a, limit: 0, per: day}]", 1, "a budget is more than nothing; write for example 50"),
    ("budgets: [{name: a, limit: 5}]", 1, "`per` is missing; add `per: …`"),
    ("budgets: [{name: a, limit: 5, per: 7d}]", 1, "`per` is '7d'; write one of 'day', 'week' or 'month'"),
    ("budgets: [{name: a, limit: 5, per: day, channel: fax}]", 1, "`channel` is 'fax'; write one of 'email'"),
    ("budgets: [{name: a, limit: 5, per: day, class: transactional}]", 1, "pass every budget; leave class out"),
    ("budgets: [{name: a, limit: 5, per: day}, {name: a, limit: 6, per: week}]", 1, "two budgets are named a; rename"),
    ("budgets:\n  - {name: a, limit: 5, per: day, channel: sms}", 2, "sms, which has no price: so it never fills; add"),
    ("control: 101", 1, "control"),
    ("promotional_in_a_row: 0", 1, "it is at least 1; write"),
]


@pytest.mark.parametrize(("text", "line", "said"), MISTAKES, ids=[said for _, _, said in MISTAKES])
def test_a_mistake_is_found_where_it_is_with_its_remedy(text: str, line: int, said: str) -> None:
    read = library(text)
    [finding] = read.findings
    assert (finding.file, finding.line) == ("journeys/policy.yaml", line)
    assert said in str(finding)
    assert "; " in str(finding)


def test_one_policy_holds_for_a_directory() -> None:
    read = read_library({"a/policy.yaml": "minimum_gap: 4h", "b/policy.yaml": "minimum_gap: 5h"})
    [finding] = read.findings
    assert "a policy in a/policy.yaml as well; keep one" in str(finding)
