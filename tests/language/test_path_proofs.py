"""Paths against what they claim: every way of generated journeys, enumerated by hand; and what shipped journeys did."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import count as numbers_from
from itertools import product
from pathlib import Path as File
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.reading import read
from language.journey import Journey
from language.paths import Path, count, walk, worst
from language.program import Program, with_ids
from language.scenario import Scenario
from language.simulator import simulate

Way = tuple[tuple[tuple[int, str], ...], int, str | None]
"""Messages with their hours, the hours it takes, and how it ends (None: it goes on)."""

NAMES = st.sampled_from(["a", "b", "c"])
LEAVES = st.one_of(
    NAMES.map(lambda name: {"send": name, "via": "sms"}),
    st.integers(1, 3).map(lambda hours: {"wait": f"{hours}h"}),
    NAMES.map(lambda name: {"stop": name}),
    NAMES.map(lambda name: {"send": name, "via": "sms", "when": "profile.x == 1"}),
)


def nested(blocks: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(lambda do, other: {"branch": [{"when": "profile.y", "do": do}], "otherwise": other}, blocks, blocks),
        st.builds(
            lambda one, two, late: (
                {"wait_for": [{"on": "A", "do": one}, {"on": "B", "do": two}], "within": "5h"} | {"otherwise": late}
            ),
            blocks,
            blocks,
            blocks,
        ),
        st.builds(
            lambda one, two: (
                {"split": "s", "arms": [{"arm": "x", "share": 50, "do": one}]}
                | {"arms": [{"arm": "x", "share": 50, "do": one}, {"arm": "y", "share": 50, "do": two}]}
            ),
            blocks,
            blocks,
        ),
        st.builds(lambda other: {"coupon": "pool", "otherwise": other}, blocks),
    )


BLOCKS = st.recursive(
    st.lists(LEAVES, max_size=2),
    lambda blocks: st.lists(st.one_of(LEAVES, nested(blocks)), max_size=3),
    max_leaves=6,
)
REPEATING = st.builds(
    lambda before, block, times, after: [*before, {"repeat": times, "do": block or [{"wait": "1h"}]}, *after],
    st.lists(LEAVES, max_size=1),
    BLOCKS,
    st.integers(1, 3),
    st.lists(LEAVES, max_size=1),
)


def by_hand(block: list[dict[str, Any]]) -> list[Way]:
    ways: list[Way] = [((), 0, None)]
    for step in block:
        ways = [longer for way in ways for longer in ([way] if way[2] else [then(way, it) for it in of_step(step)])]
    return ways


def then(way: Way, following: Way) -> Way:
    messages, hours, _ = way
    return (*messages, *((at + hours, name) for at, name in following[0])), hours + following[1], following[2]


def of_step(step: dict[str, Any]) -> Iterator[Way]:
    if "when" in step:
        yield ((), 0, None)
    if "send" in step:
        yield (((0, step["send"]),), 0, None)
    elif "wait" in step:
        yield ((), int(step["wait"][0]), None)
    elif "stop" in step:
        yield ((), 0, step["stop"])
    elif "repeat" in step:
        yield from by_hand([{"all of": step["do"]}] * step["repeat"])
    elif "all of" in step:
        yield from by_hand(step["all of"])
    else:
        for hours, block in blocks_of(step):
            yield from (then(((), hours, None), way) for way in by_hand(block))


def blocks_of(step: dict[str, Any]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    for arm in (*step.get("branch", ()), *step.get("wait_for", ()), *step.get("arms", ())):
        yield 0, arm["do"]
    if "coupon" in step:
        yield 0, []
    if "otherwise" in step:
        yield 5 if "wait_for" in step else 0, step["otherwise"]


def program_of(block: list[dict[str, Any]]) -> Program:
    numbers = numbers_from()

    def named(part: Any) -> Any:
        """The same with an id for each step that sends."""
        if isinstance(part, list):
            return [named(item) for item in part]
        if not isinstance(part, dict):
            return part
        number = {"id": f"step_{next(numbers)}"} if "send" in part or "coupon" in part or "split" in part else {}
        return {**number, **{name: named(item) for name, item in part.items()}}

    head = {"journey": "j", "title": "J", "start": {"on": "Go"}}
    return Program(with_ids(Journey.model_validate({**head, "steps": named(block)})))


def told(path: Path) -> Way:
    messages = tuple((int(it.least.total_seconds()) // 3600, it.message) for it in path.messages)
    return messages, int(path.least.total_seconds()) // 3600, path.end


@settings(max_examples=60, deadline=None)
@given(BLOCKS.filter(bool))
def test_all_ways_are_there_and_no_others(block: list[dict[str, Any]]) -> None:
    found = walk(program_of(block), most_paths=100_000)
    wanted = [(messages, hours, end or "completed") for messages, hours, end in by_hand(block)]

    assert found.is_complete
    assert sorted(map(told, found.paths)) == sorted(wanted)
    assert count(program_of(block)) == len(wanted)


@settings(max_examples=40, deadline=None)
@given(REPEATING)
def test_no_way_weighs_more_than_the_worst_however_passes_differ(block: list[dict[str, Any]]) -> None:
    (a_pass,) = (by_hand(part["do"]) for part in block if "repeat" in part)
    assume(len(a_pass) <= 20)  # of more ways nothing is proved, which is said
    weights = {"a": Decimal(1), "b": Decimal(3), "c": Decimal(7)}
    heaviest = max(sum((weights[name] for _, name in way[0]), Decimal(0)) for way in by_hand(block))

    assert worst(program_of(block), lambda message, channel: weights[message]) == {"": heaviest}


@settings(max_examples=15, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=5))
def test_what_steps_left_leads_where_it_would(passed: list[bool]) -> None:
    """Each step is sent or not, and a later one tells which: of all ways, those that agree with themselves."""
    steps = [{"id": f"s{n}", "send": f"m{n}", "via": "sms", "when": "profile.x"} for n, _ in enumerate(passed)]
    marks = [
        {"send": f"m{n}_{'was' if was else 'was_not'}", "via": "sms"}
        | {"when": f"steps.s{n}.outcome {'!=' if was else '=='} null"}
        for n, was in enumerate(passed)
    ]
    found = {tuple(it.message for it in path.messages) for path in walk(program_of([*steps, *marks])).paths}

    assert found == {
        (
            *(f"m{n}" for n, sent in enumerate(ways) if sent),
            *(f"m{n}_{'was' if was else 'was_not'}" for n, was in enumerate(passed) if was == ways[n]),
        )
        for ways in product((False, True), repeat=len(passed))
    }


DIRECTORY = File(__file__).parents[2] / "journeys"
LIBRARY = read(DIRECTORY)
PATHS = {name: walk(Program(it)) for name, it in LIBRARY.journeys.items() if not it.stages}
SCENARIOS = [
    it for it in LIBRARY.scenarios.values() if it.journey in PATHS and not Program(LIBRARY.journeys[it.journey]).moving
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.scenario)
def test_what_a_scenario_sends_lies_on_a_path(scenario: Scenario) -> None:
    """Of the first enrolment: messages may be held back or cut off by an exit; none comes that no path has."""
    played = [it for it in simulate(LIBRARY, scenario) if it.enrolment == 1]
    sent = [(it.name, it.channel) for it in played if it.kind == "sent"]
    paths = PATHS[scenario.journey].paths

    assert any(is_part(sent, [(it.message, it.channel) for it in path.messages]) for path in paths)


def is_part(sent: list[Any], listed: list[Any]) -> bool:
    """In the same order; those of one moment in any."""
    left = list(listed)
    for one in sent:
        if one not in left:
            return False
        left.remove(one)
    return True


def test_every_shipped_journey_can_be_read_as_a_whole() -> None:
    found = {name: walk(Program(journey)) for name, journey in LIBRARY.journeys.items()}

    assert all(paths.is_complete and paths.paths for paths in found.values())
