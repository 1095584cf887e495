"""Repeat, task, split, call, coupon, start: what they do, what they leave, and what ends them."""

from datetime import timedelta
from typing import Any

import pytest

from language.port import Answer, Deed, DrawArm, OpenTask, StartJourney
from tests.language.fake_port import BEGAN, World, world

LESSONS = """
steps:
  - repeat: 3
    every: 1d
    until: Paid
    do:
      - send: lesson
        via: email
      - wait: 2h
      - send: reminder
        via: sms
        when: repeat.index > 1
  - send: after
    via: email
"""


@pytest.fixture(params=[False, True], ids=["one run", "rolls over in every wait"])
def rolls_over(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def test_each_pass_begins_a_day_after_the_one_before(rolls_over: bool) -> None:
    given = await world(LESSONS, rolls_over=rolls_over).run()
    assert given.log == [
        "0h lesson email",
        "24h lesson email",
        "26h reminder sms",
        "48h lesson email",
        "50h reminder sms",
        "50h after email",
    ]


@pytest.mark.parametrize("when", ["25h", "30h"], ids=["in the middle of a pass", "between two passes"])
async def test_until_ends_it_at_once(rolls_over: bool, when: str) -> None:
    given = await world(LESSONS, rolls_over=rolls_over).event(when, "Paid").run()
    sent = ["0h lesson email", "24h lesson email", *(["26h reminder sms"] if when == "30h" else [])]
    assert given.log == [*sent, f"{when} after email"]
    assert given.state.results["repeat"] == {"outcome": "Paid"}


async def test_until_before_it_began_ends_nothing() -> None:
    given = await world("steps:\n  - wait: 1d\n" + LESSONS.removeprefix("\nsteps:\n")).event("1h", "Paid").run()
    assert given.log[0] == "24h lesson email"


async def test_a_repeat_that_is_entered_anew_counts_anew() -> None:
    text = """
steps:
  - id: twice
    repeat: 2
    every: 1h
    do: [{send: m, via: email}]
  - wait_for: Again
    within: 1d
    otherwise: [{stop: done}]
  - go_to: twice
"""
    given = await world(text).event("5h", "Again").run()
    assert given.log == ["0h m email", "1h m email", "5h m email", "6h m email"]


TASK = """
steps:
  - task: qualify
    to: sales
    ask: Find out the segment
    within: 1d
    escalate: {after: 4h, to: heads}
    with: {lead: start.lead}
    results:
      A: [{send: for_a, via: email}]
      B: [{send: for_b, via: email}]
    otherwise: [{send: nobody, via: email}]
"""


def complete(given: World, when: str, result: str, visit: int = 1) -> World:
    return given.about(when, "Task Completed", "task_qualify", visit=visit, result=result)


async def test_the_answer_of_a_person_chooses_the_way(rolls_over: bool) -> None:
    given = await complete(world(TASK, start={"lead": 7}, rolls_over=rolls_over), "3h", "B").run()
    assert given.log == ["3h for_b email"]
    assert given.state.results["task_qualify"]["result"] == "B"
    (opened,) = {deed.key: deed for deed in given.deeds}.values()
    assert isinstance(opened, OpenTask)
    assert (opened.values, opened.results, opened.title) == ({"lead": 7}, ("A", "B"), "Find out the segment")
    assert [escalation.to for escalation in opened.escalations] == ["heads"]


async def test_a_task_that_nobody_does_goes_on_in_time() -> None:
    assert (await world(TASK).run()).log == ["24h nobody email"]


async def test_an_answer_in_time_counts_though_it_is_known_later() -> None:
    given = complete(world(TASK).away("1h", "30h"), "24h", "A")
    assert (await given.run()).log == ["30h for_a email"]


SPLIT = """
steps:
  - split: tone
    arms:
      - {arm: friendly, share: 50, do: [{send: kind, via: email}]}
      - {arm: formal, share: 40, do: [{send: stiff, via: email}]}
      - {arm: nothing, share: 10}
    winner: {by: goal, at_least: 50}
"""


@pytest.mark.parametrize(("arm", "sent"), [("formal", ["0h stiff email"]), ("nothing", [])])
async def test_the_arm_that_is_drawn_is_taken(arm: str, sent: list[str]) -> None:
    given = await world(SPLIT, answer_deed=lambda _: Answer(verdict="done", result={"arm": arm})).run()
    assert given.log == sent
    (drawn,) = given.deeds
    assert isinstance(drawn, DrawArm)
    assert (drawn.shares["formal"], drawn.winner_by, drawn.at_least) == (40, "goal", 50)


@pytest.mark.parametrize(
    ("step", "result", "left"),
    [
        ("call: crm", {"score": 5}, {"outcome": "done", "answer": {"score": 5}}),
        ("coupon: bonus", {"code": "X1"}, {"outcome": "taken", "code": "X1"}),
    ],
)
async def test_what_is_done_is_left_and_what_is_refused_goes_otherwise(
    step: str, result: dict[str, Any], left: dict[str, Any]
) -> None:
    text = f"steps:\n  - {step}\n    id: it\n    otherwise: [{{send: sorry, via: email}}]\n"
    done = await world(text, answer_deed=lambda _: Answer(verdict="done", result=result)).run()
    refused = await world(text, answer_deed=lambda _: Answer(verdict="refused", reason="no")).run()
    assert (done.log, done.state.results["it"]) == ([], left)
    assert (refused.log, refused.state.results["it"]["reason"]) == (["0h sorry email"], "no")


async def test_another_journey_is_started_with_what_this_one_knows() -> None:
    given = await world("steps:\n  - start: nurture\n    with: {from: '1 + 1'}\n", start={"lead": 7}).run()
    (started,) = given.deeds
    assert isinstance(started, StartJourney)
    assert (started.target, started.properties) == ("nurture", {"lead": 7, "from": 2})


async def test_nothing_is_done_that_an_unseen_exit_forbids() -> None:
    text = "journey: j\ntitle: J\nstart: {on: Go}\nexit: Left\nsteps:\n  - wait: 1d\n  - coupon: bonus\n"
    given = world(text).away("1h", "3d").event("2h", "Left")
    await given.run()
    assert (given.deeds, given.outcome) == ([], "exited")


async def test_a_held_deed_is_tried_again_when_it_may_be() -> None:
    def answer(deed: Deed) -> Answer:
        ready = BEGAN + timedelta(hours=3)
        return Answer(verdict="done") if deed.at >= ready else Answer(verdict="held", retry_at=ready)

    given = await world("steps:\n  - call: crm\n  - send: m\n    via: email\n", answer_deed=answer).run()
    assert given.log == ["3h m email"]
