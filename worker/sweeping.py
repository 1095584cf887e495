"""The worker's loop that resolves messages which somebody claimed and left."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from activities.channel import Route
from activities.sweeping import Sweeping
from runtime.settings import Settings
from store.database import Database
from store.ledger import MessageLedger
from store.stranded import StrandedMessages
from worker.background import running
from worker.clock import journey_clock


@asynccontextmanager
async def sweeping(settings: Settings, db: Database, routes: Mapping[str, Route]) -> AsyncIterator[None]:
    """While the context lasts."""
    sweep = Sweeping(StrandedMessages(db), MessageLedger(db), routes, journey_clock(settings))
    async with running(sweep.run(), "sweeping"):
        yield
