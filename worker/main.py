"""The worker: runs every workflow and activity of Sojourn."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import structlog
from temporalio.client import Client

from activities import budgets
from activities.account_circuits import AccountCircuits
from activities.messaging import MessagingActivities
from language.customer_pages import CustomerPages
from language.tracked_links import TrackedLinks
from runtime import failpoint
from runtime.readiness import announce_ready
from runtime.settings import Settings
from runtime.signing import Signer
from runtime.temporal import connect
from store.circuits import AccountCircuitStore
from store.database import Database
from store.ledger import MessageLedger
from store.library import MessageLibrary
from store.links import new_token
from store.policies import PolicyShelf
from worker import registration
from worker.asking import asking
from worker.calls import call_activities
from worker.channels import Channels
from worker.lanes import working
from worker.rates import per_second
from worker.sweeping import sweeping

log = structlog.get_logger()

PATIENCE = timedelta(seconds=60)
CONNECTIONS = 14
"""To PostgreSQL: so many for journeys and what is transactional, and again for all other sends, so that however many of
these come at once, those find a connection free."""


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; what is in flight is finished, or handed back to Temporal."""
    told_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
    client = await connect(settings, patience=PATIENCE)
    async with _working(client, settings):
        announce_ready(settings)
        log.info("worker.ready", per_second=per_second(settings))
        await told_to_stop.wait()
        log.info("worker.stopping")


@asynccontextmanager
async def _working(client: Client, settings: Settings) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(_database(settings))
        others_db = await stack.enter_async_context(_database(settings))
        channels = Channels.from_settings(settings, db)
        stack.push_async_callback(channels.close)
        await AccountCircuitStore(db).register(channels.provider_by_account)
        pages = CustomerPages(settings.public_url, Signer.of(settings))
        urgent, others = (
            MessagingActivities(
                MessageLedger(own, watch=budgets.tell),
                channels.routes,
                MessageLibrary(own).message,
                policies=PolicyShelf(own).policy,
                circuits=AccountCircuits(AccountCircuitStore(own)),
                hit=failpoint.hit,
                link=TrackedLinks(settings.public_url, new_token).make,
                offer=pages.offer,
            )
            for own in (db, others_db)
        )
        calls = await stack.enter_async_context(call_activities(settings, db))
        activities = registration.activities(db, others, calls)
        lanes = registration.lanes(urgent, others)
        await stack.enter_async_context(asking(settings, others_db, channels.routes))
        await stack.enter_async_context(sweeping(settings, others_db, channels.routes))
        pace = per_second(settings)
        await stack.enter_async_context(
            working(client, activities, lanes, per_second=pace, is_embedded=settings.is_embedded)
        )
        yield


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    db = await Database.open(settings.database_url, pool_size=CONNECTIONS)
    try:
        yield db
    finally:
        await db.close()
