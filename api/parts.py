"""What the API's process consists of: made from the settings, started, and stopped in order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from temporalio.client import Client

from api.calendar import CalendarKeeper
from api.consent_teller import ConsentTeller
from api.reconciler import Reconciler
from api.relay import Relay
from language.clock import Pace
from language.customer_pages import CustomerPages
from runtime.failpoint import hit
from runtime.settings import Settings
from runtime.signing import Signer
from runtime.temporal import connect
from store.database import POSTGRES_AWAY, Database
from store.enrolling import Enroller
from store.ingest import Ingest
from store.ingest_queue import IngestQueue
from store.outbox import Outbox
from store.reconcile import Reconciliation
from store.versions import Versions
from store.waker import Waker
from workflows.client import JourneyClient

log = structlog.get_logger()

PATIENCE = 30.0
"""Seconds that PostgreSQL may take to come up after us."""
EMBEDDED_TASK_TIMEOUT = timedelta(seconds=5)
"""A killed server shows what was buffered only after it; a loaded machine must replay any run within it."""


@dataclass(frozen=True)
class Parts:
    """`clock` is journey time, `pace` how it runs."""

    db: Database
    pace: Pace
    clock: Callable[[], datetime]
    temporal: Client
    client: JourneyClient
    outbox: Outbox
    versions: Versions
    queue: IngestQueue
    relay: Relay
    waker: Waker
    enroller: Enroller
    pages: CustomerPages
    teller: ConsentTeller


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Parts]:
    """All parts at work. Afterwards what was taken in is stored, calls under way are finished, connections closed."""
    pace = Pace.of(settings)
    clock = partial(_now, pace)
    async with AsyncExitStack() as stack:
        db = await _open_database(settings)
        stack.push_async_callback(db.close)
        waker = await Waker(db).open()
        stack.push_async_callback(waker.close)
        temporal = await connect(settings, lazy=True)
        client = JourneyClient(temporal, task_timeout=EMBEDDED_TASK_TIMEOUT if settings.is_embedded else None)
        outbox, versions = Outbox(db), Versions(db)
        relay = Relay(outbox, versions, client, waker, pace=pace)
        calendars = CalendarKeeper(db, client, pace=pace)
        reconciler = Reconciler(
            Reconciliation(db), outbox, versions, client, clock=clock, pace=pace, calendars=calendars
        )
        for loop in (relay, reconciler):
            stack.push_async_callback(_finish, loop, asyncio.create_task(loop.run(), name=type(loop).__name__))
        committed = partial(hit, "api.committed")
        ingest = Ingest(db, clock, in_demo_time=pace.speed != 1, wake=waker.wake, committed=committed)
        queue = IngestQueue(ingest)
        stack.push_async_callback(queue.drain)
        pages = CustomerPages(settings.public_url, Signer.of(settings))
        teller = ConsentTeller(db, queue, pages)
        stack.push_async_callback(_finish, teller, asyncio.create_task(teller.run(), name="ConsentTeller"))
        yield Parts(
            db, pace, clock, temporal, client, outbox, versions, queue, relay, waker, Enroller(db, clock), pages, teller
        )


def _now(pace: Pace) -> datetime:
    return pace.journey_time(datetime.now(UTC))


async def _open_database(settings: Settings) -> Database:
    give_up_at = asyncio.get_running_loop().time() + PATIENCE
    while True:
        try:
            return await Database.open(settings.database_url, pool_size=12)
        except POSTGRES_AWAY as error:
            if asyncio.get_running_loop().time() > give_up_at:
                raise
            log.warning("waiting for PostgreSQL", error=type(error).__name__)
        await asyncio.sleep(0.5)


async def _finish(loop: Relay | Reconciler | ConsentTeller, task: "asyncio.Task[None]") -> None:
    loop.stop()
    await task
