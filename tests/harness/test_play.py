"""What scenarios may say is played on the whole product as in the simulator."""

from collections.abc import AsyncIterator

import pytest

from harness.agreement import disagreements
from harness.play import play
from harness.temporal import VirtualTemporal, virtual_temporal
from harness.world import World, world_in
from language.comparison import compare
from language.library import Library, read_library
from language.scenario import Scenario
from language.simulator import Simulator
from store.database import Database

HEAD = "journey: played\ntitle: Played\nstart: {on: Begun}\nexit: {on: Bought, outcome: bought}\nsteps:\n"
MESSAGE = """
message: {name}
class: transactional
sms: "{text}"
email: {{subject: "{name}", body: "{name}"}}
voice: {{say: "{name}"}}
whatsapp: {{content_sid: HX7d1f0c5a9e3b42d68a10c4f2b6e89301}}
"""
TEXTS = {"hello": "hello", "bye": "bye", "told": "told {{ code }}"}
MESSAGES = {f"messages/{name}.yaml": MESSAGE.format(name=name, text=text) for name, text in TEXTS.items()}
CUSTOMER = 'customer: {traits: {email: ana@example.com, phone: "+15005550001"}, time_zone: UTC}\n'
DESTINATIONS = """
destinations:
  crm: {url: https://crm.example.com/leads, secret_env: CRM_SECRET, success: ["201"]}
"""
SPLIT = "  - {split: tone, arms: [{arm: kind, share: 50, do: [{send: hello, via: sms}]}, {arm: short, share: 50}]}\n"
COUPON = """
  - {id: code, coupon: gifts, otherwise: [{stop: none_left}]}
  - {send: told, via: sms, with: {code: steps.code.code}}
"""
ELSEWHERE = """
  - branch:
      - when: journeys.funnel.active && journeys.funnel.stage == "late"
        do: [{stop: left_alone}]
      - when: journeys.club.outcome == "bored"
        do: [{start: club}, {start: club}]
"""
WAIT = "  - {wait_for: Clicked, within: 1d, otherwise: [{send: bye, via: sms}]}\n"
PLAYED: dict[str, tuple[str, str]] = {
    "an arm that is named": (SPLIT, "arms: {tone: short}\nexpect: [{at: 0d, outcome: completed}]"),
    "the first arm": (SPLIT, "expect: [{at: 0d, send: hello, via: sms}, {at: 0d, outcome: completed}]"),
    "a made-up code": (COUPON, "expect: [{at: 0d, send: told, via: sms, contains: GIFTS-0001}]"),
    "a code of the scenario": (
        COUPON,
        "coupons: {gifts: [B2, A1]}\nexpect: [{at: 0d, send: told, via: sms, contains: A1}]",
    ),
    "an empty pool": (COUPON, "coupons: {gifts: []}\nexpect: [{at: 0d, outcome: none_left}]"),
    "a stage elsewhere": (
        ELSEWHERE,
        "journeys: {funnel: {stage: late}}\nexpect: [{at: 0d, outcome: left_alone}]",
    ),
    "another journey that starts": (
        ELSEWHERE,
        "journeys: {club: {active: false, outcome: bored}}\n"
        "expect: [{at: 0d, start: club}, {at: 0d, outcome: completed}]",
    ),
    "what a destination answers": (
        "  - {call: crm}\n  - {send: told, via: sms, with: {code: steps.call_crm.answer.manager}}\n",
        "answers: {crm: {manager: Olga}}\n"
        "expect: [{at: 0d, call: crm}, {at: 0d, send: told, via: sms, contains: Olga}]",
    ),
    "a destination that refuses": (
        "  - {call: crm, otherwise: [{stop: refused}]}\n",
        "answers: {crm: refused}\nexpect: [{at: 0d, call: crm}, {at: 0d, outcome: refused}]",
    ),
    "what a function answers": (
        "  - {call: score}\n  - {stop: high, when: steps.call_score.answer.score > 5}\n",
        "answers: {score: {score: 7}}\nexpect: [{at: 0d, call: score}, {at: 0d, outcome: high}]",
    ),
    "a call that nobody takes": (
        "  - cascade: hello\n    via: [{voice: {wait: 1h}}, {whatsapp: {wait: 1d}}]\n",
        "given: [{at: 0d, on: Begun}, {at: 5m, no_answer: hello}, {at: 1h, opened: hello, via: whatsapp}]\n"
        "expect:\n  - {at: 0d, send: hello, via: voice}\n  - {at: 5m, send: hello, via: whatsapp}\n"
        "  - {at: 1h, outcome: completed}",
    ),
    "a task that is done": (
        "  - {task: look, to: sales, within: 1d, results: {yes_please: [{stop: wanted}]}}\n",
        "given: [{at: 0d, on: Begun}, {at: 3h, done: look, result: yes_please}]\n"
        "expect: [{at: 0d, task: look}, {at: 3h, outcome: wanted}]",
    ),
    "an event at the moment of the deadline": (
        WAIT,
        "given: [{at: 0d, on: Begun}, {at: 1d, on: Clicked}]\nexpect: [{at: 1d, outcome: completed}]",
    ),
    "an event just after it": (
        WAIT,
        "given: [{at: 0d, on: Begun}, {at: 1d 1m, on: Clicked}]\nexpect: [{at: 1d, send: bye, via: sms}]",
    ),
    "a day of its own": (
        "  - {send: told, via: sms, with: {code: 'string(now).substring(0, 16)'}}\n",
        "begins: 2024-02-29T23:30:00Z\nexpect: [{at: 0d, send: told, via: sms, contains: '2024-02-29T23:30'}]",
    ),
}


@pytest.fixture(scope="module")
async def temporal() -> AsyncIterator[VirtualTemporal]:
    async with virtual_temporal() as found:
        yield found


@pytest.fixture
async def world(db: Database, temporal: VirtualTemporal) -> AsyncIterator[World]:
    async with world_in(db, temporal) as world:
        yield world


def read(steps: str, rest: str) -> tuple[Library, Scenario]:
    given = "" if "given:" in rest else "given: [{at: 0d, on: Begun}]\n"
    scenario = f"scenario: played\njourney: played\n{CUSTOMER}{given}{rest}\n"
    stubs = {
        f"{name}.yaml": f"{{journey: {name}, start: {{call: true}}, steps: [{{wait: 1d}}]}}"
        for name in ("funnel", "club")
    }
    files = {"played.yaml": HEAD + steps, "scenarios/played.yaml": scenario, "destinations.yaml": DESTINATIONS}
    library = read_library(files | MESSAGES | stubs, frozenset({"score"}))
    assert not library.errors, "\n".join(map(str, library.errors))
    return library, library.scenarios["scenarios/played.yaml"]


async def test_all_that_scenarios_may_say_is_played_alike(world: World) -> None:
    """One world for all, so that nothing of one is left for the next."""
    wrong = {}
    for name, (steps, rest) in PLAYED.items():
        library, scenario = read(steps, rest)
        simulated, played = await Simulator(library, scenario).run(), await play(world, library, scenario)
        found = [*compare(scenario, simulated), *compare(scenario, played), *disagreements(simulated, played)]
        if found:
            wrong[name] = found
    assert wrong == {}


async def test_impossible_is_said_on_temporal_too(world: World) -> None:
    library, scenario = read(WAIT, "given: [{at: 0d, opened: hello}, {at: 1h, done: look}]")
    told = await play(world, library, scenario)
    assert [(it.name, it.why) for it in told if it.kind == "impossible"] == [
        ("hello", "it was not sent before, so it cannot be opened"),
        ("look", "no such task is open then"),
    ]
