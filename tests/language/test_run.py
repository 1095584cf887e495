"""The parts of the interpreter alone: where a cursor stands, which loops end, and what takes an enrolment elsewhere."""

from datetime import timedelta

import pytest

from language.circles import Circles
from language.cursor import CIRCLES, Cursor
from language.delivery import Delivery, Fact
from language.detour import Moved, attend
from language.program import Program
from language.run import Closed, Ended, Run
from language.state import Enrolment, State
from language.visit import Visit
from tests.language.fake_port import BEGAN, World, world

REPEATED = """
steps:
  - id: thrice
    repeat: 3
    until: Paid
    do:
      - {id: hello, send: m, via: email}
  - {id: bye, send: m, via: email}
"""


def run_at(given: World, **state: object) -> Run:
    enrolment = Enrolment(enrolment_id=1, customer_id=1, journey="j", version=1, started_at=BEGAN, run_id="r")
    return Run(Program(given.journey), enrolment, State.model_validate(state), given)


def heard(name: str, seq: int = 1) -> Delivery:
    return Delivery(seq=seq, kind="event", at=BEGAN, fact=Fact(name=name, at=BEGAN))


def test_a_step_come_to_twice_at_one_moment_closes_a_circle() -> None:
    circles = Circles(Program(world(REPEATED).journey))
    assert [circles.come_to("bye", BEGAN), circles.come_to("bye", BEGAN)] == [False, True]
    assert not circles.come_to("bye", BEGAN + timedelta(seconds=1))


def test_a_counted_pass_comes_to_its_own_steps_again_and_to_no_others() -> None:
    circles = Circles(Program(world(REPEATED).journey))
    for step in ("thrice", "hello", "bye"):
        circles.come_to(step, BEGAN)
    circles.begin_pass("thrice")
    assert [circles.come_to(step, BEGAN) for step in ("thrice", "hello", "bye")] == [False, False, True]


def test_a_block_entered_from_outside_counts_its_passes_anew_and_one_come_back_to_goes_on() -> None:
    run = run_at(world(REPEATED), step="thrice")
    cursor, visit = Cursor(run), Visit(run)
    for step in ("thrice", "hello", "thrice"):
        cursor.go(step)
        cursor.enter(step)
        if step == "thrice":
            visit.begin_pass()
    assert visit.passes == 2
    cursor.go("bye")
    cursor.go("thrice")
    assert visit.passes == 0


def test_a_visit_remembers_nothing_of_the_one_before() -> None:
    run = run_at(world(REPEATED), step="bye")
    cursor, visit = Cursor(run), Visit(run)
    cursor.enter("bye")
    assert visit.remember("until", lambda: BEGAN) == visit.remember("until", lambda: None) == BEGAN
    cursor.leave_behind("bye")
    cursor.enter("bye")
    assert (visit.remember("until", lambda: "anew"), visit.visit) == ("anew", 2)
    assert run.state.memory[CIRCLES]


async def test_an_event_that_ends_a_block_leads_to_what_follows_it() -> None:
    run = run_at(world(REPEATED), step="hello", is_inside=True, visits={"thrice": 1, "hello": 1})
    run.inbox.absorb([heard("Opened"), heard("Paid", 2)])
    with pytest.raises(Moved) as moved:
        await attend(run, Visit(run))
    assert moved.value.step == "bye"
    assert run.state.results == {"thrice": {"outcome": "Paid"}}


async def test_an_end_goes_before_all_else_that_came() -> None:
    run = run_at(world(REPEATED), step="hello", is_inside=True, visits={"thrice": 1, "hello": 1})
    run.inbox.absorb([heard("Paid"), Delivery(seq=2, kind="end", at=BEGAN, outcome="gone")])
    with pytest.raises(Ended):
        await attend(run, Visit(run))


async def test_a_run_whose_enrolment_is_anothers_is_told_so_by_its_next_write() -> None:
    given = world(REPEATED)
    given.is_ended = True
    with pytest.raises(Closed):
        await run_at(given, step="bye").write()
