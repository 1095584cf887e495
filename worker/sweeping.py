"""The worker's loop that resolves messages which somebody claimed and left."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from activities.channel import Route
from activities.sweeping import Sweeping
from language.clock import Pace
from runtime.settings import Settings
from store.database import Database
from store.ledger import MessageLedger
from store.stranded import StrandedMessages


@asynccontextmanager
async def sweeping(settings: Settings, db: Database, routes: Mapping[str, Route]) -> AsyncIterator[None]:
    """While the context lasts."""
    pace = Pace(speed=settings.clock_speed, origin=settings.clock_origin)
    sweep = Sweeping(StrandedMessages(db), MessageLedger(db), routes, lambda: pace.journey_time(datetime.now(UTC)))
    task = asyncio.create_task(sweep.run(), name="sweeping")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
