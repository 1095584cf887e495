"""What the server is told of each lane's pace: what the settings say, unless somebody has set another by hand."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from structlog.testing import capture_logs
from temporalio import activity
from temporalio.api.taskqueue.v1 import RateLimit, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, UpdateTaskQueueConfigRequest
from temporalio.client import Client

from harness.patience import eventually
from harness.temporal import virtual_temporal
from worker.lanes import working
from worker.pace import SENDS, keep_pace

PER_SECOND = 2.0
PARTS = 4
"""Of a queue; each has its share of the pace, and may begin one at once."""

SAVED = 1.0
"""Seconds whose share may begin at once after a pause."""

WATCHED = 2.0


@pytest.fixture
async def client(temporal_address: str) -> Client:
    return await Client.connect(temporal_address)


@pytest.fixture
def lane() -> str:
    """A queue that nobody has ever asked, and that no other test has."""
    return f"send-{uuid4().hex}"


async def limit(client: Client, lane: str) -> float | None:
    asked = DescribeTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=lane), task_queue_type=SENDS, report_config=True
    )
    found = (await client.workflow_service.describe_task_queue(asked)).config.queue_rate_limit
    return found.rate_limit.requests_per_second if found.HasField("rate_limit") else None


async def shows(client: Client, lane: str, wanted: float | None) -> None:
    """The server shows a change a moment after it took it."""

    async def does() -> bool:
        return await limit(client, lane) == (wanted if wanted is None else pytest.approx(wanted))

    await eventually(does)


async def set_by_hand(client: Client, lane: str, per_second: float | None) -> None:
    wanted = None if per_second is None else RateLimit(requests_per_second=per_second)
    change = UpdateTaskQueueConfigRequest.RateLimitUpdate(rate_limit=wanted, reason="Twilio asked us to go slowly")
    await client.workflow_service.update_task_queue_config(
        UpdateTaskQueueConfigRequest(
            namespace="default", task_queue=lane, task_queue_type=SENDS, update_queue_rate_limit=change
        )
    )


async def test_the_server_has_a_lanes_pace_and_forgets_it_with_the_setting(client: Client, lane: str) -> None:
    for wanted in (0.1, 100, None):
        await keep_pace(client, {lane: wanted})
        await shows(client, lane, wanted)


async def test_what_was_set_by_hand_stays_until_it_is_taken_away(client: Client, lane: str) -> None:
    await set_by_hand(client, lane, 3)
    await shows(client, lane, 3)
    for wanted in (None, 100):
        await keep_pace(client, {lane: wanted})
        assert await limit(client, lane) == 3

    await set_by_hand(client, lane, None)
    await shows(client, lane, None)
    await keep_pace(client, {lane: 100})
    await shows(client, lane, 100)


async def test_a_server_that_cannot_be_told_is_left_to_the_polls(lane: str) -> None:
    """The time-skipping one knows no such call, as an old server."""
    async with virtual_temporal() as temporal:
        with capture_logs() as logs:
            await keep_pace(temporal.client, {lane: 1})
    assert [(line["event"], line["reason"]) for line in logs] == [("worker.pace_by_polls_alone", "UNIMPLEMENTED")]


async def test_a_lane_keeps_its_pace_from_the_first_send_on(client: Client, lane: str) -> None:
    begun: list[float] = []

    @activity.defn
    async def send() -> None:
        begun.append(asyncio.get_running_loop().time())

    async with working(client, [send], {lane: [send]}, per_second={lane: PER_SECOND}):
        for number in range(40):
            await client.start_activity(
                send, id=f"{lane}-{number}", task_queue=lane, schedule_to_close_timeout=timedelta(seconds=WATCHED + 2)
            )
        await eventually(lambda: has_any(begun))
        await asyncio.sleep(WATCHED)
    soon = [moment for moment in begun if moment - begun[0] <= WATCHED]
    late = 1  # second, that a busy machine may have seen the first too late
    assert len(soon) <= PARTS + PER_SECOND * (WATCHED + SAVED + late)


async def has_any(begun: list[float]) -> bool:
    return bool(begun)
