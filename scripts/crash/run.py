"""One run: customers go through the journey over HTTP while something strikes; then all must come to rest."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.crash.backend import Told, identify, track
from scripts.crash.cast import Person, cast
from scripts.crash.fault import Fault
from scripts.crash.ground import Ground
from scripts.provider import Accepted
from scripts.provider.webhooks import Heard

REST_WITHIN = 150.0
"""Seconds until every enrolment must have ended: a send that died is looked up half a minute later."""

QUIET_WITHIN = 60.0
"""Seconds until the providers must have told all that they will."""

OPEN = """
SELECT count(*) FILTER (WHERE state <> 'ended') AS open, count(*) AS known
FROM enrolments WHERE journey = 'crash' AND start ->> 'mark' LIKE $1
"""


@dataclass(frozen=True, slots=True)
class Reported:
    """What one customer's backend told, and when it was accepted. `stopped`: the answer to a STOP by SMS."""

    started: Told
    answered: Told | None = None
    left: Told | None = None
    stopped: Told | None = None
    withdrew: Told | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What is known from outside about a run. `people` and `told` go together by place; `seconds` until all rested.

    `sent_in_storm`: messages that were out when the killing ended.
    """

    fault: str
    number: int
    people: Sequence[Person]
    told: Sequence[Reported]
    kills: Counter[str]
    seconds: float
    sent_in_storm: int = 0


@dataclass(frozen=True, slots=True)
class Witness:
    """The providers' own word: what they really sent, and which statuses of theirs were taken."""

    sent: Sequence[Accepted]
    heard: Sequence[Heard]


async def play(ground: Ground, fault: Fault, *, size: int, over: float) -> Run:
    """`size` customers begin within `over` seconds."""
    number, began, kills_before = ground.next_run(), time.monotonic(), ground.kills.copy()
    people = cast(number, size, over, ground.chance)
    if fault.arm is not None:
        await fault.arm(ground)
    told, _ = await asyncio.gather(_live(ground, people), fault.strike(ground, over))
    ground.say(f"{fault.name}: everything is told and back; waiting until {size} enrolments have ended")
    await rest(ground, number, size)
    took = time.monotonic() - began
    return Run(fault.name, number, people, told, ground.kills - kills_before, took)


async def _live(ground: Ground, people: Sequence[Person]) -> list[Reported]:
    began = time.monotonic()

    async def begin(person: Person) -> Reported:
        await asyncio.sleep(began + person.begins_after - time.monotonic())
        return await live(ground, person)

    return list(await asyncio.gather(*(begin(person) for person in people)))


async def live(ground: Ground, person: Person) -> Reported:
    """One customer, from the first event to the last."""
    tell = ground.backend.tell
    introduction = identify(person.user, phone=person.phone, email=person.email)
    started = await tell([introduction, _event(person, "Crash Started", mark=person.mark)])

    async def after(seconds: float | None, event: str) -> Told | None:
        if seconds is None:
            return None
        await asyncio.sleep(seconds)
        first = await tell([_event(person, event)])
        if ground.chance.random() < ground.weather.manner.repeated:
            await tell([_event(person, event)])
        return first

    answered, left, stopped, withdrew = await asyncio.gather(
        after(person.answers_after, "Crash Answered"),
        after(person.leaves_after, "Crash Left"),
        _stop(ground, person),
        _withdraw(ground, person),
    )
    return Reported(started, answered, left, stopped, withdrew)


async def _stop(ground: Ground, person: Person) -> Told | None:
    """STOP by SMS, as Twilio brings it."""
    if person.stops_after is None:
        return None
    await asyncio.sleep(person.stops_after)
    first_at = time.time()
    return Told(first_at, await ground.webhooks.inbound(f"SM-stop-{person.user}", person.phone, "STOP"), 1)


async def _withdraw(ground: Ground, person: Person) -> Told | None:
    """No mail any more, by the API."""
    if person.withdraws_after is None:
        return None
    await asyncio.sleep(person.withdraws_after)
    return await ground.backend.withdraw(person.user, "email")


def _event(person: Person, event: str, **properties: str) -> dict[str, object]:
    return track(person.user, event, f"{person.user}-{event}", **properties)


async def rest(ground: Ground, number: int, size: int, within: float = REST_WITHIN) -> None:
    """Until all have ended and all is told, or long enough; the judge sees who has not."""
    give_up_at = time.monotonic() + within
    while time.monotonic() < give_up_at:
        (row,) = await ground.fetch(OPEN, f"r{number}-%")
        if row["open"] == 0 and row["known"] == size:
            break
        await asyncio.sleep(0.3)
    give_up_at = time.monotonic() + QUIET_WITHIN
    while not ground.webhooks.are_quiet and time.monotonic() < give_up_at:  # noqa: ASYNC110 tasks call nobody
        await asyncio.sleep(0.1)
