"""One enrolment on its way: what ends, pauses, holds and repeats it, and that nothing outside is lost or done twice."""

from datetime import timedelta
from typing import Any

import pytest

from language.delivery import Delivery, Fact
from language.interpreter import Interpreter
from language.port import Progress, Receipt, SendMessage, Standing
from language.state import Enrolment, State
from tests.language.fake_port import BEGAN, HEAD, World, world

EXIT = HEAD + "exit: {on: Bought, outcome: bought}\ngoal: {on: Paid}\n"
TWO = EXIT + "steps:\n  - send: a\n    via: email\n  - wait: 30d\n  - send: b\n    via: email\n"


# --- ends


async def test_an_exit_in_the_middle_of_a_wait_ends_at_once_and_nothing_after_is_sent() -> None:
    given = world(TWO).event("5d", "Bought")
    assert (await given.run()).log == ["0h a email"]
    assert (given.outcome, given.now_at - BEGAN) == ("bought", timedelta(days=5))
    assert given.traces["wait", 1].left_at == given.now_at


async def test_an_exit_at_the_moment_a_send_is_due_suppresses_it() -> None:
    assert (await world(TWO).event("30d", "Bought").run()).log == ["0h a email"]


async def test_an_exit_committed_before_its_signal_came_suppresses_the_send_that_is_due() -> None:
    given = world(TWO).away("29d", "31d").event("30d", "Bought")
    assert (await given.run()).log == ["0h a email"]
    assert given.outcome == "bought"


async def test_an_exit_whose_signal_was_lost_is_told_by_the_claim() -> None:
    given = world(TWO)
    given.at("3d", lambda: setattr(given, "tells", False)).event("4d", "Bought")
    given.at("5d", lambda: setattr(given, "tells", True))
    assert (await given.run()).log == ["0h a email"]
    assert given.outcome == "bought"


async def test_a_goal_ends_as_converted() -> None:
    assert (await world(TWO).event("1d", "Paid").run()).outcome == "converted"


async def test_the_first_end_counts() -> None:
    given = world(TWO).away("1d", "3d").event("26h", "Bought").at("27h", lambda: given.tell("stop"))
    await given.run()
    assert (given.outcome, given.state.outcome) == ("bought", "bought")


async def test_a_person_can_stop_it() -> None:
    assert (await world(TWO).command("1d", "stop").run()).outcome == "stopped"


async def test_without_an_end_of_its_own_it_is_completed() -> None:
    assert (await world(TWO).run()).outcome == "completed"


async def test_an_enrolment_that_another_run_has_ends_quietly_and_writes_nothing() -> None:
    given = world(TWO)
    given.outcome, given.is_ended = "bought", True
    assert await given.interpreter.run() is None
    assert (given.sent, given.traces) == ([], {})


# --- what comes from outside


async def test_deliveries_seen_before_are_ignored() -> None:
    given = world("steps:\n  - wait_for: A\n  - wait_for: A\n    within: 1d\n    otherwise: [{stop: once}]\n")
    given.event("1h", "A").at("2h", lambda: given.interpreter.absorb(given.deliveries))
    assert (await given.run()).outcome == "once"


async def test_deliveries_out_of_order_are_put_in_order() -> None:
    given = world("steps:\n  - wait_for: A\n  - wait_for: B\n  - stop: both\n")
    facts = [
        Delivery(seq=n, kind="event", at=BEGAN, fact=Fact(name=name, at=BEGAN)) for n, name in ((1, "A"), (2, "B"))
    ]
    given.deliveries = facts
    given.interpreter.absorb(facts[::-1])
    assert (await given.run()).outcome == "both"


async def test_a_gap_is_filled_from_what_is_stored_before_anything_goes_on() -> None:
    given = world(
        "steps:\n  - wait_for:\n      - on: A\n        do: [{stop: a}]\n      - on: B\n        do: [{stop: b}]\n"
    )

    def lose_the_first() -> None:
        given.tells = False
        given.happen("A", {})
        given.tells = True
        given.now_at += timedelta(seconds=1)
        given.happen("B", {})

    assert (await given.at("1h", lose_the_first).run()).outcome == "a"


async def test_a_delivery_that_is_gone_for_good_does_not_hold_up_the_rest() -> None:
    given = world("steps:\n  - wait_for: B\n  - stop: b\n")

    def skip_a_number() -> None:
        given.deliveries.append(Delivery(seq=5, kind="event", at=given.now_at, fact=Fact(name="B", at=given.now_at)))
        given.interpreter.absorb(given.deliveries)

    assert (await given.at("1h", skip_a_number).run()).outcome == "b"


async def test_a_send_that_is_behind_takes_in_what_it_is_told_and_decides_again() -> None:
    text = "steps:\n  - wait: 1d\n  - send: m\n    via: email\n  - wait_for: Paid\n    within: 1d\n  - stop: done\n"
    given = world(text)

    def commit_in_silence() -> None:
        given.now_at += timedelta(seconds=1)
        given.tells = False
        given.happen("Paid", {})
        given.tells = True

    given.at("24h", commit_in_silence)
    await given.run()
    assert [order.progress.seen_seq for order in given.orders] == [0, 1]
    assert given.now_at == BEGAN + timedelta(days=1, seconds=1)


async def test_a_nudge_is_answered_with_a_write() -> None:
    given = world(TWO)
    writes: list[int] = []
    given.at("23h", lambda: writes.append(given.writes))
    given.at("24h", lambda: given.interpreter.absorb(()))
    given.at("25h", lambda: writes.append(given.writes))
    await given.run()
    assert writes[1] == writes[0] + 1


async def test_all_it_has_heard_is_acknowledged_while_it_waits() -> None:
    given = world(EXIT + "steps:\n  - wait_for: {on: Never, where: 'false'}\n    within: 9d\n  - wait: 9d\n")
    for hour in range(1, 6):
        given.event(f"{hour}h", "Never")
    seen: list[int] = []
    given.at("2d", lambda: seen.append(given.state.written_seq))
    await given.run()
    assert seen == [5]


# --- sending


async def test_channels_of_one_send_go_out_at_the_same_moment_and_are_held_on_their_own() -> None:
    given = world("steps:\n  - id: both\n    send: m\n    via: [email, sms]\n  - stop: done\n")
    held = {"email": [timedelta(hours=2)], "sms": [timedelta(hours=3), timedelta(hours=5)]}

    def hold(order: SendMessage) -> Receipt:
        again = next((BEGAN + length for length in held[order.channel] if BEGAN + length > order.at), None)
        return Receipt(verdict="held", retry_at=again) if again else Receipt(verdict="sent")

    given.answer = hold
    assert (await given.run()).log == ["2h m email", "5h m sms"]
    assert given.state.results["both"]["sms"] == {"status": "sent", "reason": None}


async def test_a_message_held_is_not_sent_after_an_exit() -> None:
    given = world(EXIT + "steps:\n  - send: m\n    via: email\n").event("1h", "Bought")
    given.answer = lambda order: Receipt(verdict="held", retry_at=BEGAN + timedelta(hours=2))
    assert (await given.run()).log == []
    assert given.outcome == "bought"


async def test_a_message_stays_due_from_when_it_first_was() -> None:
    given = world("steps:\n  - send: m\n    via: email\n    valid_for: 1h\n")
    held = [Receipt(verdict="held", retry_at=BEGAN + timedelta(hours=2))]
    given.answer = lambda order: held.pop() if held else Receipt(verdict="expired", reason="too late")
    await given.run()
    assert [order.due_at for order in given.orders] == [BEGAN, BEGAN]
    assert given.state.results["send_m"]["outcome"] == "expired"


async def test_each_visit_of_a_step_has_a_key_of_its_own() -> None:
    text = "steps:\n  - id: s\n    send: m\n    via: email\n  - wait: 1d\n  - go_to: s\n"
    given = world(EXIT + text).event("36h", "Bought")
    await given.run()
    assert [order.key for order in given.orders] == ["1/s/1/email", "1/s/2/email"]


async def test_a_claim_that_finds_nothing_to_tell_is_tried_again_later_and_not_at_once() -> None:
    given = world("steps:\n  - send: m\n    via: email\n")
    odd = [Receipt(verdict="behind"), Receipt(verdict="closed")]
    given.answer = lambda order: odd.pop() if odd else Receipt(verdict="sent")
    await given.run()
    assert [sent.at for sent in given.sent] == [timedelta(minutes=10)]


async def test_what_was_sent_is_known_live_to_later_conditions() -> None:
    text = """
steps:
  - id: hello
    send: m
    via: email
  - wait: 1d
  - branch:
      - when: steps.hello.email.status == "opened" && steps.hello.outcome == "opened"
        do: [{stop: opened}]
"""
    given = world(text)
    given.at("2h", lambda: given.messages["hello"]["email"].update(status="opened"))
    assert (await given.run()).outcome == "opened"


async def test_values_for_a_message_travel_as_json() -> None:
    values = """{in: now + duration('1h'), long: duration('90m'), odd: "b'x'"}"""
    given = world(f"steps:\n  - send: m\n    via: email\n    with: {values}\n")
    await given.run()
    assert given.orders[0].scope["in"] == "2026-01-05T10:00:00+00:00"
    assert given.orders[0].scope["long"] == 5400
    assert given.orders[0].model_dump_json()


# --- pause

PAUSED = "%s\nsteps:\n  - wait: 1d\n  - send: m\n    via: email\n  - stop: done\n"


async def paused(on_resume: str) -> World:
    given = world(HEAD + PAUSED % f"on_resume: {on_resume}")
    return await given.command("1h", "pause").command("3d", "resume").run()


async def test_a_pause_lets_timers_run_and_sends_nothing_until_it_is_resumed() -> None:
    assert (await paused("send")).log == ["72h m email"]


async def test_on_resume_skip_records_the_refusal_and_goes_on() -> None:
    given = await paused("skip")
    assert (given.log, given.outcome) == ([], "done")
    assert given.state.results["send_m"]["outcome"] == "suppressed"


async def test_on_resume_replan_waits_anew() -> None:
    assert (await paused("replan")).log == ["96h m email"]


async def test_a_pause_that_ends_before_anything_is_due_changes_nothing() -> None:
    given = world(HEAD + PAUSED % "on_resume: skip").command("1h", "pause").command("2h", "resume")
    assert (await given.run()).log == ["24h m email"]


async def test_an_exit_ends_a_paused_enrolment() -> None:
    given = world(EXIT + PAUSED % "").command("1h", "pause").event("3d", "Bought")
    await given.run()
    assert (given.log, given.outcome) == ([], "bought")


async def test_a_pause_that_only_the_claim_knew_ends_with_its_resumption() -> None:
    given = world(HEAD + PAUSED % "").at("1h", lambda: setattr(given, "is_paused", True)).command("3d", "resume")
    assert (await given.run()).log == ["72h m email"]


async def test_a_resumption_that_overtakes_the_verdict_is_not_forgotten() -> None:
    """The claim finds it paused; before that answer arrives, the resumption is told."""
    given = world(HEAD + PAUSED % "")
    overtaken: list[bool] = []

    async def sending(order: SendMessage) -> Receipt:
        if overtaken:
            return await World.send(given, order)
        overtaken.append(True)
        given.tell("resume")
        return Receipt(verdict="paused")

    given.send = sending  # type: ignore[method-assign]
    assert (await given.run()).log == ["24h m email"]


# --- loops

CIRCLE = """
steps:
  - id: a
    send: m
    via: email
  - branch:
      - when: profile.stuck
        do: [{go_to: a}]
"""


async def test_a_loop_without_time_pauses_and_says_so() -> None:
    given = world(HEAD + CIRCLE, profile={"stuck": True})
    await given.run()
    assert given.log == ["0h m email"]
    assert "a was reached twice" in given.pauses[0]
    assert given.shown[-1].startswith("**Paused:**")


@pytest.mark.parametrize("on_resume", ["send", "skip", "replan"])
async def test_a_loop_goes_on_when_it_is_resumed(on_resume: str) -> None:
    given = world(HEAD + f"on_resume: {on_resume}" + CIRCLE, profile={"stuck": True})
    given.at("1d", lambda: given.profile.clear()).command("1d", "resume")
    await given.run()
    assert given.outcome == "completed"


async def test_a_loop_stays_paused_on_a_fresh_interpreter() -> None:
    given = world(HEAD + CIRCLE, profile={"stuck": True}, rolls_over=True)
    await given.run()
    assert given.log == ["0h m email"]


# --- steps


async def test_when_passes_over_a_step_that_is_not_wanted() -> None:
    text = "steps:\n  - send: m\n    via: email\n    when: profile.age > 18\n  - wait: 1h\n    enabled: false\n"
    given = world(text)
    await given.run()
    assert (given.log, given.now_at) == ([], BEGAN)
    assert given.state.results["send_m"] == {"skipped": "not true: profile.age > 18"}


async def test_when_is_asked_on_entering_only() -> None:
    text = "steps:\n  - wait: 30d\n    when: profile.slow\n  - send: m\n    via: email\n"
    given = world(text, profile={"slow": True}, rolls_over=True).at("1d", lambda: given.profile.clear())
    assert (await given.run()).log == ["720h m email"]


async def test_the_first_true_way_of_a_branch_is_taken() -> None:
    text = """
steps:
  - branch:
      - when: profile.n > 10
        do: [{stop: large}]
      - when: profile.n > 5
        do: [{stop: medium}]
    otherwise: [{stop: small}]
"""
    found = [(await world(text, profile=profile).run()).outcome for profile in ({"n": 20}, {"n": 7}, {"n": 1}, {})]
    assert found == ["large", "medium", "small", "small"]


async def test_traits_are_set_and_seen_at_once() -> None:
    text = """
steps:
  - set: {score: start.score + 1, at: now, gone: profile.nothing}
  - branch:
      - when: profile.score == 8
        do: [{stop: eight}]
"""
    given = world(text, start={"score": 7})
    await given.run()
    assert given.outcome == "eight"
    assert given.profile == {"score": 8, "at": "2026-01-05T09:00:00+00:00", "gone": None}


async def test_facts_are_asked_once_a_moment_and_anew_after_a_wait() -> None:
    text = """
steps:
  - branch: [{when: profile.a == 1 && profile.b == 1, do: [{stop: x}]}]
  - wait_for: {on: A, where: profile.a == 2}
  - stop: two
"""
    given = world(text, profile={"a": 1}).event("1h", "A").at("2h", lambda: given.profile.update(a=2)).event("3h", "A")
    await given.run()
    assert (given.outcome, given.now_at - BEGAN) == ("two", timedelta(hours=3))


async def test_people_can_read_where_it_stands() -> None:
    given = world(TWO)
    await given.run()
    assert "**until Wednesday, 4 February 2026, 09:00 UTC**" in "\n".join(given.shown)
    assert given.shown[-1].startswith("**Ended: completed**")
    assert [(trace.step, trace.verb) for trace in given.traces.values()] == [
        ("send_a", "send"),
        ("wait", "wait"),
        ("send_b", "send"),
    ]


async def test_what_one_write_carried_is_not_carried_again() -> None:
    given = world(TWO)
    written: list[Progress] = []

    async def record(progress: Progress) -> Standing:
        written.append(progress)
        return await World.record(given, progress)

    given.record = record  # type: ignore[method-assign]
    await given.run()
    carried: list[Any] = [trace for progress in written for trace in progress.traces]
    assert len(carried) == len(set(map(str, carried)))


async def test_a_run_reborn_from_its_trace_goes_on_in_the_same_visit() -> None:
    given = world(TWO)
    state = State(
        step="wait",
        is_inside=True,
        entered_at=BEGAN,
        moments={"until": BEGAN + timedelta(days=30)},
        visits={"send_a": 1, "wait": 1},
    )
    enrolment = Enrolment(enrolment_id=1, customer_id=1, journey="j", version=1, started_at=BEGAN, run_id="r")
    given.now_at = BEGAN + timedelta(days=40)
    given.interpreter = Interpreter(given.interpreter.program, enrolment, state, given)
    assert (await given.run()).log == ["960h b email"]


async def test_a_run_reborn_after_its_date_passed_sends_what_was_waited_for() -> None:
    text = "steps:\n  - id: day\n    wait: {until: start.on}\n  - send: m\n    via: email\n"
    given = world(text, start={"on": "2026-01-10T09:00:00Z"})
    state = State(
        step="day", is_inside=True, entered_at=BEGAN, moments={"until": BEGAN}, visits={"day": 1}, start=given.start
    )
    given.now_at = BEGAN + timedelta(days=20)
    given.interpreter = Interpreter(given.interpreter.program, given.interpreter.enrolment, state, given)
    assert (await given.run()).log == ["480h m email"]
