"""The long form: several parts are killed at once, every few seconds, while customers keep coming."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.crash.cast import Person, cast
from scripts.crash.fault import kill
from scripts.crash.ground import Ground
from scripts.crash.run import Reported, Run, live, rest

MESSAGES_PER_KILL = 10
MESSAGES_PER_PERSON = 3.8
HEAD = 40
"""Customers who are on their way before the first kill; the others begin as the kills go on."""

BEHIND = 400
"""Customers whose messages have not gone out, at most: what is sent in the calm at the end meets no kill."""

PARTS = ("postgres", "temporal", "api", "worker")
STRUCK = {"postgres": 0.85, "temporal": 0.85, "api": 0.85, "worker": 0.75}
"""How likely a strike hits each part."""

AGAIN = {"postgres": 0.7, "temporal": 0.7}
"""How likely a part that is back soon is hit again while the slower ones still start."""

BREATH = (1.5, 5.0)
"""Seconds between two strikes: customers go on, and parts die by their own hands."""

MORE = 2
"""So many times more customers may come if kills of some part are still too few."""

REST_WITHIN = 420.0
SPEAKS = 5.0


async def play(ground: Ground, kills: int) -> Run:
    """Until so many deaths, a tenth of them of each part and of the relay, and ten messages for each."""
    number, began = ground.next_run(), time.monotonic()
    size = round(kills * MESSAGES_PER_KILL / MESSAGES_PER_PERSON)
    people = cast(number, size * MORE, 1, ground.chance)
    ground.deaths.is_terse = True
    storm = Storm(ground, people, kills, size)
    told = await storm.run()
    await _calm(ground)
    killed, sent = Counter(ground.kills), len(ground.provider.accepted)
    ground.say(f"{killed.total()} kills; everything is told; waiting until {len(told)} enrolments have ended")
    teller = asyncio.create_task(storm.tell())
    await rest(ground, number, len(told), REST_WITHIN)
    teller.cancel()
    return Run("storm", number, people[: len(told)], told, killed, time.monotonic() - began, sent)


def too_few(kills: Mapping[str, int], wanted: int) -> list[str]:
    """Which parts died less often than a tenth of all."""
    return [part for part in (*PARTS, "relay") if kills.get(part, 0) < wanted // 10]


class Storm:
    """`size` customers at least, and more of `people` until the kills are enough."""

    def __init__(self, ground: Ground, people: Sequence[Person], kills: int, size: int) -> None:
        self._ground, self._people, self._kills, self._size = ground, people, kills, size
        self._lives: list[asyncio.Task[Reported]] = []

    async def run(self) -> list[Reported]:
        coming = asyncio.create_task(self._come())
        helpers = [asyncio.create_task(self._strike()), asyncio.create_task(self.tell())]
        try:
            await asyncio.wait([coming, *helpers], return_when=asyncio.FIRST_COMPLETED)
            for task in helpers:
                if task.done():
                    task.result()
            await coming
            return list(await asyncio.gather(*self._lives))
        finally:
            unfinished: list[asyncio.Task[Any]] = [coming, *helpers, *self._lives]
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    async def tell(self) -> None:
        while True:
            await asyncio.sleep(SPEAKS)
            ground = self._ground
            kills = ", ".join(f"{part} {count}" for part, count in sorted(ground.kills.items()))
            told = sum(task.done() for task in self._lives)
            ground.say(
                f"{ground.kills.total()} kills ({kills}); {len(self._lives)} customers, {told} of them told; "
                f"{len(ground.provider.accepted)} messages, {ground.provider.faulted.total()} faults"
            )

    async def _come(self) -> None:
        """Customers begin in step with the kills, until both are enough."""
        while not self._is_enough():
            self._check()
            share = self._ground.kills.total() / self._kills
            served = len(self._ground.provider.accepted) / MESSAGES_PER_PERSON
            due = round(min(HEAD + share * self._size, BEHIND + served, len(self._people)))
            for person in self._people[len(self._lives) : due]:
                self._lives.append(asyncio.create_task(live(self._ground, person)))
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.1)

    def _is_enough(self) -> bool:
        kills, come = self._ground.kills, len(self._lives)
        is_done = come >= self._size and kills.total() >= self._kills and not too_few(kills, self._kills)
        return is_done or come == len(self._people)

    def _check(self) -> None:
        """What a customer met is raised at once, not after half an hour."""
        for task in self._lives:
            if task.done():
                task.result()

    async def _strike(self) -> None:
        """Several parts at once, again and again; all are back before the next strike."""
        chance = self._ground.chance
        while True:
            await asyncio.sleep(chance.uniform(*BREATH))
            struck = [part for part in PARTS if chance.random() < STRUCK[part]]
            await kill(self._ground, struck, again=lambda part: chance.random() < AGAIN.get(part, 0))


async def _calm(ground: Ground) -> None:
    """Nothing goes wrong any more, so that all comes to rest."""
    ground.provider.mishap = lambda: None
    for part in ("api", "worker"):
        await ground.stack.restart(part, {"SOJOURN_FAILPOINTS": ""})
