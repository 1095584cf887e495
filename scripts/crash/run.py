"""One run: customers go through the journey over HTTP while something strikes; then all must come to rest."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from scripts.crash.backend import Told, identify, track
from scripts.crash.cast import Person, cast
from scripts.crash.fault import Fault
from scripts.crash.ground import Ground

REST_WITHIN = 150.0
"""Seconds until every enrolment must have ended: a send that died is looked up half a minute later."""

OPEN = """
SELECT count(*) FILTER (WHERE state <> 'ended') AS open, count(*) AS known
FROM enrolments WHERE journey = 'crash' AND start ->> 'mark' LIKE $1
"""


@dataclass(frozen=True, slots=True)
class Reported:
    """What one customer's backend told, and when it was accepted."""

    started: Told
    answered: Told | None = None
    left: Told | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What is known from outside about a run. `people` and `told` go together by place; `seconds` until all rested."""

    fault: str
    number: int
    people: Sequence[Person]
    told: Sequence[Reported]
    kills: Counter[str]
    seconds: float


async def play(ground: Ground, fault: Fault, *, size: int, over: float) -> Run:
    """`size` customers begin within `over` seconds."""
    number, began, kills_before = ground.next_run(), time.monotonic(), ground.kills.copy()
    people = cast(number, size, over, ground.chance)
    if fault.arm is not None:
        await fault.arm(ground)
    told, _ = await asyncio.gather(_live(ground, people), fault.strike(ground, over))
    ground.say(f"{fault.name}: everything is told and back; waiting until {size} enrolments have ended")
    await _rest(ground, number, size)
    took = time.monotonic() - began
    return Run(fault.name, number, people, told, ground.kills - kills_before, took)


async def _live(ground: Ground, people: Sequence[Person]) -> list[Reported]:
    began = time.monotonic()
    lives: list[Awaitable[Reported]] = [_live_one(ground, person, began) for person in people]
    return list(await asyncio.gather(*lives))


async def _live_one(ground: Ground, person: Person, began: float) -> Reported:
    await asyncio.sleep(began + person.begins_after - time.monotonic())
    tell = ground.backend.tell
    introduction = identify(person.user, phone=person.phone, email=person.email)
    started = await tell([introduction, _event(person, "Crash Started", mark=person.mark)])
    answered = left = None
    if person.answers_after is not None:
        await asyncio.sleep(person.answers_after)
        answered = await tell([_event(person, "Crash Answered")])
    if person.leaves_after is not None:
        await asyncio.sleep(person.leaves_after)
        left = await tell([_event(person, "Crash Left")])
    return Reported(started, answered, left)


def _event(person: Person, event: str, **properties: str) -> dict[str, object]:
    return track(person.user, event, f"{person.user}-{event}", **properties)


async def _rest(ground: Ground, number: int, size: int) -> None:
    """Until all have ended, or long enough; the judge sees who has not."""
    give_up_at = time.monotonic() + REST_WITHIN
    while time.monotonic() < give_up_at:
        (row,) = await ground.fetch(OPEN, f"r{number}-%")
        if row["open"] == 0 and row["known"] == size:
            return
        await asyncio.sleep(0.3)
