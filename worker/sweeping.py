"""The worker's loop that resolves messages which somebody claimed and left."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from activities.channel import Route
from activities.sweeping import Sweeping
from language.clock import Pace
from runtime.settings import Settings
from store.database import Database
from store.ledger import MessageLedger
from store.stranded import StrandedMessages
from worker.background import running


@asynccontextmanager
async def sweeping(settings: Settings, db: Database, routes: Mapping[str, Route]) -> AsyncIterator[None]:
    """While the context lasts."""
    pace = Pace.of(settings)
    sweep = Sweeping(StrandedMessages(db), MessageLedger(db), routes, lambda: pace.journey_time(datetime.now(UTC)))
    async with running(sweep.run(), "sweeping"):
        yield
