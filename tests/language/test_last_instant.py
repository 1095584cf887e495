"""What comes in the middle of something: nothing that it forbids goes out, and nothing twice."""

from language.port import Answer, Deed, DrawArm, Known, LookUp, Receipt, SendMessage
from tests.language.fake_port import BEGAN, HEAD, World, world

STAGED = """
control: 10
stage: {on: Status, is: event.to}
stages:
  a:
    steps:
      - {send: m, via: email}
  b:
    steps:
      - {stop: b}
"""


async def test_a_stage_that_comes_while_an_arm_is_drawn_stops_the_send() -> None:
    given = world(HEAD + STAGED)

    def drawing(deed: Deed) -> Answer:
        given.happen("Status", {"to": "b"})
        return Answer(verdict="done", result={"arm": "messaged"})

    given.answer_deed = drawing
    await given.run()
    assert (given.log, given.outcome) == ([], "b")


async def test_a_stage_that_comes_while_success_is_asked_for_stops_the_cascade() -> None:
    given = world(HEAD + STAGED.replace("{send: m, via: email}", "{cascade: m, via: [email]}").replace("10", "0"))
    given.state.has_lost_news = True
    asked = given.look_up

    async def looking_up(question: LookUp) -> Known:
        if question.events and not given.deliveries:
            given.happen("Status", {"to": "b"})
        return await asked(question)

    given.look_up = looking_up  # type: ignore[method-assign]
    await given.run()
    assert (given.log, given.outcome) == ([], "b")


CASCADE = "steps:\n  - wait: 1d\n  - cascade: m\n    via: [{email: {wait: 6h}}, sms]\n"


async def test_replanning_sends_nothing_twice() -> None:
    given = world(HEAD + "on_resume: replan\n" + CASCADE).command("25h", "pause").command("3d", "resume")
    assert (await given.run()).log == ["24h m email", "72h m sms"]


async def test_replanning_after_a_cascade_does_not_begin_it_again() -> None:
    given = world(HEAD + "on_resume: replan\n" + CASCADE + "  - {send: n, via: sms}\n")
    given.command("25h", "pause").about("25h", "Email Opened", "cascade_m").command("3d", "resume")
    assert (await given.run()).log == ["24h m email", "72h n sms"]


async def test_replanning_a_cascade_that_has_not_begun_waits_anew() -> None:
    given = world(HEAD + "on_resume: replan\n" + CASCADE).command("1h", "pause").command("3d", "resume")
    assert (await given.run()).log[0] == "96h m email"


async def test_replanning_a_pass_of_a_block_leaves_none_out() -> None:
    text = "on_resume: replan\nsteps:\n  - repeat: 2\n    every: 1d\n    do: [{send: m, via: email}]\n"
    given = world(HEAD + text).command("1h", "pause").command("3d", "resume")
    assert (await given.run()).log == ["0h m email", "72h m email"]


async def test_a_channel_that_is_held_does_not_delay_another_that_was_behind() -> None:
    given = world("steps:\n  - {send: m, via: [sms, email]}\n  - {wait_for: Paid, within: 1h}\n")

    def answer(order: SendMessage) -> Receipt:
        evening = BEGAN.replace(hour=20)
        if order.channel != "sms" or given.now_at >= evening:
            return Receipt(verdict="sent")
        if not given.deliveries:
            given.happen("Paid", {})
        return Receipt(verdict="held", retry_at=evening)

    given.answer = answer
    assert (await given.run()).log == ["0h m email", "11h m sms"]


async def test_what_ended_a_block_is_not_new_to_the_wait_below() -> None:
    text = """steps:
  - repeat: 3
    every: 1d
    until: Paid
    do: [{send: m, via: email}]
  - wait_for: Paid
    within: 2d
    otherwise: [{stop: once}]
  - stop: twice
"""
    once = world(text).event("1h", "Paid")
    assert (await once.run()).outcome == "once"
    twice = world(text).event("1h", "Paid").event("2h", "Paid")
    assert (await twice.run()).outcome == "twice"


async def test_what_came_during_a_wait_that_a_stage_cut_short_is_not_new_there() -> None:
    text = """stage: {on: Status, is: event.to}
stages:
  a:
    steps: [{wait: 2d}]
  b:
    steps:
      - wait_for: [{on: Paid, do: [{stop: paid}]}]
        within: 1d
        otherwise: [{stop: unpaid}]
"""
    before = world(HEAD + text).event("1h", "Paid").event("2h", "Status", to="b")
    assert (await before.run()).outcome == "unpaid"
    together = world(HEAD + text).event("2h", "Status", to="b").event("2h", "Paid")
    assert (await together.run()).outcome == "paid"


SPLIT = """on_resume: skip
steps:
  - wait: 1d
  - split: tone
    arms: [{arm: friendly, share: 50}, {arm: formal, share: 50, do: [{stop: formal}]}]
"""


async def test_skipping_what_fell_due_draws_an_arm_all_the_same() -> None:
    given = world(HEAD + SPLIT).command("1h", "pause").command("3d", "resume")
    given.answer_deed = lambda deed: Answer(verdict="done", result={"arm": "formal"})
    assert (await given.run()).outcome == "formal"
    assert [type(deed) for deed in given.deeds] == [DrawArm]


async def test_an_opening_before_the_wait_counts_where_what_came_already_does() -> None:
    text = """steps:
  - {id: hello, send: m, via: email}
  - wait: 1d
  - wait_for: [{on: Email Opened, of: hello, do: [{stop: opened}]}]
    already: counts
    within: 1d
"""
    given: World = world(text).about("1h", "Email Opened", "hello")
    assert (await given.run()).outcome == "opened"


async def test_all_that_fell_due_during_a_pause_is_skipped_and_nothing_after_the_next_wait() -> None:
    text = HEAD + (
        "on_resume: skip\nsteps:\n  - wait: 1d\n  - {send: a, via: email}\n  - {coupon: c}\n"
        "  - cascade: b\n    via: [{email: {wait: 1h}}, sms]\n  - wait: 1d\n  - {send: later, via: email}\n"
    )
    given = world(text).command("1h", "pause").command("3d", "resume")
    await given.run()
    assert given.log == ["96h later email"]
    assert given.deeds == []
