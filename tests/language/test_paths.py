"""Every way through a journey: each arm, timeout, answer and channel, once; loops and repeats come to an end."""

from language.paths import Path, walk
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
    assert len(found) == 6


def test_what_a_condition_cannot_know_may_be_or_not() -> None:
    assert said("steps:\n  - {send: m, via: email, when: profile.x}\n") == ["completed", "0h:m completed"]


def test_a_loop_is_gone_through_twice_at_most() -> None:
    text = "steps:\n  - id: again\n    wait: 1d\n  - {send: m, via: email}\n  - go_to: again\n"
    assert said(text) == ["24h:m 48h:m goes round again from again"]


def test_a_repeat_does_all_its_passes_or_ends_early() -> None:
    text = """
steps:
  - repeat: 3
    every: 1d
    until: Paid
    do: [{send: m, via: email}]
  - {send: after, via: email}
"""
    assert said(text) == ["0h:m 24h:m 48h:m 48h:after completed", "0h:m 0h:after completed"]


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
    found = walk(Program(journey_of(f"steps:\n{steps}\n")))
    assert (len(found.paths), found.is_complete) == (2000, False)
