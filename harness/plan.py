"""What a marketer reads of a scenario that does not hold: what was given, what came of it, and what is wrong."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from language.comparison import Mismatch
from language.happening import Happening
from language.policy import Policy
from language.scenario import Given, Scenario
from language.simulator import beginning
from language.time_zone import customer_zone

WORDS = {
    "started": "starts",
    "refused": "no entry",
    "ignored": "ignored",
    "sent": "sent",
    "held": "held",
    "not_sent": "not sent",
    "task": "task for a person",
    "start": "starts journey",
    "call": "calls",
    "paused": "paused",
    "impossible": "cannot be",
    "cut_short": "cut short",
    "ended": "ends as",
}


def plan(scenario: Scenario, happenings: list[Happening], policy: Policy) -> str:
    """Everything in order, a line each, in the customer's own time."""
    dated = _Dated(scenario, policy)
    given = [(it.at, 0, f"given: {_given(it)}") for it in scenario.given]
    told = [(it.at, 1, _told(it)) for it in happenings if it.kind in WORDS]
    lines = sorted([*given, *told], key=lambda line: line[:2])
    return "\n".join(dated.line(at, text) for at, _, text in lines)


def faults(scenario: Scenario, mismatches: list[Mismatch], policy: Policy) -> str:
    """What is wrong, a line each."""
    dated = _Dated(scenario, policy)
    return "\n".join(dated.line(it.at, it.what) for it in mismatches)


class _Dated:
    def __init__(self, scenario: Scenario, policy: Policy) -> None:
        customer = scenario.customer
        self._begins = beginning(scenario)
        self._zone: ZoneInfo = customer_zone(customer.traits, customer.time_zone, policy.time_zones).zone

    def line(self, at: timedelta, text: str) -> str:
        local: datetime = (self._begins + at).astimezone(self._zone)
        days = (local.date() - self._begins.astimezone(self._zone).date()).days
        return f"  {local:%a %d %b %Y %H:%M}  day {days:<3}  {text}"


def _told(it: Happening) -> str:
    by, why = (f" by {it.channel}" if it.channel else ""), (f": {it.why}" if it.why else "")
    first = f"  “{it.text.strip().splitlines()[0][:60]}”" if it.kind == "sent" and it.text and it.text.strip() else ""
    return f"{WORDS[it.kind]} {it.name}{by}{why}{first}"


def _given(it: Given) -> str:
    return ", ".join(_words(it))


def _words(it: Given) -> Iterator[str]:
    if it.on is not None:
        yield f"{it.on} {_values(it.with_)}".strip()
    if it.traits is not None:
        yield f"traits {_values(it.traits)}"
    if it.report is not None:
        yield f"{it.report[1]} {it.report[0]}" + (f" by {it.via}" if it.via else "")
    if it.done is not None:
        yield f"task {it.done} done" + (f": {it.result}" if it.result else "")


def _values(values: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
