"""A step type is one class: written here, it is loaded, checked, simulated and carried through a fresh start."""

from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar

import pytest

from language.context import FORWARD, Context, Next
from language.duration import Duration
from language.library import read_library
from language.loader import load_journey
from language.simulator import simulate
from language.steps import Step, step_classes
from tests.language.fake_port import HEAD, world

MESSAGE = "message: m\nclass: service\nemail: {subject: S, body: B}\n"
JOURNEY = HEAD + "steps:\n  - nap: 2h\n    times: 3\n  - send: m\n    via: email\n"
SCENARIO = "scenario: s\njourney: j\ncustomer: {traits: {email: a@example.com}}\ngiven:\n  - {at: 0d, on: Go}\n"


@pytest.fixture(autouse=True)
def _nap() -> Iterator[None]:
    """The class has its verb for one test only."""

    class Nap(Step):
        """Sleep several times."""

        verb: ClassVar[str] = "nap"
        is_waiting: ClassVar[bool] = True
        numbered: ClassVar[bool] = True

        nap: Duration
        times: int = 1

        def takes_time(self) -> bool:
            return self.nap > timedelta(0)

        async def run(self, ctx: Context) -> Next:
            for time in range(1, self.times + 1):
                until = ctx.entered_at + time * self.nap
                if until > ctx.now:
                    await ctx.sleep(until)
            ctx.hear(None, None)
            ctx.leave({"outcome": "rested"})
            return FORWARD

    assert step_classes()["nap"] is Nap
    yield
    Nap.verb = ""
    assert "nap" not in step_classes()


def test_it_is_loaded_and_checked() -> None:
    library = read_library({"j.yaml": JOURNEY, "messages/m.yaml": MESSAGE})
    assert library.findings == ()
    assert [step.id for step in library.journeys["j"].every_step()] == ["nap", "send_m"]


def test_its_mistakes_are_told_like_any_others() -> None:
    findings = load_journey("j.yaml", JOURNEY.replace("2h", "soon").replace("times: 3", "time: 3")).findings
    assert [(finding.line, finding.step) for finding in findings] == [(5, "nap"), (6, "nap")]
    assert "did you mean `times`?" in findings[1].remedy


def test_a_verb_misspelt_is_recognised() -> None:
    (finding,) = load_journey("j.yaml", JOURNEY.replace("nap:", "napp:")).findings
    assert finding.remedy == "did you mean `nap`?"


def test_a_loop_through_it_takes_time() -> None:
    looped = read_library({"j.yaml": JOURNEY + "  - go_to: nap\n", "messages/m.yaml": MESSAGE})
    assert looped.findings == ()


def test_it_is_simulated() -> None:
    library = read_library({"j.yaml": JOURNEY, "messages/m.yaml": MESSAGE, "scenarios/s.yaml": SCENARIO})
    played = simulate(library, library.scenarios["scenarios/s.yaml"])
    assert [(item.kind, item.at) for item in played[-2:]] == [
        ("sent", timedelta(hours=6)),
        ("ended", timedelta(hours=6)),
    ]


@pytest.mark.parametrize("rolls_over", [False, True])
async def test_it_runs_and_goes_on_from_its_state_alone(rolls_over: bool) -> None:
    given = world(JOURNEY, rolls_over=rolls_over)
    assert (await given.run()).log == ["6h m email"]
    assert given.traces["nap", 1].result == {"outcome": "rested"}
