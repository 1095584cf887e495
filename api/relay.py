"""Hands deliveries over to Temporal: in order for each enrolment, many enrolments at once, at least once."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import structlog

from api.outage import Outage
from api.starting import starting
from language.clock import Pace
from language.urgency import LEVELS
from runtime.failpoint import hit
from runtime.metrics import DELIVERIES_RELAYED, RELAY_FAILURES
from store.database import POSTGRES_AWAY
from store.outbox import Outbox, Waiting
from store.versions import Versions
from workflows.client import JourneyClient, TemporalAway
from workflows.payload import Deliveries

log = structlog.get_logger()

ORPHANED = timedelta(seconds=15)
ABANDONED = timedelta(hours=1)
POISONED = timedelta(minutes=1)


@dataclass(slots=True)
class Strand:
    """What is relayed of one urgency: at most `limit` calls at a time, so that those of a blast leave Temporal room."""

    urgency: int
    limit: int
    after: int = 0
    calls: set["asyncio.Task[None]"] = field(default_factory=set)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)


class Wakes(Protocol):
    async def wait(self, timeout: float) -> bool: ...


class Relay:
    """Any number may run, in any number of processes: a lease keeps an enrolment to one of them.

    `concurrency` bounds the calls to Temporal under way of what is most urgent; the usual has half of that besides, and
    what is least urgent one: none waits for another. `poll` is how long (seconds) a lost wake can delay anything.
    `hit` is told of each named point at which a test may end the process.
    """

    def __init__(
        self,
        outbox: Outbox,
        versions: Versions,
        client: JourneyClient,
        wakes: Wakes,
        *,
        pace: Pace,
        concurrency: int = 32,
        poll: float = 0.2,
        hit: Callable[[str], None] = hit,
    ) -> None:
        self._outbox = outbox
        self._versions = versions
        self._client = client
        self._wakes = wakes
        self._pace = pace
        limits = (concurrency, concurrency // 2, concurrency // 32)
        self._strands = [Strand(*pair) for pair in zip(LEVELS, (max(1, it) for it in limits), strict=True)]
        self._poll = poll
        self._hit = hit
        self._outage = Outage("Temporal")
        self._postgres_outage = Outage("PostgreSQL")
        self._sent: list[Waiting] = []
        self._has_sent = asyncio.Event()
        self._stopping = asyncio.Event()
        self._is_finished = False

    @property
    def is_away(self) -> bool:
        """Whether Temporal did not answer when last asked."""
        return self._outage.is_on

    async def run(self) -> None:
        """Relay until `stop()`; then finish the calls under way. Survives the absence of Temporal and PostgreSQL."""
        hearing, settling = asyncio.create_task(self._hear()), asyncio.create_task(self._settle())
        try:
            async with asyncio.TaskGroup() as group:
                for strand in self._strands:
                    group.create_task(self._run(strand))
        finally:
            hearing.cancel()
            if calls := [call for strand in self._strands for call in strand.calls]:
                await asyncio.wait(calls)
            self._is_finished = True
            self._has_sent.set()
            await settling

    def stop(self) -> None:
        self._stopping.set()
        self._go_on()

    def _go_on(self) -> None:
        for strand in self._strands:
            strand.may_go_on.set()

    async def _run(self, strand: Strand) -> None:
        while not self._stopping.is_set():
            await self._turn(strand)

    async def _turn(self, strand: Strand) -> None:
        """Lease as many enrolments as there is room for and send them off."""
        if self._outage.is_on:
            await self._pause(self._outage.pause())
        room = await self._room(strand)
        strand.may_go_on.clear()
        if self._stopping.is_set():
            return
        try:
            page = await self._outbox.lease(room, urgency=strand.urgency, after=strand.after)
        except POSTGRES_AWAY as error:
            await self._postgres_failed(error)
            return
        self._postgres_outage.succeeded()
        for waiting in page:
            self._begin(strand, waiting)
        # Round and round by enrolment id, so that a long queue starves nobody.
        began_at, strand.after = strand.after, page[-1].enrolment_id if len(page) == room else 0
        if len(page) < room and began_at == 0:
            await self._idle(strand)

    async def _room(self, strand: Strand) -> int:
        """How many to lease now: waits until half of the places are free; one while Temporal is away."""
        limit = 1 if self._outage.is_on else strand.limit
        while len(strand.calls) > limit // 2:
            await asyncio.wait(strand.calls, return_when=asyncio.FIRST_COMPLETED)
        return limit - len(strand.calls)

    async def _idle(self, strand: Strand) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(strand.may_go_on.wait(), self._poll)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _begin(self, strand: Strand, waiting: Waiting) -> None:
        call = asyncio.create_task(self._relay(waiting), name=f"relay {waiting.enrolment_id}")
        strand.calls.add(call)
        call.add_done_callback(strand.calls.discard)

    async def _relay(self, waiting: Waiting) -> None:
        try:
            is_sent = await self._send(waiting)
        except TemporalAway as error:
            self._outage.failed(str(error))
            RELAY_FAILURES.labels("away").inc()
            await self._give_back(waiting, timedelta(0))
        except POSTGRES_AWAY:
            await self._give_back(waiting, timedelta(0))
        except Exception as error:
            # Whatever it is, it must not hold up other enrolments. Its text may hold customers' data.
            log.error("a delivery cannot be relayed", enrolment=waiting.enrolment_id, error=type(error).__name__)
            RELAY_FAILURES.labels("refused").inc()
            await self._give_back(waiting, POISONED)
        else:
            self._outage.succeeded()
            if is_sent:
                self._remember(waiting)
            else:
                await self._found_nobody(waiting)

    async def _send(self, waiting: Waiting) -> bool:
        """False when no workflow is running for this enrolment."""
        deliveries = waiting.deliveries()
        if deliveries[0].kind == "start":
            version = await self._versions.get(waiting.journey, waiting.version)
            start = starting(waiting, version, deliveries, self._pace)
            if await self._client.start(start) or len(deliveries) == 1:
                return True
        return await self._client.deliver(waiting.journey, waiting.enrolment_id, Deliveries(deliveries=deliveries))

    def _remember(self, waiting: Waiting) -> None:
        self._hit("relay.signalled")
        DELIVERIES_RELAYED.inc(len(waiting.payloads))
        self._sent.append(waiting)
        self._has_sent.set()

    async def _found_nobody(self, waiting: Waiting) -> None:
        """Harmless if the enrolment has ended; otherwise a matter for the reconciler."""
        RELAY_FAILURES.labels("not_running").inc()
        with suppress(*POSTGRES_AWAY):
            is_expected = await self._outbox.ask_for_check(waiting.enrolment_id)
            await self._give_back(waiting, ORPHANED if is_expected else ABANDONED)

    async def _give_back(self, waiting: Waiting, delay: timedelta) -> None:
        with suppress(*POSTGRES_AWAY):  # the lease runs out by itself
            await self._outbox.defer([waiting], delay)

    async def _settle(self) -> None:
        """Mark what was sent; what is sent while one mark is being written goes into the next."""
        while not self._is_finished:
            await self._has_sent.wait()
            self._has_sent.clear()
            await self._mark()
        await self._mark()

    async def _mark(self) -> None:
        sent, self._sent = self._sent, []
        if not sent:
            return
        try:
            if await self._outbox.mark_relayed(sent):
                self._go_on()
        except POSTGRES_AWAY as error:
            await self._postgres_failed(error)

    async def _hear(self) -> None:
        while True:
            if await self._wakes.wait(1.0):
                self._go_on()

    async def _postgres_failed(self, error: BaseException) -> None:
        self._postgres_outage.failed(type(error).__name__)
        await self._pause(self._poll)
