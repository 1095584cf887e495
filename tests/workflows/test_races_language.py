"""Runs that die in the middle of a step, and the next goes on from the trace: nothing is lost, twice, or at another
time."""

from datetime import timedelta
from typing import Any

import pytest

from harness.patience import eventually
from language.library import read_library
from store.tasks import Completion, complete
from tests.workflows.plays import ANA, HEAD, MESSAGES
from tests.world import World

HELLO, BYE = ("hello", "sms"), ("bye", "sms")
FUNNEL = """
journey: played
title: Played
start: {on: Begun}
stage: {on: Status, is: event.to}
stages:
  first:
    steps:
      - {send: hello, via: sms}
  second:
    steps:
      - wait: 1d
      - {send: bye, via: sms}
      - stop: done
"""


async def begin(world: World, text: str, properties: dict[str, Any] | None = None) -> None:
    """Ana enters a journey of these steps, or this whole one; returns when she waits."""
    text = text if "journey:" in text else f"{HEAD}steps:{text}"
    library = read_library({"played.yaml": text, **MESSAGES})
    assert not library.errors, library.errors
    await world.publish(library)
    await world.identify(ANA)
    await world.track("Begun", properties)
    await world.settle()


async def die(world: World) -> None:
    """The run is gone."""
    [enrolment] = await world.enrolments()
    await world.terminate("played", enrolment["id"])


async def go_on(world: World) -> None:
    await world.restart_dead()
    await world.settle()


async def ended_as(world: World) -> str:
    async def is_over() -> bool:
        return bool((await world.enrolments())[0]["state"] == "ended")

    await eventually(is_over)
    assert max(world.provider.count_by_key.values(), default=1) == 1
    return str((await world.enrolments())[0]["outcome"])


async def pass_time(world: World, **length: float) -> None:
    await world.skip(**length)
    await world.settle()


async def answer(world: World, result: str) -> None:
    [task] = await world.db.pool.fetch("SELECT id FROM tasks")
    await complete(world.db, world.now, task["id"], Completion(by="Ben", result=result))
    world.bell.wake()


# --- tasks

TASK = """
  - task: qualify
    to: sales
    within: 2d
    results: {A: [{stop: a}], B: [{stop: b}]}
    otherwise: [{stop: nobody}]
"""


@pytest.mark.parametrize("is_dead_meanwhile", [True, False])
async def test_a_task_is_opened_once_and_its_answer_counts(world: World, is_dead_meanwhile: bool) -> None:
    await begin(world, TASK)
    await die(world)
    if is_dead_meanwhile:
        await answer(world, "B")
        await world.restart_dead()
    else:
        await go_on(world)
        await answer(world, "B")
    assert await ended_as(world) == "b"
    assert await world.db.pool.fetchval("SELECT count(*) FROM tasks") == 1


async def test_the_time_for_a_task_runs_on(world: World) -> None:
    await begin(world, TASK)
    await pass_time(world, days=1)
    await die(world)
    await go_on(world)
    await pass_time(world, hours=23)
    assert (await world.enrolments())[0]["state"] == "active"
    await world.skip(hours=2)
    assert await ended_as(world) == "nobody"


# --- cascades

CASCADE = """
  - cascade: hello
    via: [email: {wait: 6h, until: goal}, sms]
  - wait: 1d
"""
GOAL = f"{HEAD}goal: {{on: Paid, ends: false}}\nsteps:{CASCADE}"


async def test_a_cascade_goes_to_the_next_channel_when_it_would_have(world: World) -> None:
    await begin(world, GOAL)
    await pass_time(world, hours=4)
    await die(world)
    await go_on(world)
    await pass_time(world, hours=1, minutes=58)
    assert await world.sent() == [("hello", "email")]
    await pass_time(world, minutes=4)
    assert await world.sent() == [("hello", "email"), HELLO]
    await world.skip(days=1)
    assert await ended_as(world) == "completed"


async def test_a_success_that_nobody_heard_of_cancels_the_next_channel(world: World) -> None:
    await begin(world, GOAL)
    await pass_time(world, hours=4)
    await die(world)
    await world.track("Paid")
    await world.skip(hours=3)
    await go_on(world)
    assert await world.sent() == [("hello", "email")]


# --- repeats

REPEAT = """
  - repeat: 3
    every: 1d
    until: Clicked
    do:
      - {send: hello, via: sms}
      - wait: 1h
  - {send: bye, via: sms}
  - stop: done
"""


@pytest.mark.parametrize("minutes", [30, 120], ids=["in a time", "between two"])
async def test_a_repeat_goes_on_counting(world: World, minutes: int) -> None:
    await begin(world, REPEAT)
    for number in (1, 2):
        assert await world.sent() == [HELLO] * number
        await pass_time(world, minutes=minutes)
        await die(world)
        await go_on(world)
        await pass_time(world, hours=24, minutes=1 - minutes)
    await world.skip(hours=2)
    assert await ended_as(world) == "done"
    assert await world.sent() == [HELLO, HELLO, HELLO, BYE]


async def test_an_event_that_nobody_heard_of_ends_a_repeat(world: World) -> None:
    await begin(world, REPEAT)
    await pass_time(world, minutes=30)
    await die(world)
    await world.track("Clicked")
    await world.restart_dead()
    assert await ended_as(world) == "done"
    assert await world.sent() == [HELLO, BYE]


# --- stages, experiments


@pytest.mark.parametrize("is_dead_meanwhile", [True, False])
async def test_a_status_moves_who_rested(world: World, is_dead_meanwhile: bool) -> None:
    await begin(world, FUNNEL)
    await die(world)
    if not is_dead_meanwhile:
        await go_on(world)
    await world.track("Status", {"to": "second"})
    await go_on(world)
    await world.skip(days=1, seconds=5)
    assert await ended_as(world) == "done"
    assert await world.sent() == [HELLO, BYE]


async def test_an_arm_is_kept(world: World) -> None:
    arms = "{arm: x, share: 50, do: [wait: 1d, {stop: x}]}, {arm: y, share: 50, do: [wait: 1d, {stop: y}]}"
    await begin(world, f"\n  - split: tone\n    arms: [{arms}]\n")
    drawn = await world.db.pool.fetchval("SELECT arm FROM arms")
    await die(world)
    await go_on(world)
    await world.skip(days=1, seconds=5)
    assert await ended_as(world) == drawn


# --- what a step has asked and heard


async def test_a_condition_that_was_true_on_entering_stays_so(world: World) -> None:
    steps = "\n  - {wait: 2d, when: profile.plan == 'free'}\n  - {send: hello, via: sms}\n"
    await begin(world, steps)
    await world.identify(ANA | {"plan": "paid"})
    await die(world)
    await go_on(world)
    assert await world.sent() == []
    await world.skip(days=2)
    assert await ended_as(world) == "completed"
    assert await world.sent() == [HELLO]


async def test_the_event_that_ended_a_wait_is_still_known_after_the_next(world: World) -> None:
    steps = """
  - wait_for: Clicked
    within: 1d
  - wait: 1d
  - branch:
      - when: event.n == 7
        do: [{stop: seven}]
"""
    await begin(world, steps)
    await world.track("Clicked", {"n": 7})
    await world.settle()
    await die(world)
    await go_on(world)
    await world.skip(days=1, seconds=5)
    assert await ended_as(world) == "seven"


async def test_a_wait_that_a_person_skipped_is_not_waited_for_again(world: World) -> None:
    steps = """
  - wait: {until: start.due, rearm_on: Moved, again_if_moved: true}
  - {send: hello, via: sms}
  - wait: 20d
"""
    await begin(world, steps, {"due": (world.now() + timedelta(days=5)).isoformat()})
    [enrolment] = await world.enrolments()
    await world.command("skip_wait", enrolment["id"])
    await world.settle()
    assert await world.sent() == [HELLO]
    await die(world)
    await go_on(world)
    await pass_time(world, days=6)
    assert await world.sent() == [HELLO]
