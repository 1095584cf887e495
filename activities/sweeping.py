"""Messages left claimed by whoever died: once nobody has come for long, what became of them is looked up. None of them
is sent from here, ever."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from prometheus_client import Counter

from activities.channel import Outgoing, Route, SendError
from activities.resolving import CALL_MARGIN, Resolving, Unsure
from language.port import Receipt
from language.sending import InFlight, Ledger, Overtaken, Result, Stranded

PAGE = 20
"""Messages that one worker resolves before it looks again."""

LOOKED_AT = 5_000
"""Waiting messages that one worker looks over before that."""

IDLE = 60.0
"""Seconds until it looks again, when there were fewer."""

SWEPT = Counter("sojourn_messages_swept", "Messages left claimed, and what was found.", ["channel", "result"])

log = structlog.get_logger()


class Strandings(Protocol):
    """Messages that nobody came to resolve. Who takes some has them alone for a while."""

    async def take(self, settle_by_channel: Mapping[str, timedelta], most: int) -> list[Stranded]:
        """Those that have been claimed for long, oldest first."""

    async def let_go(self, most: int) -> int:
        """Look at the next `most` held and released ones, over and over, and settle those for which no run will come;
        how many these were."""


@dataclass(frozen=True, slots=True)
class Sweeping:
    """The loop of a worker that resolves them. `run` ends when it is cancelled; `now` is the journeys'."""

    strandings: Strandings
    ledger: Ledger
    routes: Mapping[str, Route]
    now: Callable[[], datetime]

    async def run(self) -> None:
        while True:
            try:
                is_done = await self.round() < PAGE
            except Exception as error:  # the database is away, say; its text may hold values
                log.error("sweeping.failed", error=type(error).__name__)
                is_done = True
            if is_done:
                await asyncio.sleep(IDLE)

    async def round(self) -> int:
        """Resolve a page of them; how many they were."""
        taken = await self.strandings.take({name: route.settle for name, route in self.routes.items()}, PAGE)
        for stranded in taken:
            result = await self._sweep(stranded)
            SWEPT.labels(stranded.channel, result).inc()
            log.info("message.swept", key=stranded.key, result=result)
        return max(len(taken), await self.strandings.let_go(LOOKED_AT))

    async def _sweep(self, stranded: Stranded) -> str:
        route = self.routes[stranded.channel]
        unresolved = stranded.unresolved(route.call_timeout * CALL_MARGIN)
        resolving = Resolving(self.ledger, route, stranded, self.now)
        try:
            found = await resolving.run(
                unresolved, Outgoing.of(stranded.key, stranded.channel, stranded.draft, stranded.message_class)
            )
            result = _settled(stranded, found)
            if result is not None:
                await self.ledger.record(stranded, stranded.attempt, result, now=self.now())
        except Overtaken:
            return "overtaken"
        except SendError as error:
            return await self._not_told(stranded, error.reason)
        if isinstance(found, Receipt):
            return found.verdict
        return result.status if result is not None else "left"

    async def _not_told(self, stranded: Stranded, reason: str) -> str:
        """Asked again later; in the end nobody can tell what became of it, nor does anybody wait for it."""
        if stranded.over is None or not stranded.is_old:
            log.warning("sweeping.refused", channel=stranded.channel, reason=reason)
            return "left"
        try:
            await self.ledger.record(stranded, stranded.attempt, Result("unknown", reason), now=self.now())
        except Overtaken:
            return "overtaken"
        return "unknown"


def _settled(stranded: Stranded, found: object) -> Result | None:
    """What is to be recorded. While its step is not left, the run goes on with what was not sent, and knows the
    message's own policy where nobody can tell."""
    if isinstance(found, Receipt | InFlight):
        return None
    if isinstance(found, Unsure):
        return Result("unknown", found.reason) if stranded.over is not None else None
    if stranded.over is None:
        return Result("released", "an attempt that was cut off has sent nothing")
    return Result("suppressed", stranded.over)
