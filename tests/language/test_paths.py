"""Every way through a journey: each arm, timeout, answer and channel, once; loops and repeats come to an end."""

from decimal import Decimal

from language.paths import Path, count, walk, worst
from language.program import Program
from tests.language.fake_port import journey_of


def paths(text: str) -> tuple[Path, ...]:
    found = walk(Program(journey_of(text)))
    assert found.is_complete
    return found.paths


def said(text: str) -> list[str]:
    """Each path as its messages with their hours, and how it ends."""
    return [
        " ".join(
            [*(f"{message.least.total_seconds() / 3600:g}h:{message.message}" for message in path.messages), path.end]
        )
        for path in paths(text)
    ]


def test_each_arm_and_the_timeout_are_ways() -> None:
    text = """
steps:
  - wait_for:
      - {on: A, do: [{send: a, via: email}]}
      - on: B
    within: 1d
    otherwise: [{stop: late}]
  - send: after
    via: sms
"""
    assert said(text) == ["0h:a 0h:after completed", "0h:after completed", "late"]


def test_a_condition_on_what_a_step_left_is_decided() -> None:
    text = """
steps:
  - id: ring
    send: hello
    via: voice
  - branch:
      - when: steps.ring.outcome == "answered"
        do: [{stop: reached}]
  - send: missed
    via: whatsapp
    when: steps.ring.outcome != "failed"
"""
    found = {(path.choices[0].words, path.end, len(path.messages)) for path in paths(text)}
    assert ("call answered", "reached", 1) in found
    assert ("call busy", "completed", 2) in found
    assert ("call failed", "completed", 1) in found
    assert {(end, count) for words, end, count in found if words == "no call is made"} == {
        ("completed", 0),
        ("completed", 1),
    }
    assert len(found) == 7


def test_of_a_message_that_went_out_more_may_be_told_by_now() -> None:
    text = """
steps:
  - {id: first, send: m, via: email}
  - wait: 1d
  - {send: reminder, via: email, when: steps.first.outcome != "opened"}
  - {send: never, via: email, when: steps.first.outcome == null}
"""
    assert said(text) == ["0h:m completed", "0h:m 24h:reminder completed"]


def test_what_a_condition_cannot_know_may_be_or_not() -> None:
    assert said("steps:\n  - {send: m, via: email, when: profile.x}\n") == ["completed", "0h:m completed"]


def test_a_loop_is_gone_through_twice_at_most() -> None:
    text = "steps:\n  - id: again\n    wait: 1d\n  - {send: m, via: email}\n  - go_to: again\n"
    assert said(text) == ["24h:m 48h:m goes round again from again"]


def test_a_loop_that_learns_goes_on_until_it_has_learned_all() -> None:
    text = """
steps:
  - {id: waits, wait: 1d}
  - branch:
      - when: steps.one.outcome == null
        do: [{id: one, send: a, via: email}, {go_to: waits}]
      - when: steps.two.outcome == null
        do: [{id: two, send: b, via: email}, {go_to: waits}]
  - {send: after, via: email}
"""
    assert said(text) == ["24h:a 48h:b 72h:after completed"]


def test_a_repeat_does_all_its_passes_or_ends_between_them() -> None:
    text = """
steps:
  - repeat: 4
    every: 1d
    until: Paid
    do: [{send: m, via: email}]
  - {send: after, via: email}
"""
    assert said(text) == [
        "0h:m 24h:m 48h:m 72h:m 72h:after completed",
        "0h:m 0h:after completed",
        "0h:m 24h:m 48h:m 48h:after completed",
    ]


def test_a_repeat_is_left_in_its_first_pass_or_its_last() -> None:
    text = """
steps:
  - repeat: 3
    do:
      - send: m
        via: email
      - wait_for: {on: Gone, do: [{send: bye, via: email}, {stop: gone}]}
        within: 1d
"""
    assert said(text) == [
        "0h:m 24h:m 48h:m completed",
        "0h:m 0h:bye gone",
        "0h:m 24h:m 48h:m 48h:bye gone",
    ]


def test_a_wait_in_a_block_is_broken_off_by_what_ends_the_block() -> None:
    text = """
steps:
  - repeat: 1
    until: Paid
    do: [{send: m, via: email}, {wait: 1d}, {send: n, via: email}]
  - {send: after, via: email, when: 'steps.repeat.outcome == "Paid"'}
"""
    assert said(text) == ["0h:m 24h:n completed", "0h:m 0h:after completed"]


def test_what_a_pass_left_may_decide_in_the_next() -> None:
    text = """
steps:
  - repeat: 2
    do:
      - {send: a, via: email, when: steps.later.outcome != null}
      - {id: later, send: b, via: email}
"""
    assert "0h:a 0h:b 0h:a 0h:b completed" in said(text)


def test_each_channel_of_a_cascade_may_succeed() -> None:
    text = "steps:\n  - cascade: m\n    via: [{email: {wait: 6h}}, {sms: {wait: 1h}}]\n  - {send: after, via: email}\n"
    assert said(text) == [
        "0h:m 0h:after completed",
        "0h:m 6h:m 6h:after completed",
        "0h:m 6h:m 0h:after completed",
    ]


def test_stages_are_walked_apart() -> None:
    text = """
journey: j
title: J
start: {on: Status}
stage: {on: Status, is: event.to}
stages:
  a: {steps: [{send: m, via: email}]}
  b: {steps: [{wait: 1d}, {go_to: a}]}
"""
    assert [(path.stage, path.end) for path in paths(text)] == [
        ("a", "rests in a until the next status"),
        ("b", "goes to the stage a"),
    ]


def test_a_stage_is_walked_from_where_others_join_it_too() -> None:
    text = """
journey: j
title: J
start: {on: Status}
stage: {on: Status, is: event.to}
stages:
  a: {steps: [{id: first, send: m, via: email}, {id: second, send: n, via: email, when: steps.first.outcome == null}]}
  b: {steps: [{send: o, via: email, when: steps.first.outcome != null}, {go_to: second}]}
"""
    assert [(path.stage, path.joins_at, len(path.messages), path.end) for path in paths(text)] == [
        ("a", None, 1, "rests in a until the next status"),
        ("a", "second", 0, "rests in a until the next status"),
        ("a", "second", 1, "rests in a until the next status"),
        ("b", None, 0, "goes on at second in the stage a"),
        ("b", None, 1, "goes on at second in the stage a"),
    ]


def test_answers_of_people_and_arms_of_experiments_are_ways() -> None:
    text = """
steps:
  - task: ask
    to: sales
    within: 1d
    results: {A: [{stop: a}], B: []}
  - split: s
    arms: [{arm: x, share: 50}, {arm: y, share: 50, do: [{stop: y}]}]
"""
    assert sorted(said(text)) == ["a", "completed", "completed", "y", "y"]


def test_more_ways_than_anyone_would_read_are_not_hidden() -> None:
    steps = "\n".join(f"  - {{send: m{number}, via: email, when: profile.x{number}}}" for number in range(14))
    program = Program(journey_of(f"steps:\n{steps}\n"))
    found = walk(program)
    assert (len(found.paths), found.is_complete, count(program)) == (2000, False, 2**14)


def test_the_worst_of_all_paths_is_known_even_of_more_than_anyone_would_read() -> None:
    steps = "\n".join(f"  - {{send: m{number}, via: sms, when: profile.x{number}}}" for number in range(40))
    program = Program(journey_of(f"steps:\n{steps}\n"))

    assert count(program) == 2**40
    assert worst(program, lambda message, channel: Decimal("0.5")) == {"": Decimal(20)}


def test_of_what_never_ends_there_is_no_worst() -> None:
    program = Program(journey_of("steps:\n  - id: again\n    wait: 1d\n  - {send: m, via: email}\n  - go_to: again\n"))

    assert worst(program, lambda message, channel: Decimal(1)) == {"": None}
