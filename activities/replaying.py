"""Calls that a person asks to be made again: made beside the journeys, whose past they do not change."""

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from prometheus_client import Counter

from activities.callee import Callees, ask, backoff
from activities.functions import FunctionCall
from activities.webhook import NotNow
from language.port import Answer
from language.replay import Replay

AT_ONCE = 4
"""Calls that one worker has under way."""

APART = 0.2
"""Seconds between two of those that follow each other: 20 calls a second are the most."""

IDLE = 5.0
"""Seconds until it looks again, when there was none."""

NOT_KEPT = "what it told, or about whom, is not kept any more"
TOO_LATE = "it was not done within a day"

REPLAYED = Counter("sojourn_calls_replayed", "Calls made again, as people had asked.", ["destination", "result"])

log = structlog.get_logger()


class Replays(Protocol):
    """Calls to be made again. `now` is the journeys'."""

    async def take(self, away: Collection[str]) -> Replay | None:
        """The one that is due for longest, of all destinations but these; nobody else has it for a while."""

    async def settle(self, replay: Replay, answer: Answer, *, now: datetime) -> bool:
        """What became of it, for good; false when somebody else has taken it since."""

    async def put_off(self, replay: Replay, reason: str, wait: timedelta, *, now: datetime, was_called: bool) -> None:
        """To be tried again after that much real time."""


@dataclass(frozen=True, slots=True)
class Replaying:
    """The loop of a worker that makes them. `run` ends when it is cancelled; `now` is the journeys'.

    `hit` names the points at which tests kill a worker.
    """

    replays: Replays
    callees: Callees
    now: Callable[[], datetime]
    hit: Callable[[str], None] = lambda point: None
    idle: float = IDLE
    _back_at_by_name: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._one_after_the_other())

    async def _one_after_the_other(self) -> None:
        while True:
            try:
                found = await self.once()
            except Exception as error:  # the database is away, say; its text may hold values
                log.error("replaying.failed", error=type(error).__name__)
                found = False
            await asyncio.sleep(APART if found else self.idle)

    async def once(self) -> bool:
        """Make one that is due; false when there is none."""
        now = time.monotonic()
        replay = await self.replays.take([name for name, back_at in self._back_at_by_name.items() if back_at > now])
        if replay is None:
            return False
        result = await self._make(replay)
        REPLAYED.labels(replay.destination, result).inc()
        return True

    async def _make(self, replay: Replay) -> str:
        if replay.values is None:
            return await self._settle(replay, Answer(verdict="refused", reason=NOT_KEPT))
        if replay.left <= timedelta():
            return await self._settle(replay, Answer(verdict="refused", reason=TOO_LATE))
        self.hit("worker.replay_taken")
        callee = await self.callees.find(replay.journey, replay.version, replay.destination)
        told = (replay.customer_id, self.now(), replay.attempt, replay.values)
        try:
            answer = await ask(callee, FunctionCall(replay.key, replay.journey, replay.step, *told))
        except NotNow as error:
            return await self._later(replay, error)
        self.hit("worker.replay_answered")
        return await self._settle(replay, answer)

    async def _later(self, replay: Replay, error: NotNow) -> str:
        """Tried again until a day is over. A destination that is left alone keeps nobody else waiting."""
        wait = error.wait(at_least=backoff(replay.attempt), at_most=replay.left)
        if wait is None:
            return await self._settle(replay, Answer(verdict="refused", reason=f"{error.reason}; {TOO_LATE}"))
        if not error.was_called:
            self._back_at_by_name[replay.destination] = time.monotonic() + wait.total_seconds()
        await self.replays.put_off(replay, error.reason, wait, now=self.now(), was_called=error.was_called)
        return "put_off"

    async def _settle(self, replay: Replay, answer: Answer) -> str:
        if not await self.replays.settle(replay, answer, now=self.now()):
            return "overtaken"
        log.info("call.replayed", destination=replay.destination, key=replay.key, verdict=answer.verdict)
        return answer.verdict
