"""The worker: runs every workflow and activity of Sojourn."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog
from temporalio.client import Client
from temporalio.worker import Worker

from activities.messaging import MessagingActivities
from runtime import failpoint
from runtime.readiness import announce_ready
from runtime.settings import Settings
from runtime.temporal import connect
from store.database import Database
from store.ledger import MessageLedger
from store.library import MessageLibrary
from store.policies import PolicyShelf
from worker import registration
from worker.calls import call_activities
from worker.channels import Channels
from worker.registration import WORKFLOWS
from worker.sandbox import sandboxed
from workflows.client import TASK_QUEUE

log = structlog.get_logger()

PATIENCE = timedelta(seconds=60)
GRACE = timedelta(seconds=20)
POLLERS = 8


def worker_options(*, is_embedded: bool = False) -> dict[str, Any]:
    """How hard a worker works, whatever it runs.

    On the embedded stack, what a dead worker had cached is taken over after 3 seconds instead of 10.
    """
    return {
        "max_cached_workflows": 5_000,
        "max_concurrent_workflow_tasks": 100,
        "max_concurrent_activities": 100,
        "max_concurrent_workflow_task_polls": POLLERS,
        "max_concurrent_activity_task_polls": POLLERS,
        "sticky_queue_schedule_to_start_timeout": timedelta(seconds=3 if is_embedded else 10),
        "graceful_shutdown_timeout": GRACE,
    }


def make_worker(client: Client, activities: Sequence[Callable[..., Any]], *, is_embedded: bool = False) -> Worker:
    """The worker of the `journeys` queue."""
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=WORKFLOWS,
        activities=activities,
        workflow_runner=sandboxed(),
        **worker_options(is_embedded=is_embedded),
    )


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; what is in flight is finished, or handed back to Temporal."""
    told_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
    client = await connect(settings, patience=PATIENCE)
    async with (
        _activities(settings) as activities,
        make_worker(client, activities, is_embedded=settings.is_embedded),
    ):
        announce_ready(settings)
        log.info("worker.ready", queue=TASK_QUEUE)
        await told_to_stop.wait()
        log.info("worker.stopping")


@asynccontextmanager
async def _activities(settings: Settings) -> AsyncIterator[list[Callable[..., Any]]]:
    db = await Database.open(settings.database_url, pool_size=20)
    channels = Channels.from_settings(settings, db)
    library = MessageLibrary(db)
    try:
        shelf = PolicyShelf(db)
        messaging = MessagingActivities(
            MessageLedger(db), channels.by_name, library.message, policies=shelf.policy, hit=failpoint.hit
        )
        async with call_activities(settings, db) as calls:
            yield registration.activities(db, messaging, calls)
    finally:
        await channels.close()
        await db.close()
