"""Telling all that happens, and why, changes nothing of what happens; and what happens lies on a path."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.reading import read
from language.happening import Happening
from language.library import Library, read_library
from language.paths import walk
from language.program import Program
from language.scenario import Scenario
from language.simulator import Simulator, simulate
from tests.language.test_generated import EVENTS, MESSAGE, MOMENTS, STARTS, journeys, text_of

DIRECTORY = Path(__file__).parents[2] / "journeys"
LIBRARY = read(DIRECTORY)
ONLY_TOLD = {"traits", "wait", "stage", "goal", "set", "arm", "coupon", "why"}
EVENT_LISTS = st.lists(st.tuples(MOMENTS, st.sampled_from(["Go", *EVENTS])), max_size=6)


def expectable(happenings: list[Happening]) -> list[Happening]:
    return [happening for happening in happenings if happening.kind not in ONLY_TOLD]


def library_of(journey: dict[str, Any], start: dict[str, Any], events: list[tuple[str, str]]) -> Library:
    given_list = [{"at": "0h", "on": "Go", "with": start}]
    given_list += [{"at": at, "on": name} for at, name in sorted(events, key=lambda event: int(event[0][:-1]))]
    customer = {"traits": {"email": "ana@example.com", "phone": "+5511987654321"}}
    scenario = {"scenario": "s", "journey": "j", "customer": customer, "given": given_list}
    return read_library({"j.yaml": text_of(journey), "messages/m.yaml": MESSAGE, "scenarios/s.yaml": text_of(scenario)})


@pytest.mark.parametrize("scenario", LIBRARY.scenarios.values(), ids=lambda scenario: scenario.scenario)
def test_telling_all_makes_no_difference(scenario: Scenario) -> None:
    told = simulate(LIBRARY, scenario, tells_all=True)

    assert expectable(told) == simulate(LIBRARY, scenario)
    assert any(happening.kind == "why" for happening in told)


@settings(max_examples=25)
@given(journeys(), STARTS, EVENT_LISTS)
async def test_what_is_told_and_sent_lies_on_a_path(
    journey: dict[str, Any], start: dict[str, Any], events: list[tuple[str, str]]
) -> None:
    library = library_of(journey, start, events)
    assume(not library.errors)
    scenario = library.scenarios["scenarios/s.yaml"]
    program = Program(library.journeys["j"])
    found = walk(program)
    assume(found.is_complete and not program.moving and not any(path.is_endless for path in found.paths))

    plain = await Simulator(library, scenario, most_wakes=1_000).run()
    told = await Simulator(library, scenario, most_wakes=1_000, tells_all=True).run()

    sent = [(it.name, it.channel) for it in told if it.kind == "sent" and it.enrolment == 1]
    listed: list[list[tuple[str, str | None]]] = [
        [(it.message, it.channel) for it in path.messages] for path in found.paths
    ]
    assert expectable(told) == plain
    assert any(all(sent.count(one) <= messages.count(one) for one in sent) for messages in listed)
