"""A journey under way in a test, step by step: in the simulator, or on the whole product."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from harness.ground import Ground, ground, leave_ground
from harness.play import Play
from language.happening import Happening
from language.library import Library
from language.scenario import Given, Scenario
from language.simulator import Simulator, beginning
from language.state import State
from store.database import Database

T = TypeVar("T")
A_MOMENT = timedelta(milliseconds=1)

_LATEST = "SELECT id, outcome, stage, step, state FROM enrolments WHERE journey = $1 ORDER BY id DESC LIMIT 1"
_TASKS = """
SELECT t.task FROM tasks t JOIN enrolments e ON e.id = t.enrolment_id
WHERE e.journey = $1 AND e.state = 'active' AND t.state IN ('open', 'claimed') AND (t.due_at IS NULL OR t.due_at > $2)
ORDER BY t.id
"""


@dataclass(frozen=True, slots=True)
class View:
    """What is to be seen at one moment; `outcome`, `stage` and `step` are those of the latest enrolment."""

    happenings: tuple[Happening, ...] = ()
    outcome: str | None = None
    stage: str | None = None
    step: str | None = None
    tasks: tuple[str, ...] = ()


class Playing(Protocol):
    """Lengths of time count from the beginning."""

    async def begin(self) -> None: ...

    async def give(self, given: Given) -> None:
        """Let it happen now, and wait until all have acted on it."""
        ...

    async def pass_over(self, at: timedelta) -> None:
        """Let time pass, with what falls due at its end."""
        ...

    async def look(self) -> View: ...

    async def stop(self) -> None: ...


class SimulatedPlaying:
    """In the simulator: no server, some milliseconds."""

    def __init__(self, library: Library, scenario: Scenario) -> None:
        self._simulator = Simulator(library, scenario)
        self._begins = beginning(scenario)

    async def begin(self) -> None:
        """Nothing has to be there before."""

    async def give(self, given: Given) -> None:
        await self._simulator.give(given)

    async def pass_over(self, at: timedelta) -> None:
        await self._simulator.pass_until(self._begins + at)

    async def look(self) -> View:
        world = self._simulator.world
        told, tasks = tuple(world.happenings), tuple(_open_tasks(world.enrolments, world.now))
        if not world.enrolments:
            return View(told, tasks=tasks)
        last = world.enrolments[-1]
        state: State | None = last.interpreter.state if last.interpreter else None
        step = state.step if state and last.outcome is None else None
        return View(told, last.outcome, last.stage, step, tasks)

    async def stop(self) -> None:
        await self._simulator.stop()


class TemporalPlaying:
    """On the servers of this session, for which it takes turns with others."""

    def __init__(self, library: Library, scenario: Scenario) -> None:
        self._library, self._scenario = library, scenario
        self._ground: Ground = ground()

    async def begin(self) -> None:
        await asyncio.to_thread(self._ground.turn.acquire)
        try:
            world = await asyncio.to_thread(lambda: self._ground.world)
            self._play = Play(world, self._library, self._scenario)
            await self._there(self._play.begin())
        except BaseException:
            self._ground.turn.release()
            raise

    async def give(self, given: Given) -> None:
        await self._there(self._play.give(given))

    async def pass_over(self, at: timedelta) -> None:
        await self._there(self._play.pass_over(at))

    async def look(self) -> View:
        return await self._there(self._look())

    async def stop(self) -> None:
        try:
            await self._there(self._play.world.end_all())
        finally:
            self._ground.turn.release()

    async def _look(self) -> View:
        world, journey = self._play.world, self._scenario.journey
        told = tuple(await self._play.happenings())
        tasks = tuple(await _tasks(world.db, journey, world.now()))
        row = await world.db.pool.fetchrow(_LATEST, journey)
        if row is None:
            return View(told, tasks=tasks)
        return View(told, row["outcome"], row["stage"], row["step"] if row["state"] == "active" else None, tasks)

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        """On the servers' loop. What goes wrong may leave them in disorder, so the next test has new ones."""
        try:
            return await asyncio.wrap_future(self._ground.submit(work))
        except Exception:
            await asyncio.to_thread(leave_ground)
            raise


def _open_tasks(enrolments: list[Any], now: datetime) -> list[str]:
    return [
        task.task
        for enrolment in enrolments
        for task in enrolment.tasks
        if enrolment.is_active and (task.due_at is None or task.due_at > now)
    ]


async def _tasks(db: Database, journey: str, now: datetime) -> list[str]:
    return [row["task"] for row in await db.pool.fetch(_TASKS, journey, now)]
