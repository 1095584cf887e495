"""The rules of `wait`, one a test."""

import pytest

from language.port import Receipt, SendMessage
from tests.language.fake_port import HEAD, world

REMIND = """
key: event.flat
start: {on: Reserved}
steps:
  - id: day_before
    wait: {until: "start.expires_at - duration('24h')", rearm_on: Extended%s}
  - send: reminder
    via: email
  - id: last_day
    wait: {until: start.expires_at, past: go}
  - send: over
    via: sms
"""


def reservation(expires_at: str | None, more: str = "", key: str = "7") -> str:
    return "journey: j\ntitle: J\n" + REMIND % more


async def remind(expires_at: str | None, more: str = "", **events: str) -> list[str]:
    """What is sent when the reservation is extended at these moments (`d2="2026-…"`) to these dates."""
    given = world(reservation(expires_at, more), start={"flat": "7", "expires_at": expires_at}, key="7")
    for when, date in events.items():
        given.event(when[1:] + when[0], "Extended", flat="7", expires_at=date)
    await given.run()
    return given.log


async def test_a_duration_counts_from_entering() -> None:
    given = world("steps:\n  - wait: 1d 12h\n  - send: m\n    via: email\n")
    assert (await given.run()).log == ["36h m email"]


async def test_a_date_is_waited_for() -> None:
    assert await remind("2026-01-10T09:00:00Z") == ["96h reminder email", "120h over sms"]


async def test_a_date_moves_later_with_its_event() -> None:
    assert await remind("2026-01-10T09:00:00Z", d2="2026-01-12T09:00:00Z") == ["144h reminder email", "168h over sms"]


async def test_a_date_moves_earlier_with_its_event() -> None:
    assert await remind("2026-01-10T09:00:00Z", d2="2026-01-08T21:00:00Z") == ["60h reminder email", "84h over sms"]


async def test_a_date_moved_into_the_past_takes_the_past_way_and_sends_nothing_at_once() -> None:
    assert await remind("2026-01-10T09:00:00Z", d2="2026-01-07T21:00:00Z") == ["60h over sms"]


async def test_the_event_of_another_key_moves_nothing() -> None:
    given = world(reservation(""), start={"flat": "7", "expires_at": "2026-01-10T09:00:00Z"}, key="7")
    given.event("1d", "Extended", flat="8", expires_at="2026-02-10T09:00:00Z")
    assert (await given.run()).log == ["96h reminder email", "120h over sms"]


async def test_a_moving_event_replaces_only_properties_of_the_same_name() -> None:
    given = world(reservation(""), start={"flat": "7", "expires_at": "2026-01-10T09:00:00Z"}, key="7")
    given.event("1d", "Extended", flat="7", agent="Bob", expires_at="2026-01-11T09:00:00Z")
    assert (await given.run()).state.start == {"flat": "7", "expires_at": "2026-01-11T09:00:00Z"}


async def test_a_date_moved_during_another_step_counts_when_it_is_waited_for() -> None:
    text = HEAD + "steps:\n  - wait: 2d\n  - wait: {until: start.on, rearm_on: Moved}\n  - send: m\n    via: email\n"
    given = world(text, start={"on": "2026-01-09T09:00:00Z"}).event("1d", "Moved", on="2026-01-12T09:00:00Z")
    assert (await given.run()).log == ["168h m email"]


async def test_a_passed_date_is_waited_for_again_when_it_moves_ahead() -> None:
    again = ", again_if_moved: true"
    assert await remind("2026-01-10T09:00:00Z", again, h108="2026-01-15T09:00:00Z") == [
        "96h reminder email",
        "216h reminder email",
        "240h over sms",
    ]


async def test_without_again_if_moved_a_passed_date_stays_passed_and_a_pending_one_moves() -> None:
    assert await remind("2026-01-10T09:00:00Z", h108="2026-01-15T09:00:00Z") == ["96h reminder email", "240h over sms"]


@pytest.mark.parametrize("date", [None, "", "soon", "2026-13-45", "9999-12-31T23:59:59-12:00", 7, {"a": 1}])
async def test_a_missing_or_unreadable_date_exits_and_never_sends(date: object) -> None:
    given = world(reservation(""), start={"flat": "7", "expires_at": date}, key="7")
    await given.run()
    assert (given.log, given.outcome) == ([], "missing_date")


async def test_a_missing_date_leaves_out_what_hangs_on_it_when_it_says_skip() -> None:
    given = world(reservation("", ", missing: skip"), start={"flat": "7"}, key="7")
    assert (await given.run()).traces.keys() == {("day_before", 1), ("last_day", 1)}


async def test_a_past_date_leaves_out_everything_up_to_the_next_waiting_step() -> None:
    assert await remind("2026-01-05T19:00:00Z") == ["10h over sms"]


async def test_a_past_date_leaves_out_whatever_sends_or_asks_though_it_waits_itself() -> None:
    text = """
steps:
  - wait: {until: start.gone, missing: skip}
  - cascade: reminder
    via: [{email: {wait: 1h}}, sms]
  - task: call
    to: sales
  - repeat: 2
    every: 1d
    do: [{send: reminder, via: email}]
  - wait: 1h
  - send: over
    via: sms
"""
    for start in ({"gone": "2020-01-01T00:00:00Z"}, {}):
        assert (await world(text, start=start).run()).log == ["1h over sms"]


async def test_a_past_date_goes_on_only_when_it_says_so() -> None:
    assert await remind("2026-01-05T19:00:00Z", ", past: go") == ["0h reminder email", "10h over sms"]


async def test_a_past_date_exits_when_it_says_so() -> None:
    given = world(reservation("", ", past: exit"), start={"flat": "7", "expires_at": "2026-01-05T19:00:00Z"}, key="7")
    await given.run()
    assert (given.log, given.outcome) == ([], "past_date")


async def test_leaving_out_inside_a_branch_goes_on_below_it() -> None:
    text = """
steps:
  - branch:
      - when: "true"
        do:
          - wait: {until: start.gone}
          - send: hangs
            via: email
  - send: below
    via: email
"""
    given = world(text, start={"gone": "2020-01-01T00:00:00Z"})
    assert (await given.run()).log == ["0h below email"]


async def test_a_day_begins_at_midnight_where_the_customer_is() -> None:
    text = "steps:\n  - wait: {until: profile.birthday}\n  - send: m\n    via: email\n"
    given = world(text, profile={"birthday": "2026-01-07"}, zone="America/Sao_Paulo")
    assert (await given.run()).log == ["42h m email"]


async def test_a_date_at_the_end_of_time_is_waited_for_and_breaks_nothing() -> None:
    text = HEAD + "exit: {on: Bought, outcome: bought}\nsteps:\n  - wait: {until: start.on}\n  - stop: never\n"
    given = world(text, start={"on": "9999-12-31T23:59:59Z"}).event("20d", "Bought")
    await given.run()
    assert given.outcome == "bought"


async def test_a_window_is_waited_for_in_local_time_across_daylight_saving() -> None:
    """Saturday evening in New York; the clocks go forward that night, so Monday 09:00 comes an hour sooner."""
    text = (
        HEAD
        + """steps:
  - wait: {until: start.on}
  - wait: {window: Mon-Fri 09:00-18:00}
  - send: m
    via: sms
"""
    )
    given = world(text, start={"on": "2026-03-07T23:00:00Z"}, zone="America/New_York")
    await given.run()
    assert given.now_at.isoformat() == "2026-03-09T13:00:00+00:00"


async def test_inside_its_window_nothing_waits() -> None:
    text = "steps:\n  - wait: {window: Mon-Fri 09:00-18:00}\n  - send: m\n    via: sms\n"
    assert (await world(text).run()).log == ["0h m sms"]


async def test_an_unknown_zone_counts_as_utc() -> None:
    text = "steps:\n  - wait: {window: Mon-Fri 10:00-18:00}\n  - send: m\n    via: sms\n"
    assert (await world(text, zone="Mars/Olympus").run()).log == ["1h m sms"]


SILENCE = "steps:\n  - wait: {inactive: 7d}\n  - send: miss_you\n    via: sms\n"


async def test_any_activity_starts_the_silence_anew() -> None:
    given = world(SILENCE).event("3d", "Page Seen").event("9d", "Page Seen")
    assert (await given.run()).log == ["384h miss_you sms"]


async def test_activity_at_the_very_end_of_the_silence_still_counts() -> None:
    assert (await world(SILENCE).event("7d", "Page Seen").run()).log == ["336h miss_you sms"]


async def test_a_customer_never_seen_counts_from_entering() -> None:
    assert (await world(SILENCE, last_seen_at=None).run()).log == ["168h miss_you sms"]


async def test_a_person_can_skip_a_wait() -> None:
    text = "steps:\n  - wait: 30d\n  - wait: 2d\n  - send: m\n    via: email\n"
    assert (await world(text).command("1d", "skip_wait").run()).log == ["72h m email"]


async def test_skipping_a_wait_that_is_over_skips_no_other() -> None:
    text = "steps:\n  - wait: 1d\n  - id: second\n    wait: 2d\n  - send: m\n    via: email\n"
    assert (await world(text).command("2d", "skip_wait", "wait").run()).log == ["72h m email"]


async def test_skipping_while_a_message_is_sent_skips_no_later_wait() -> None:
    text = "steps:\n  - send: a\n    via: email\n  - wait: 2d\n  - send: b\n    via: email\n"
    given = world(text)

    def skip_meanwhile(_: SendMessage) -> Receipt:
        given.tell("skip_wait")
        return Receipt(verdict="sent")

    given.answer = skip_meanwhile
    await given.run()
    assert given.log[0] == "0h a email"
    assert given.log[-1] == "48h b email"
