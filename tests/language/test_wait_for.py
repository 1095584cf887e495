"""The rules of `wait_for`, one a test."""

from datetime import timedelta
from typing import Any

from language.delivery import Fact
from language.port import Receipt, SendMessage
from language.state import MOST_NEWS
from tests.language.fake_port import HEAD, World, world

PAID = """
steps:
  - wait_for: Paid
    within: 1d
    otherwise:
      - send: remind
        via: email
  - send: thanks
    via: email
"""


async def log(text: str, *events: tuple[str, str], **given: Any) -> list[str]:
    one = world(text, **given)
    for when, name in events:
        one.event(when, name)
    return (await one.run()).log


async def test_the_event_goes_on_below_and_skips_otherwise() -> None:
    assert await log(PAID, ("3h", "Paid")) == ["3h thanks email"]


async def test_the_time_limit_does_otherwise_and_then_goes_on_below() -> None:
    assert await log(PAID) == ["24h remind email", "24h thanks email"]


async def test_an_event_at_the_deadline_beats_it() -> None:
    assert await log(PAID, ("1d", "Paid")) == ["24h thanks email"]


async def test_an_event_after_the_deadline_comes_too_late() -> None:
    assert await log(PAID, ("24h 1s", "Paid")) == ["24h remind email", "24h thanks email"]


async def test_an_event_committed_while_temporal_was_away_beats_the_deadline_that_fell_due_meanwhile() -> None:
    given = world(PAID).away("20h", "30h").event("23h", "Paid")
    assert (await given.run()).log == ["30h thanks email"]


async def test_an_event_whose_signal_was_lost_is_found_at_the_deadline() -> None:
    given = world(PAID).at("2h", lambda: None)

    def commit_in_silence() -> None:
        given.tells = False
        given.happen("Paid", {})
        given.tells = True

    given.at("3h", commit_in_silence)
    assert (await given.run()).log == ["24h thanks email"]


async def test_what_came_late_from_after_the_deadline_does_not_beat_it() -> None:
    given = world(PAID).away("20h", "30h").event("25h", "Paid")
    assert (await given.run()).log == ["30h remind email", "30h thanks email"]


ARMS = """
steps:
  - wait_for:
      - on: A
        do:
          - send: a
            via: email
      - on: [B, C]
        do:
          - send: b
            via: email
  - send: below
    via: sms
"""


async def test_the_first_arm_wins_when_both_came_at_one_moment() -> None:
    given = world(ARMS).away("1h", "2h").event("90m", "B").event("90m", "A")
    assert (await given.run()).log == ["2h a email", "2h below sms"]


async def test_otherwise_the_earliest_event_wins() -> None:
    given = world(ARMS).away("1h", "2h").event("80m", "C").event("90m", "A")
    assert (await given.run()).log == ["2h b email", "2h below sms"]


async def test_an_arm_without_do_goes_on_below() -> None:
    text = "steps:\n  - wait_for:\n      - on: A\n      - on: B\n        do: [{stop: b}]\n  - send: m\n    via: email\n"
    assert await log(text, ("1h", "A")) == ["1h m email"]


async def test_only_events_for_which_where_is_true_count() -> None:
    text = """
steps:
  - wait_for: {on: Paid, where: event.sum > start.least && profile.segment == "A"}
  - send: "m"
    via: email
"""
    given = world(text, start={"least": 10}, profile={"segment": "A"})
    given.event("1h", "Paid", sum=5).event("2h", "Paid").event("3h", "Paid", sum="lots").event("4h", "Paid", sum=11)
    assert (await given.run()).log == ["4h m email"]


async def test_the_event_that_ended_a_wait_is_known_afterwards() -> None:
    text = """
steps:
  - id: pay
    wait_for: Paid
  - branch:
      - when: event.sum == 5 && steps.pay.outcome == "Paid" && steps.pay.event.sum == 5
        do: [{stop: five}]
"""
    given = world(text).event("1h", "Paid", sum=5)
    await given.run()
    assert given.outcome == "five"


KEYED = """journey: j
title: J
key: event.flat
start: {on: Go}
steps:
  - wait_for: {on: Viewed, match: customer}
  - wait_for: Viewed
  - send: m
    via: email
"""


async def test_an_event_of_another_key_ends_only_the_wait_that_says_match_customer() -> None:
    given = world(KEYED, key="7")
    given.event("1h", "Viewed", flat="8").event("2h", "Viewed", flat="9").event("3h", "Viewed").event(
        "4h", "Viewed", flat=7
    )
    assert (await given.run()).log == ["4h m email"]


async def test_events_that_came_while_a_message_was_sent_count_for_the_next_wait() -> None:
    text = "steps:\n  - send: a\n    via: email\n  - wait_for: Paid\n    within: 1d\n  - send: b\n    via: email\n"
    given = world(text)

    def pays_meanwhile(order: SendMessage) -> Receipt:
        if order.message == "a":
            given.happen("Paid", {})
        return Receipt(verdict="sent")

    given.answer = pays_meanwhile
    assert (await given.run()).log == ["0h a email", "0h b email"]


TWICE = """
steps:
  - wait: 1d
  - wait_for: Paid
    within: 1d
    otherwise: [{stop: unpaid}]
  - stop: paid
"""


async def outcome(given: World) -> str | None:
    await given.run()
    return given.outcome


async def test_events_that_came_during_a_plain_wait_do_not_count() -> None:
    assert await outcome(world(TWICE).event("3h", "Paid")) == "unpaid"


async def test_they_do_not_count_either_when_they_are_known_only_after_the_wait() -> None:
    """Committed during the wait, told after it."""
    assert await outcome(world(TWICE).away("2h", "30h").event("3h", "Paid")) == "unpaid"


async def test_what_comes_after_a_wait_counts_when_it_is_told_late() -> None:
    assert await outcome(world(TWICE).away("2h", "30h").event("25h", "Paid")) == "paid"


async def test_with_already_counts_an_event_since_the_beginning_counts() -> None:
    assert await outcome(world(TWICE.replace("within", "already: counts\n    within")).event("3h", "Paid")) == "paid"


async def test_with_already_counts_the_first_match_is_taken() -> None:
    text = "steps:\n  - wait: 1d\n  - id: pay\n    wait_for: Paid\n    already: counts\n  - stop: done\n"
    given = world(text).event("1h", "Paid", n=1).event("2h", "Paid", n=2)
    await given.run()
    assert given.state.results["pay"]["event"] == {"n": 1}


async def test_already_counts_knows_any_activity_and_keys() -> None:
    text = KEYED.replace("  - wait_for: Viewed\n", "  - wait_for: any_activity\n    already: counts\n").replace(
        "  - wait_for: {on: Viewed, match: customer}\n", "  - wait: 1d\n"
    )
    given = world(text, key="7").event("1h", "Clicked", flat="8").event("30h", "Clicked", flat="7")
    assert (await given.run()).log == ["30h m email"]


RESET = "steps:\n  - wait_for: Paid\n    within: 1d\n    reset_on: Cart Updated\n  - send: m\n    via: email\n"


async def test_a_reset_starts_the_time_anew() -> None:
    assert await log(RESET, ("20h", "Cart Updated"), ("40h", "Cart Updated")) == ["64h m email"]


async def test_a_reset_at_the_deadline_beats_it() -> None:
    assert await log(RESET, ("24h", "Cart Updated")) == ["48h m email"]


async def test_a_reset_after_the_deadline_comes_too_late() -> None:
    given = world(RESET).away("23h", "60h").event("25h", "Cart Updated")
    assert (await given.run()).log == ["60h m email"]


async def test_a_chain_of_resets_told_together_holds() -> None:
    given = (
        world(RESET).away("1h", "50h").event("20h", "Cart Updated").event("40h", "Cart Updated").event("60h", "Paid")
    )
    assert (await given.run()).log == ["60h m email"]


async def test_a_reset_from_before_the_wait_never_shortens_it() -> None:
    text = "steps:\n  - send: a\n    via: email\n" + RESET.removeprefix("steps:\n")
    given = world(text)
    held = [Receipt(verdict="held", retry_at=given.now_at.replace(hour=20))]
    given.answer = lambda _: held.pop() if held else Receipt(verdict="sent")
    given.event("1h", "Cart Updated")
    assert (await given.run()).log == ["11h a email", "35h m email"]


async def test_of_names_whose_message_it_is_about() -> None:
    text = """
steps:
  - {id: one, send: m, via: email}
  - {id: two, send: m, via: email}
  - wait_for: {on: Email Opened, of: two}
  - stop: opened
"""
    given = world(text).about("1h", "Email Opened", "one").about("2h", "Email Opened", "two")
    await given.run()
    assert (given.outcome, given.now_at.hour) == ("opened", 11)


async def test_an_event_about_our_message_reaches_a_keyed_enrolment_without_carrying_its_key() -> None:
    text = KEYED.replace("wait_for: Viewed", "wait_for: Email Opened").replace(
        "{on: Viewed, match: customer}", "Viewed"
    )
    given = world(text, key="7").event("1h", "Viewed", flat=7).about("2h", "Email Opened", "send_m")
    assert (await given.run()).log == ["2h m email"]


async def test_two_events_of_one_batch_end_two_waits_in_either_way_of_telling() -> None:
    text = "steps:\n  - wait_for: A\n  - wait_for: B\n    within: 1d\n    otherwise: [{stop: missed}]\n  - stop: both\n"
    assert await outcome(world(text).event("1h", "A").event("1h", "B")) == "both"
    assert await outcome(world(text).away("1h", "2h").event("90m", "A").event("90m", "B")) == "both"


async def test_a_person_who_skips_a_wait_has_its_time_up() -> None:
    given = world(PAID).command("2h", "skip_wait")
    assert (await given.run()).log == ["2h remind email", "2h thanks email"]


async def test_waiting_for_any_activity_hears_what_the_customer_does_and_not_what_we_do() -> None:
    given = world("steps:\n  - wait_for: any_activity\n  - send: m\n    via: email\n")
    given.at(
        "1h", lambda: given.deliver(kind="event", fact=Fact(name="Email Delivered", at=given.now_at, is_activity=False))
    )
    given.event("2h", "Page Seen")
    assert (await given.run()).log == ["2h m email"]


MANY = """
steps:
  - wait_for: {on: Step, where: event.n == 3}
    within: 2d
    otherwise: [{stop: missed}]
  - wait_for: {on: Step, where: event.n == 4}
    within: 2d
    otherwise: [{stop: missed_the_next}]
  - stop: found
"""


def burst(given: World, first: int, last: int) -> None:
    for n in range(first, last):
        given.now_at += timedelta(milliseconds=1)
        given.happen("Step", {"n": n})


async def test_of_more_events_at_once_than_are_kept_none_is_lost() -> None:
    given = world(MANY).away("1h", "3h").at("2h", lambda: burst(given, 0, 5 * MOST_NEWS))
    assert await outcome(given) == "found"
    assert len(given.state.news) <= MOST_NEWS


async def test_they_are_read_back_page_by_page() -> None:
    text = MANY.replace("== 3", "== 1203").replace("== 4", "== 1204")
    given = world(text).away("1h", "3h")
    given.at("61m", lambda: burst(given, 0, 1300))
    assert await outcome(given) == "found"


async def test_a_later_burst_is_read_back_from_where_the_earlier_was_tested() -> None:
    given = world(MANY.replace("== 3", "== 500").replace("== 4", "== 501"))
    given.away("1h", "2h").at("90m", lambda: burst(given, 5, 300))
    given.away("3h", "4h").at("210m", lambda: burst(given, 300, 700))
    assert await outcome(given) == "found"
    recalls = [question.since for question in given.look_ups if question.events]
    assert recalls == sorted(recalls, key=str)


async def test_a_loop_that_consumes_several_events_of_one_moment_is_no_circle() -> None:
    text = """
steps:
  - id: again
    wait_for: {on: Ping}
    within: 5d
    otherwise: [{stop: done}]
  - go_to: again
"""
    given = world(HEAD + text).away("1h", "2h").event("90m", "Ping").event("90m", "Ping").event("91m", "Ping")
    assert await outcome(given) == "done"
    assert given.pauses == []
    assert given.state.visits["again"] == 4


async def test_events_in_any_writing_give_ids_that_can_be_published() -> None:
    given = world("steps:\n  - wait_for: Оплата прошла\n  - wait_for: Order-Paid (EU)\n  - wait_for: any_activity\n")
    assert list(given.interpreter.program.place_by_id) == [
        "wait_for",
        "wait_for_order_paid_eu",
        "wait_for_any_activity",
    ]
