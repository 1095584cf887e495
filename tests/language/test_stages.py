"""Stages: a status moves the enrolment at once, whatever it waits for; what is not listed changes nothing."""

from datetime import timedelta

import pytest

from language.port import Answer, Receipt, SendMessage
from tests.language.fake_port import BEGAN, world

FUNNEL = """
journey: j
title: Funnel
key: event.complex
start: {on: Status}
stage: {on: Status, is: event.to}
stages:
  study:
    statuses: [called, interested]
    steps:
      - send: presentation
        via: sms
      - wait: 2d
      - send: invitation
        via: email
  viewing:
    statuses: [assigned, moved]
    restart: true
    steps:
      - send: address
        via: sms
      - wait: {until: start.viewing_at, rearm_on: Status, missing: skip}
      - send: survey
        via: sms
  bought:
    steps:
      - send: congratulations
        via: email
      - stop: bought
"""


@pytest.fixture(params=[False, True], ids=["one run", "rolls over in every wait"])
def rolls_over(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def test_a_status_moves_it_at_once_and_cancels_what_it_waited_for(rolls_over: bool) -> None:
    given = world(FUNNEL, key="a", rolls_over=rolls_over).event("1d", "Status", complex="a", to="assigned")
    assert (await given.run()).log == ["0h presentation sms", "24h address sms"]
    assert given.state.step == "viewing.rest"


async def test_a_stage_whose_steps_are_done_rests_until_the_next_status(rolls_over: bool) -> None:
    given = world(FUNNEL, key="a", rolls_over=rolls_over).event("9d", "Status", complex="a", to="bought")
    await given.run()
    assert given.log == ["0h presentation sms", "48h invitation email", "216h congratulations email"]
    assert given.outcome == "bought"
    assert ("study.rest", 1) in given.traces


async def test_it_may_step_back_and_skip() -> None:
    given = (
        world(FUNNEL, key="a")
        .event("1h", "Status", complex="a", to="moved")
        .event("2h", "Status", complex="a", to="interested")
    )
    await given.run()
    assert given.log[:3] == ["0h presentation sms", "1h address sms", "2h presentation sms"]


async def test_an_unlisted_status_and_another_complex_change_nothing() -> None:
    given = (
        world(FUNNEL, key="a")
        .event("1h", "Status", complex="a", to="scored")
        .event("2h", "Status", complex="b", to="bought")
    )
    assert (await given.run()).log == ["0h presentation sms", "48h invitation email"]


async def test_the_same_stage_again_changes_nothing_unless_it_restarts() -> None:
    given = (
        world(FUNNEL, key="a")
        .event("1h", "Status", complex="a", to="called")
        .event("3d", "Status", complex="a", to="assigned")
        .event("4d", "Status", complex="a", to="moved")
    )
    await given.run()
    assert given.log == ["0h presentation sms", "48h invitation email", "72h address sms", "96h address sms"]


async def test_an_enrolment_begins_in_the_stage_of_the_status_that_starts_it() -> None:
    given = world(FUNNEL, key="a", start={"to": "bought"})
    given.deliver(kind="start", stage="bought")
    assert (await given.run()).log == ["0h congratulations email"]


async def test_a_step_may_go_to_a_stage() -> None:
    text = FUNNEL.replace("      - stop: bought\n", "      - wait: 1d\n      - go_to: study\n")
    given = (
        world(text, key="a").event("1h", "Status", complex="a", to="bought").event("8d", "Status", complex="b", to="x")
    )
    await given.run()
    assert given.log == [
        "0h presentation sms",
        "1h congratulations email",
        "25h presentation sms",
        "73h invitation email",
    ]


async def test_a_status_that_comes_while_a_send_is_held_wins() -> None:
    def quiet(order: SendMessage) -> Receipt:
        is_held = order.message == "presentation"
        return Receipt(verdict="held", retry_at=BEGAN + timedelta(hours=8)) if is_held else Receipt(verdict="sent")

    given = world(FUNNEL, key="a", answer=quiet).event("1h", "Status", complex="a", to="assigned")
    assert (await given.run()).log == ["1h address sms"]


async def test_a_control_group_of_a_stage_is_drawn_once() -> None:
    text = FUNNEL.replace(
        "    statuses: [called, interested]\n", "    statuses: [called, interested]\n    control: 50\n"
    )
    given = world(text, key="a", answer_deed=lambda _: Answer(verdict="done", result={"arm": "held_out"}))
    given.event("3d", "Status", complex="a", to="bought")
    await given.run()
    assert [order.held_out for order in given.orders] == [True, True, False]
    assert [deed.model_dump()["experiment"] for deed in given.deeds] == ["control/j/study"]
