"""Many small requests, few commits: what arrives while one transaction is in flight goes together into the next."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg

from store.ingest import Ingest
from store.ingest_event import Accepted, IncomingEvent, Reject
from store.ingest_transaction import Overtaken
from store.retry import AGAIN

log = logging.getLogger(__name__)

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.CannotConnectNowError,
    asyncpg.ReadOnlySQLTransactionError,
    Overtaken,
    *AGAIN,
)
"""PostgreSQL's trouble and not an event's: worth another try, and never a reason for quarantine."""


class Full(Exception):
    """Too much waits already; come again after `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many events wait to be stored")
        self.retry_after = retry_after


class Unavailable(Exception):
    """PostgreSQL did not take it in time. Sent again later, it is stored once."""


@dataclass(eq=False, slots=True)
class Request:
    """What one call brought; `answer` is set after its commit."""

    events: Sequence[IncomingEvent]
    rejects: Sequence[Reject]
    answer: "asyncio.Future[Accepted]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def size(self) -> int:
        return len(self.events) + len(self.rejects)


class IngestQueue:
    """In front of an `Ingest`: combines concurrent requests, each answered after the commit that holds it.

    At most `in_flight` transactions run at once, each of up to `batch_size` events, or of one larger request. An event
    that makes a transaction fail for a reason of its own goes to quarantine; its neighbours are stored.
    """

    def __init__(
        self,
        ingest: Ingest,
        *,
        in_flight: int = 2,
        batch_size: int = 500,
        capacity: int = 20_000,
        patience: float = 8.0,
    ) -> None:
        self._ingest = ingest
        self._in_flight = in_flight
        self._batch_size = batch_size
        self._capacity = capacity
        self._patience = patience
        self._waiting: deque[Request] = deque()
        self._size = 0
        self._running: set[asyncio.Task[None]] = set()

    @property
    def size(self) -> int:
        """Events that wait or are being stored."""
        return self._size

    async def submit(self, events: Sequence[IncomingEvent], rejects: Sequence[Reject] = ()) -> Accepted:
        """Returns once all of it is committed. Raises Full at once, or Unavailable after `patience` seconds."""
        request = Request(events, rejects)
        if self._size and self._size + request.size > self._capacity:
            raise Full(retry_after=1)
        self._size += request.size
        self._waiting.append(request)
        self._start()
        return await request.answer

    async def drain(self) -> None:
        """Wait until everything submitted has been answered."""
        while self._running:
            await asyncio.wait(self._running)

    def _start(self) -> None:
        while self._waiting and len(self._running) < self._in_flight:
            task = asyncio.create_task(self._serve(self._take()))
            self._running.add(task)
            task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()

    def _take(self) -> list[Request]:
        taken = [self._waiting.popleft()]
        size = taken[0].size
        while self._waiting and size + self._waiting[0].size <= self._batch_size:
            taken.append(self._waiting.popleft())
            size += taken[-1].size
        return taken

    async def _serve(self, requests: list[Request]) -> None:
        try:
            await self._store_together(requests)
        finally:
            self._size -= sum(request.size for request in requests)

    async def _store_together(self, requests: list[Request]) -> None:
        events = [event for request in requests for event in request.events]
        rejects = [reject for request in requests for reject in request.rejects]
        try:
            accepted = await self._accept(events, rejects)
        except Unavailable as error:
            for request in requests:
                _fail(request, error)
        except Exception:
            for request in requests:
                await self._store_alone(request)
        else:
            for request in requests:
                _resolve(request, accepted.among(request.events, request.rejects))

    async def _store_alone(self, request: Request) -> None:
        """One of several requests is to blame for a failure; this one, or none of its events, or one of them."""
        try:
            accepted = [await self._isolate(request.events)]
            if request.rejects:
                accepted.append(await self._accept((), request.rejects))
        except Exception as error:
            _fail(request, error)
        else:
            stored = frozenset(event for it in accepted for event in it.stored)
            _resolve(request, Accepted(stored, sum(it.repeated for it in accepted), len(request.rejects)))

    async def _isolate(self, events: Sequence[IncomingEvent]) -> Accepted:
        """Store all but the event that cannot be stored; that one goes to quarantine."""
        try:
            return await self._accept(events, ())
        except Unavailable:
            raise
        except Exception as error:
            if len(events) == 1:
                return await self._set_aside(events[0], error)
        half = len(events) // 2
        first, second = await self._isolate(events[:half]), await self._isolate(events[half:])
        return Accepted(
            first.stored | second.stored, first.repeated + second.repeated, first.quarantined + second.quarantined
        )

    async def _set_aside(self, event: IncomingEvent, error: Exception) -> Accepted:
        """Only the kind of the error is told: its text may quote the customer."""
        log.error("event %s could not be stored: %s", event.hash.hex(), type(error).__name__)
        reason = f"it could not be stored ({type(error).__name__})"
        return await self._accept((), [Reject(event.source, reason, event.as_text())])

    async def _accept(self, events: Sequence[IncomingEvent], rejects: Sequence[Reject]) -> Accepted:
        """As `Ingest.accept`, patient while PostgreSQL is away."""
        give_up_at = asyncio.get_running_loop().time() + self._patience
        while True:
            try:
                return await self._ingest.accept(events, rejects)
            except AWAY as error:
                if isinstance(error, ValueError):  # asyncpg's word for a value that it cannot encode
                    raise
                if asyncio.get_running_loop().time() >= give_up_at:
                    raise Unavailable(f"PostgreSQL is away ({type(error).__name__})") from error
            await asyncio.sleep(0.2)


def _resolve(request: Request, accepted: Accepted) -> None:
    if not request.answer.done():
        request.answer.set_result(accepted)


def _fail(request: Request, error: Exception) -> None:
    if not request.answer.done():
        request.answer.set_exception(error)
