"""The workers of one process: one for the journeys, and one for each lane of sends, with slots of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from worker.pace import keep_pace
from worker.registration import WORKFLOWS
from worker.sandbox import sandboxed
from workflows.lanes import JOURNEYS, TRANSACTIONAL

GRACE = timedelta(seconds=20)
POLLERS = 8
LANE_POLLERS = 4
"""As many as a queue has parts on a Temporal cluster: a part where nobody asks falls behind the pace of its lane."""

LANE_SLOTS = 40
"""Sends of a lane under way at once: a provider that hangs holds these and no others."""

URGENT_SLOTS = 100
URGENT_POLLERS = 4


def worker_options(*, is_embedded: bool = False) -> dict[str, Any]:
    """How hard the worker of the journeys works, whatever it runs.

    On the embedded stack, what a dead worker had cached is taken over after 3 seconds instead of 10.
    """
    return {
        "max_cached_workflows": 5_000,
        "max_concurrent_workflow_tasks": 32,  # what waits here is in no order; the server's queue knows urgency
        "max_concurrent_activities": 100,
        "max_concurrent_workflow_task_polls": POLLERS,
        "max_concurrent_activity_task_polls": POLLERS,
        "sticky_queue_schedule_to_start_timeout": timedelta(seconds=3 if is_embedded else 10),
        "graceful_shutdown_timeout": GRACE,
    }


@asynccontextmanager
async def working(
    client: Client,
    activities: Sequence[Callable[..., Any]],
    lanes: Mapping[str, Sequence[Callable[..., Any]]],
    *,
    per_second: Mapping[str, float] | None = None,
    is_embedded: bool = False,
) -> AsyncIterator[None]:
    """Take work of the `journeys` queue and of all lanes. `per_second`: how many sends of a lane may begin, in all
    workers together, and any number of a lane that is not in it; None leaves the server's limits as they are."""
    if per_second is not None:
        await keep_pace(client, {name: per_second.get(name) for name in lanes})
    rates = per_second or {}
    journeys = Worker(
        client,
        task_queue=JOURNEYS,
        workflows=WORKFLOWS,
        activities=activities,
        workflow_runner=sandboxed(),
        **worker_options(is_embedded=is_embedded),
    )
    workers = [journeys, *(_lane(client, name, sends, rates.get(name)) for name, sends in lanes.items())]
    async with AsyncExitStack() as stack:
        for worker in workers:
            await stack.enter_async_context(worker)
        try:
            yield
        finally:
            await asyncio.gather(*(worker.shutdown() for worker in workers))


def _lane(client: Client, name: str, sends: Sequence[Callable[..., Any]], per_second: float | None) -> Worker:
    is_urgent = name == TRANSACTIONAL
    return Worker(
        client,
        task_queue=name,
        activities=sends,
        max_concurrent_activities=URGENT_SLOTS if is_urgent else LANE_SLOTS,
        max_concurrent_activity_task_polls=URGENT_POLLERS if is_urgent else LANE_POLLERS,
        max_task_queue_activities_per_second=per_second,
        graceful_shutdown_timeout=GRACE,
    )
