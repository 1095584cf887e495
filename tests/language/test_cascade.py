"""A cascade: one channel after the other until one succeeds; never one too many."""

from datetime import timedelta

import pytest

from language.port import Answer, Receipt, SendMessage
from tests.language.fake_port import BEGAN, World, journey_of, world

CASCADE = """
steps:
  - cascade: ends
    via:
      - email: {wait: 6h, until: opened}
      - sms: {wait: 30m, until: delivered}
      - voice
  - send: after
    via: email
"""


@pytest.fixture(params=[False, True], ids=["one run", "rolls over in every wait"])
def rolls_over(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def test_opener_gets_no_sms(rolls_over: bool) -> None:
    given = world(CASCADE, rolls_over=rolls_over).about("5h", "Email Opened", "cascade_ends")
    assert (await given.run()).log == ["0h ends email", "5h after email"]
    assert given.state.results["cascade_ends"]["by"] == "email"


async def test_opener_of_the_last_second_gets_no_sms_though_it_is_known_only_later() -> None:
    given = world(CASCADE).away("1h", "8h").about("6h", "Email Opened", "cascade_ends")
    assert (await given.run()).log == ["0h ends email", "8h after email"]


async def test_an_opening_while_the_sms_is_held_cancels_it() -> None:
    def answer(order: SendMessage) -> Receipt:
        is_held = order.channel == "sms"
        return Receipt(verdict="held", retry_at=BEGAN + timedelta(hours=20)) if is_held else Receipt(verdict="sent")

    given = world(CASCADE, answer=answer).about("9h", "Email Opened", "cascade_ends")
    assert (await given.run()).log == ["0h ends email", "9h after email"]


async def test_a_click_is_an_opening_too_but_a_delivery_is_none() -> None:
    given = world(CASCADE).about("1h", "Email Delivered", "cascade_ends").about("2h", "Email Clicked", "cascade_ends")
    assert (await given.run()).log == ["0h ends email", "2h after email"]


@pytest.mark.parametrize("told", ["Web Push Opened", "Web Push Clicked"])
async def test_whoever_taps_a_web_push_is_reached(told: str) -> None:
    text = CASCADE.replace("email: {wait: 6h, until: opened}", "web_push: {wait: 6h}")
    given = world(text).about("1h", "Web Push Delivered", "cascade_ends", "web_push")
    given.about("2h", told, "cascade_ends", "web_push")
    assert (await given.run()).log == ["0h ends web_push", "2h after email"]


async def test_each_channel_in_turn_and_the_call_to_its_end(rolls_over: bool) -> None:
    given = world(CASCADE, rolls_over=rolls_over).about("7h", "Call Not Answered", "cascade_ends", "voice")
    assert (await given.run()).log == ["0h ends email", "6h ends sms", "6.5h ends voice", "7h after email"]
    assert given.state.results["cascade_ends"]["outcome"] == "unreached"


async def test_a_hard_bounce_goes_on_at_once() -> None:
    given = (
        world(CASCADE).about("1h", "Email Bounced", "cascade_ends").about("70m", "SMS Delivered", "cascade_ends", "sms")
    )
    assert (await given.run()).log == ["0h ends email", "1h ends sms", "1.16667h after email"]


async def test_a_channel_that_cannot_be_used_is_passed_over_at_once() -> None:
    def answer(order: SendMessage) -> Receipt:
        return Receipt(verdict="undeliverable" if order.channel == "email" else "sent")

    given = world(CASCADE, answer=answer).about("1m", "SMS Delivered", "cascade_ends", "sms")
    assert [order.channel for order in (await given.run()).orders] == ["email", "sms", "email"]


async def test_a_control_group_waits_as_long_as_others() -> None:
    text = "journey: j\ntitle: J\nstart: {on: Go}\ncontrol: 100\n" + CASCADE
    drawn = Answer(verdict="done", result={"arm": "held_out"})
    given = World(journey_of(text), answer=lambda _: Receipt(verdict="held_out"), answer_deed=lambda _: drawn)
    await given.run()
    assert [(order.channel, order.at - BEGAN) for order in given.orders][:2] == [
        ("email", timedelta(0)),
        ("sms", timedelta(hours=6)),
    ]


async def test_the_preferred_channel_comes_first() -> None:
    text = CASCADE.replace("  - cascade: ends\n", "  - cascade: ends\n    prefer: profile\n")
    given = world(text, profile={"preferred_channel": "sms"}).about("1m", "SMS Delivered", "cascade_ends", "sms")
    assert (await given.run()).log[0] == "0h ends sms"


async def test_the_goal_is_a_success() -> None:
    text = (
        "journey: j\ntitle: J\nstart: {on: Go}\ngoal: {on: Paid, ends: false}\n"
        "steps:\n  - cascade: ends\n    via: [{email: {wait: 1d, until: goal}}, sms]\n"
    )
    given = World(journey_of(text)).event("3h", "Paid")
    assert (await given.run()).log == ["0h ends email"]
    assert given.state.results["cascade_ends"]["by"] == "goal"


async def test_an_opening_of_an_earlier_visit_is_no_success() -> None:
    text = """
steps:
  - repeat: 2
    every: 1d
    do:
      - cascade: ends
        via: [{email: {wait: 6h}}, sms]
"""
    given = world(text).about("25h", "Email Opened", "cascade_ends", visit=1)
    assert (await given.run()).log == ["0h ends email", "6h ends sms", "24h ends email", "30h ends sms"]


async def test_a_sent_call_is_waited_for() -> None:
    text = "steps:\n  - send: hello\n    via: [voice, sms]\n  - send: after\n    via: email\n"
    given = world(text).about("90s", "Call Busy", "send_hello", "voice")
    assert (await given.run()).log == ["0h hello voice", "0h hello sms", "0.025h after email"]
    assert given.state.results["send_hello"]["outcome"] == "busy"


async def test_a_call_that_is_only_to_be_placed_is_not_waited_for() -> None:
    text = "steps:\n  - {send: hello, via: voice, wait: accepted}\n  - {send: after, via: email}\n"
    assert (await world(text).run()).log == ["0h hello voice", "0h after email"]


async def test_nobody_says_how_the_call_ended() -> None:
    text = "steps:\n  - send: hello\n    via: voice\n  - send: after\n    via: email\n"
    given = await world(text).run()
    assert given.log == ["0h hello voice", "2h after email"]
    assert given.state.results["send_hello"]["outcome"] == "unknown"
