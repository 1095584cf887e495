"""Events become rows, and journeys start, hear and end: all or nothing, each event once."""

from collections.abc import Callable, Sequence
from datetime import datetime

from store.database import Database
from store.ingest_event import Accepted, IncomingEvent, Reject
from store.ingest_ids import IdBlock
from store.ingest_listeners import Listeners
from store.ingest_transaction import IngestTransaction, Overtaken
from store.retry import AGAIN, retried


class Ingest:
    """Stores events and decides what they mean, in one transaction.

    `clock` is journey time. `in_demo_time`: an event occurs when it is received, whatever timestamp it bears. `wake` is
    called after a commit that wrote deliveries; `committed` between a commit and everything after it.
    """

    def __init__(
        self,
        db: Database,
        clock: Callable[[], datetime],
        *,
        in_demo_time: bool = False,
        wake: Callable[[], None] = lambda: None,
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._in_demo_time = in_demo_time
        self._wake = wake
        self._committed = committed
        self._listeners = Listeners()
        self._customer_ids = IdBlock("customers")
        self._enrolment_ids = IdBlock("enrolments")

    async def accept(self, events: Sequence[IncomingEvent], rejects: Sequence[Reject] = ()) -> Accepted:
        """Store all of this or raise; what was accepted before is not stored again."""

        async def attempt() -> tuple[Accepted, bool]:
            async with self._db.pool.acquire() as connection, connection.transaction():
                transaction = IngestTransaction(
                    connection,
                    self._clock,
                    self._listeners,
                    self._customer_ids.lend(),
                    self._enrolment_ids.lend(),
                    in_demo_time=self._in_demo_time,
                )
                accepted = await transaction.run(events, rejects)
            transaction.keep_ids()
            return accepted, transaction.has_deliveries

        accepted, has_deliveries = await retried(attempt, again=(*AGAIN, Overtaken))
        self._committed()
        if has_deliveries:
            self._wake()
        return accepted
