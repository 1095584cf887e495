"""The pace of each lane, told to Temporal before a worker takes from it: one limit over all, kept over restarts.

A worker's polls carry the limit too, but a part of a queue knows only the polls that have come to it, and until then
it passes on whatever it has. What is told here every part knows from its start on.
"""

from collections.abc import Mapping
from datetime import timedelta

import structlog
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import RateLimit, RateLimitConfig, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, UpdateTaskQueueConfigRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

log = structlog.get_logger()

REASON = "set by Sojourn's worker"
"""By this we know our own limits from those that somebody set by hand."""

PATIENCE = timedelta(seconds=10)
SENDS = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
UNABLE = frozenset({RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED})


async def keep_pace(client: Client, per_second: Mapping[str, float | None]) -> None:
    """Let the server begin so many sends a second of each of these lanes; None: any number.

    A limit that somebody set by hand stays. Where the server cannot be told (it is old, or forbids it) the polls'
    limit is all there is. Raises RPCError when the server is away.
    """
    try:
        for lane, wanted in per_second.items():
            await _keep(client, lane, wanted)
    except RPCError as error:
        if error.status not in UNABLE:
            raise
        log.warning("worker.pace_by_polls_alone", reason=error.status.name)


async def _keep(client: Client, lane: str, wanted: float | None) -> None:
    limit = None if wanted is None else RateLimit(requests_per_second=wanted)
    known = await _known(client, lane)
    found = known.rate_limit if known.HasField("rate_limit") else None
    if found == limit:
        return
    if found is not None and known.metadata.reason != REASON:
        log.warning("worker.pace_set_by_hand", lane=lane, per_second=found.requests_per_second, wanted=wanted)
        return
    change = UpdateTaskQueueConfigRequest.RateLimitUpdate(rate_limit=limit, reason=REASON)
    asked = UpdateTaskQueueConfigRequest(
        namespace=client.namespace,
        identity=client.identity,
        task_queue=lane,
        task_queue_type=SENDS,
        update_queue_rate_limit=change,
    )
    await client.workflow_service.update_task_queue_config(asked, retry=True, timeout=PATIENCE)


async def _known(client: Client, lane: str) -> RateLimitConfig:
    asked = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=lane), task_queue_type=SENDS, report_config=True
    )
    answer = await client.workflow_service.describe_task_queue(asked, retry=True, timeout=PATIENCE)
    return answer.config.queue_rate_limit
