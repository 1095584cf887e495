"""What a mistake is, and the files in which it is made."""

from collections.abc import Sequence
from typing import NamedTuple

from language.finding import Finding

TOP = "journey: j\ntitle: J\nstart: {on: Go}\nexit: {on: Left}\n"
STEPS = TOP + "steps:\n"
FUNNEL = (
    "journey: j\ntitle: J\nstart: {on: Status}\nstage: {on: Status, is: event.to}\nstages:\n"
    "  study:\n    statuses: [interested, thinking]\n    steps: [{wait: 1d}]\n"
    "  meeting:\n    statuses: [booked]\n    steps: [{send: m, via: email}]\n"
)
MESSAGE = "message: m\nclass: service\nemail: {subject: S, body: B}\nsms: Hello\n"
OFFER = "message: offer\nclass: promotional\ntopic: offers\nemail: {subject: S, body: To unsubscribe reply STOP}\n"
CODE = "message: code\nclass: service\nsms: 'Yours: {{ code }}'\n"
PAID = "message: paid\nclass: transactional\nemail: {subject: S, body: B}\n"
OTHER = "journey: other\ntitle: O\nstart: {call: true}\nsteps: [{send: paid, via: email}]\n"
SHUT = OTHER.replace("other", "shut").replace("call: true", "on: Opened")
PLAYED = STEPS + (
    "  - {task: ask, to: sales, within: 1d, results: {yes: [{stop: won}], no: []}}\n"
    "  - {split: tone, arms: [{arm: warm, share: 50, do: [{wait: 2d}]}, {arm: cold, share: 50}]}\n"
    "  - {coupon: codes, otherwise: [{stop: none}]}\n"
    "  - {send: m, via: email}\n"
)
LONG = "".join(
    f"  - {{id: wait_{n}, wait: 5d}}\n  - {{id: again_{n}, send: m, via: sms, when: profile.score > {n}}}\n"
    for n in range(6)
)
SCENARIO = "scenario: s\njourney: j\ngiven:\n  - {at: 0d, on: Go}\n"
FILES = {
    "j.yaml": STEPS + "  - {send: m, via: email}\n",
    "messages/m.yaml": MESSAGE,
    "messages/offer.yaml": OFFER,
    "messages/code.yaml": CODE,
    "messages/paid.yaml": PAID,
    "other.yaml": OTHER,
    "shut.yaml": SHUT,
}


class Mistake(NamedTuple):
    """`line`, `step`, and parts of `what` and `remedy` of the one finding about `file`; a policy beside it."""

    name: str
    text: str
    line: int
    step: str
    what: str
    remedy: str
    file: str = "j.yaml"
    policy: str = ""
    journey: str = ""


def step(*lines: str) -> str:
    """A journey with these steps, from line 6 on."""
    return STEPS + "".join(f"  {line}\n" for line in lines)


def when(condition: str) -> str:
    """A journey with a send, a wait, and a condition in line 9."""
    return step("- send: m", "  via: email", "- wait: 1d", f"  when: {condition}")


def the_only(findings: Sequence[Finding], mistake: Mistake) -> Finding:
    """The one finding, which tells the mistake: where, what, and how to mend it."""
    assert len(findings) == 1, [str(finding) for finding in findings]
    finding = findings[0]
    assert (finding.line, finding.step) == (mistake.line, mistake.step)
    assert mistake.what in finding.what
    assert mistake.remedy in finding.remedy
    assert finding.remedy
    return finding
