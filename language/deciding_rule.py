"""Which rule decided about a message, told by what was kept of the decision: its status and its reason."""

import re
from typing import NamedTuple

from language.message_event import GONE_WRONG
from language.policy import Policy
from language.sending import DEAD_ADDRESS


class Rule(NamedTuple):
    """`name` says where it is written, `words` what it is."""

    name: str
    words: str


_VALID_FOR = Rule("step.valid_for", "how long the step says that the message is valid for")
_ADDRESS = Rule("address", "a message needs a usable address")
_SUPPRESSION = Rule("suppression", "nothing is sent to an address where nothing arrives")
_CONTENT = Rule("message", "a message goes out complete or not at all")
_PROVIDER = Rule("provider", "the provider's answer")
_CAP_GONE = Rule("policy.caps", "a cap that the contact policy has no longer")

_BY_STATUS: dict[str, Rule] = {
    "expired": _VALID_FOR,
    "unknown": Rule("step.if_unsure", "what the step says for when it is not sure that a message went out"),
    "failed": _PROVIDER,
}
_BY_BEGINNING: dict[str, dict[str, Rule]] = {
    "held_out": {
        "the customer is in the control group of all journeys": Rule(
            "policy.control", "the control group of all journeys, in the contact policy"
        ),
        "": Rule("hold_out", "the journey's control group"),
    },
    "undeliverable": {
        "a provider has said": _SUPPRESSION,
        DEAD_ADDRESS: _PROVIDER,
        "the customer has no ": _ADDRESS,
        "the customer's ": _ADDRESS,
        "": _CONTENT,
    },
    "suppressed": {
        "the customer has opted out": Rule("consent", "the customer's own word"),
        "the customer's consent to the topic": Rule("policy.topics", "the topic asks for a consent that is confirmed"),
        "it fell due during a pause": Rule("journey.on_resume", "what the journey says for what fell due in a pause"),
        "the enrolment had ended": Rule("journey.ended", "nothing is sent once a customer has left the journey"),
        "the step had been left": Rule(
            "journey.moved_on", "nothing is sent once the customer has moved on in the journey"
        ),
    },
    "held": {
        "the enrolment is paused": Rule("pause", "a person has paused the enrolment"),
        "another journey has displaced": Rule("journey.displaced", "another journey goes first"),
    },
    "released": {"something happened": Rule("journey.news", "the journey hears first what has happened meanwhile")},
}
_BY_BEGINNING_OF_POLICY = {
    "quiet hours, ": Rule("policy.quiet_hours", "the quiet hours of the contact policy"),
    "the last promotional message was less than ": Rule(
        "policy.minimum_gap", "the minimum gap between promotional messages in the contact policy"
    ),
}
_CAP = re.compile(r"(?P<count>[0-9]+) .*\bmessages?\b.* in .*, limit [0-9]+; next possible ")

_BUDGET = re.compile(r"the budget ([a-z0-9_]+) of [0-9.]+ [A-Z]{3} is used up; next possible ")


def deciding_rule(status: str, reason: str | None, policy: Policy) -> Rule | None:
    """None when nothing spoke against the message. `policy` is the one that holds now: it knows its caps by name."""
    if status in GONE_WRONG:
        return _PROVIDER
    if (rule := _BY_STATUS.get(status)) is not None:
        return rule
    beginnings = _BY_BEGINNING.get(status)
    if reason is None or beginnings is None:
        return None
    for beginning, rule in {**_BY_BEGINNING_OF_POLICY, **beginnings}.items():
        if reason.startswith(beginning):
            return rule
    return _capped(reason, policy) or _spent(reason) or _PROVIDER


def _spent(reason: str) -> Rule | None:
    found = _BUDGET.match(reason)
    return Rule(f"policy.budgets.{found[1]}", f"the budget {found[1]} of the contact policy") if found else None


def _capped(reason: str, policy: Policy) -> Rule | None:
    found = _CAP.match(reason)
    if found is None:
        return None
    count = int(found["count"])
    for cap in policy.caps:
        if reason.startswith(f"{cap.named(count)} in {cap.span}, limit {cap.limit};"):
            return Rule(f"policy.caps.{cap.name}", f"the cap {cap.name} of the contact policy")
    return _CAP_GONE
