"""What calls destinations and functions, made from the settings."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from dotenv import dotenv_values

from activities.calls import CallActivities
from activities.webhook import WebhookSender
from runtime import failpoint
from runtime.settings import Settings
from store.calls import CallLedger, DestinationLibrary
from store.database import Database
from worker.functions import import_functions

LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20)


@asynccontextmanager
async def call_activities(settings: Settings, db: Database) -> AsyncIterator[CallActivities]:
    """With the functions of the settings' modules. Secrets come from the environment, or else from `.env`."""
    import_functions(settings.functions)
    from_file = {name: text for name, text in dotenv_values(".env").items() if text is not None}
    async with httpx.AsyncClient(limits=LIMITS, follow_redirects=False) as client:
        sender = WebhookSender(client, from_file | os.environ)
        yield CallActivities(CallLedger(db), DestinationLibrary(db).destination, sender, hit=failpoint.hit)
