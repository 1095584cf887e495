"""What looks like a loop without a wait, and is none. All were found by generated journeys."""

from tests.language.fake_port import HEAD, world

NESTED = """
steps:
  - repeat: 2
    every: 5h
    do:
      - repeat: 3
        every: 1d
        do: [{send: m, via: email}]
"""
STAGE = "stage: {on: Status, is: event.to}\nstages: {a: {restart: true, steps: [{send: m, via: email}]}}\n"


async def test_a_repeat_that_is_late_begins_its_next_pass_at_once() -> None:
    given = await world(NESTED).run()
    assert given.log == [f"{hours}h m email" for hours in (0, 24, 48, 48, 72, 96)]
    assert (given.outcome, given.pauses) == ("completed", [])


async def test_a_stage_may_begin_anew_at_the_same_moment() -> None:
    given = world(HEAD + STAGE).event("0h", "Status", to="a").event("0h", "Status", to="a")
    assert (await given.run()).log == ["0h m email"] * 3
    assert given.pauses == []
