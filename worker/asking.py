"""The worker's loop that asks providers after messages of which nothing was heard."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from activities.asking import Asking
from activities.channel import Route
from runtime.settings import Settings
from store.asking import SilenceLedger
from store.database import Database
from worker.background import running
from worker.clock import journey_clock


@asynccontextmanager
async def asking(settings: Settings, db: Database, routes: Mapping[str, Route]) -> AsyncIterator[None]:
    """While the context lasts. The sandbox loses no reports, so nobody asks it."""
    played = {"twilio": settings.twilio_account_sid is None, "sendgrid": settings.sendgrid_api_key is None}
    routes = {name: route for name, route in routes.items() if not played.get(route.first.provider, False)}
    silences = SilenceLedger(db, journey_clock(settings))
    async with running(Asking(silences, routes).run(), "asking"):
        yield
