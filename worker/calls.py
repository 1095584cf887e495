"""What calls destinations and functions, made from the settings; and the loop that makes calls again."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dotenv import dotenv_values

from activities.calls import CallActivities
from activities.replaying import Replaying
from activities.webhook import WebhookSender, webhook_client
from runtime import failpoint
from runtime.settings import Settings
from store.calls import CallLedger, DestinationLibrary
from store.database import Database
from store.replays import ReplayQueue
from worker.background import running
from worker.clock import journey_clock
from worker.functions import import_functions


@asynccontextmanager
async def call_activities(settings: Settings, db: Database) -> AsyncIterator[CallActivities]:
    """With the functions of the settings' modules. Secrets come from the environment, or else from `.env`.

    While the context lasts, calls are made again where people have asked for it.
    """
    import_functions(settings.functions)
    from_file = {name: text for name, text in dotenv_values(".env").items() if text is not None}
    async with webhook_client() as client:
        sender = WebhookSender(client, from_file | os.environ)
        calls = CallActivities(CallLedger(db), DestinationLibrary(db).destination, sender, hit=failpoint.hit)
        again = Replaying(ReplayQueue(db), calls.callees, journey_clock(settings), hit=failpoint.hit)
        async with running(again.run(), "replaying"):
            yield calls
