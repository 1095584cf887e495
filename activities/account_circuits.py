"""Circuits of the accounts that messages go by: shared by all workers, and asked without a way to the database."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import structlog
from prometheus_client import Gauge

from activities.channel import AccountTrouble, Ambiguous, NotAccepted, NotPermitted, Route, SendError, Unreachable
from language.circuit import FAILURES, Standing

FRESH = 1.0
"""Seconds for which a worker believes what it read."""

OPEN = Gauge("sojourn_circuit_open", "1 while nothing goes by this account.", ["channel", "account"])

log = structlog.get_logger()

Account = tuple[str, str]
"""Channel and account."""


class Circuits(Protocol):
    """Where circuits are kept."""

    async def read(self) -> list[Standing]:
        """Those that are open."""

    async def open(self, channel: str, account: str, reason: str) -> bool:
        """False: it was open already."""

    async def take_probe(self, channel: str, account: str) -> bool:
        """False: it is not time, or another has taken it."""

    async def give_back(self, channel: str, account: str) -> None:
        """The probe was not made: another may."""

    async def fail_probe(self, channel: str, account: str, reason: str) -> None:
        """It stays open, for longer."""

    async def close(self, channel: str, account: str) -> bool:
        """False: it was closed already."""


class AccountCircuits:
    """One for all sends of a worker. `circuits` None: nothing ever opens."""

    def __init__(
        self,
        circuits: Circuits | None,
        *,
        fresh: float = FRESH,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._circuits, self._fresh, self._clock, self.draw = circuits, fresh, clock, draw
        self._open: dict[Account, Standing] = {}
        self._seen: set[Account] = set()
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._failed: Counter[Account] = Counter()
        self._probing: set[Account] = set()

    async def standing(self, channel: str, account: str) -> Standing | None:
        """None: it is closed."""
        if self._circuits is None:
            return None
        async with self._reading:
            if self._clock() - self._read_at >= self._fresh:
                await self._read(self._circuits)
        found = self._open.get((channel, account))
        return found.later(timedelta(seconds=self._clock() - self._read_at)) if found else None

    async def _read(self, circuits: Circuits) -> None:
        at = self._clock()
        self._open = {(it.channel, it.account): it for it in await circuits.read()}
        self._read_at = at
        for one in self._seen | set(self._open):
            OPEN.labels(*one).set(one in self._open)
        self._seen |= set(self._open)

    async def take_probe(self, standing: Standing) -> bool:
        """Whether the caller is the one who tries. It then tells how it went, or `give_back`s."""
        if self._circuits is None or not standing.may_try:
            return False
        is_ours = await self._circuits.take_probe(standing.channel, standing.account)
        self._read_at = float("-inf")
        if is_ours:
            self._probing.add((standing.channel, standing.account))
        return is_ours

    async def give_back(self, channel: str, account: str) -> None:
        """After a probe that did not come to its call."""
        if self._circuits is not None and (channel, account) in self._probing:
            self._probing.discard((channel, account))
            await self._circuits.give_back(channel, account)

    async def told(self, channel: str, account: str, error: SendError | None, *, is_probe: bool) -> None:
        """How a call of the provider went. Whatever it answers about one message shows that it is well."""
        if self._circuits is None:
            return
        match error:
            case NotPermitted():
                await self._went_well(self._circuits, (channel, account), is_probe)
            case AccountTrouble():
                await self._failed_again(self._circuits, (channel, account), error.reason, is_probe, FAILURES)
            case Ambiguous() | Unreachable():
                await self._failed_again(self._circuits, (channel, account), error.reason, is_probe, 1)
            case NotAccepted():
                pass  # it is busy, which says nothing; a probe is given back
            case _:
                await self._went_well(self._circuits, (channel, account), is_probe)

    async def _went_well(self, circuits: Circuits, one: Account, is_probe: bool) -> None:
        self._failed.pop(one, None)
        if not is_probe:
            return
        self._probing.discard(one)
        if await circuits.close(*one):
            log.error("channel.circuit_closed", channel=one[0], account=one[1])
        self._read_at = float("-inf")

    async def _failed_again(self, circuits: Circuits, one: Account, reason: str, is_probe: bool, weight: int) -> None:
        if is_probe:
            self._probing.discard(one)
            await circuits.fail_probe(*one, reason)
        else:
            self._failed[one] += weight
            if self._failed[one] < FAILURES:
                return
            self._failed.pop(one)
            if await circuits.open(*one, reason):
                log.error("channel.circuit_opened", channel=one[0], account=one[1], reason=reason)
        self._read_at = float("-inf")

    async def is_free(self, channel: str, route: Route, but: str) -> bool:
        """Whether another account of the route takes messages."""
        others = [account for account in route.by_account if account != but]
        return any([await self.standing(channel, account) is None for account in others])
