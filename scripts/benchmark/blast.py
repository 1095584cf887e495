"""Whether a blast of promotional messages delays a code that somebody waits for.

The blast goes out as fast as its lane lets it, and stands there for as long as is measured. Codes are told apart by
what went on when their events came: nothing else; the blast *pouring in*, while its events become queued messages; and
the blast *queued*, which is what it does for nearly all of its time.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from scripts.benchmark.ground import Ground
from scripts.benchmark.latency import paced, percentiles
from scripts.benchmark.throughput import track
from workflows.lanes import lane

PER_SECOND = 2.0
"""SMS that the lane lets out: twice what Twilio takes from a number, to have some going out all the time."""

PACE = 3.0
"""Codes a second: together with the blast well below what two cores can do."""

PATIENCE = 2400.0
SETTLE = 3.0
"""Seconds until the last of the blast has come to its lane."""

QUEUED = "SELECT count(*) FROM enrolments WHERE journey = 'bench_blast' AND step IS NOT NULL"


async def measure(ground: Ground, *, size: int, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Milliseconds from the HTTP answer to the sink's receipt of a transactional SMS, for an event that starts it."""
    await _codes(ground, 3.0)  # what is loaded once
    alone = await _codes(ground, seconds)
    say(f"codes alone: {alone}")
    began = time.perf_counter()
    blast = asyncio.create_task(_fire(ground, size))
    pouring = await _codes(ground, seconds)
    await blast
    poured = time.perf_counter() - began
    say(f"{size:,} promotional messages pouring in, for {poured:.0f} s: {pouring}")
    queued = await _codes(ground, seconds)
    left = await _waiting(ground)
    say(f"the blast queued, {left:,} of it left: {queued}")
    return {
        "codes_alone": alone,
        "codes_beside_queued_blast": queued,
        "codes_beside_pouring_blast": pouring,
        "blast_ratio": round(queued["p95_ms"] / alone["p95_ms"], 2),
        "blast_ratio_pouring": round(pouring["p95_ms"] / alone["p95_ms"], 2),
        "blast_size": size,
        "blast_left": left,
        "blast_per_s": PER_SECOND,
        "blast_poured_s": round(poured),
    }


async def _fire(ground: Ground, size: int) -> None:
    """Returns when all of them wait in their lane, or have gone: an enrolment shows its step right before it queues."""
    name = ground.name()
    users = [f"{name}-{number}" for number in range(size)]
    await ground.make_customers(users)
    await ground.post_batches([track("Bench Blasted", user, name) for user in users])
    await ground.until(QUEUED, size, within=PATIENCE)
    await asyncio.sleep(SETTLE)


async def _waiting(ground: Ground) -> int:
    """Sends that wait in the lane."""
    asked = DescribeTaskQueueRequest(
        namespace="default",
        task_queue=TaskQueue(name=lane("sms", "promotional")),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        report_stats=True,
    )
    answer = await ground.temporal.workflow_service.describe_task_queue(asked)
    return int(answer.stats.approximate_backlog_count)


async def _codes(ground: Ground, seconds: float) -> dict[str, float]:
    name, others = ground.name(), ground.watch_others()
    users = [f"{name}-{number}" for number in range(int(PACE * seconds))]
    await ground.make_customers(users)
    answered_at = await paced(ground, "Bench At Once", users, name, PACE)
    arrived_at = await ground.when_arrived(users)
    return percentiles([arrived_at[user] - answered_at[user] for user in users]) | {"cpus_of_others": others()}
