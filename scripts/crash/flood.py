"""A flood of events to one enrolment that waits thirty days, while relay and worker are killed again and again."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from scripts.benchmark.ground import each
from scripts.crash.backend import identify, track
from scripts.crash.fault import kill
from scripts.crash.ground import Ground
from workflows.client import workflow_id

USER = "flooded"
AT_ONCE = 32
KILLS = ("api", "worker", "api", "worker", "api", "worker")
HEARD_WITHIN = 180.0
ANSWERS_WITHIN = 30.0

STANDING = """
SELECT e.id, e.last_seq, e.seen_seq, e.state, s.waits_until
FROM enrolments e JOIN steps s ON s.enrolment_id = e.id WHERE e.journey = 'crash_flood' AND s.waits_until IS NOT NULL
"""
STORED = "SELECT count(*) AS stored FROM events WHERE name = 'Flood Event'"


@dataclass(slots=True)
class Flood:
    """What came of it; `per_s` counts from the first event posted to the last one acknowledged by the workflow."""

    events: int
    seconds: float = 0.0
    per_s: float = 0.0
    kills: int = 0
    stored: int = 0
    last_seq: int = 0
    seen_seq: int = 0
    runs: int = 0
    complaints: list[str] = field(default_factory=list)

    def expect(self, what: str, is_so: bool) -> None:
        if not is_so:
            self.complaints.append(f"flood: {what}")


async def play(ground: Ground, *, events: int) -> Flood:
    flood, kills_before = Flood(events), ground.kills.total()
    deadline, handle = await _begin(ground)
    runs = {(await handle.describe()).run_id}
    began = time.monotonic()
    posting = asyncio.create_task(_pour(ground, events))
    await asyncio.gather(posting, _strike(ground, posting, handle, runs))
    ground.say(f"flood: {events} events are answered 200; waiting until the workflow has heard them")
    await _until_heard(ground, events + 1)
    flood.seconds = time.monotonic() - began
    flood.per_s, flood.kills = events / flood.seconds, ground.kills.total() - kills_before
    runs.add((await handle.describe()).run_id)
    flood.runs = len(runs)
    await _judge(ground, flood, deadline, handle)
    return flood


async def _begin(ground: Ground) -> tuple[datetime, WorkflowHandle[Any, Any]]:
    """The enrolment waits; returns until when."""
    introduction = identify(USER, phone="+15009999999")
    await ground.backend.tell([introduction, track(USER, "Flood Started", "flood-start", mark=USER)])
    async with asyncio.timeout(60):
        while not (rows := await ground.fetch(STANDING)):  # noqa: ASYNC110 PostgreSQL calls nobody
            await asyncio.sleep(0.1)
    client = await Client.connect(ground.stack.temporal_address)
    return rows[0]["waits_until"], client.get_workflow_handle(workflow_id("crash_flood", rows[0]["id"]))


async def _pour(ground: Ground, events: int) -> None:
    """Each event in a call of its own."""

    async def post(number: int) -> None:
        await ground.backend.tell([track(USER, "Flood Event", f"flood-{number}", number=number)])

    await each(range(events), post, at_once=AT_ONCE)


async def _strike(
    ground: Ground, posting: "asyncio.Task[None]", handle: WorkflowHandle[Any, Any], runs: set[str]
) -> None:
    for part in KILLS:
        await asyncio.sleep(ground.chance.uniform(1, 6))
        if posting.done():
            return
        await kill(ground, [part])
        runs.add((await handle.describe()).run_id)


async def _until_heard(ground: Ground, seq: int) -> None:
    give_up_at = time.monotonic() + HEARD_WITHIN
    while time.monotonic() < give_up_at:
        (row,) = await ground.fetch(STANDING)
        if row["seen_seq"] >= seq:
            return
        await asyncio.sleep(0.5)


async def _judge(ground: Ground, flood: Flood, deadline: datetime, handle: WorkflowHandle[Any, Any]) -> None:
    (row,), (stored,) = await ground.fetch(STANDING), await ground.fetch(STORED)
    flood.stored, flood.last_seq, flood.seen_seq = stored["stored"], row["last_seq"], row["seen_seq"]
    flood.expect(f"{flood.stored} events are stored", flood.stored == flood.events)
    flood.expect(f"last_seq is {flood.last_seq}", flood.last_seq == flood.events + 1)
    flood.expect(f"seen_seq is {flood.seen_seq}", flood.seen_seq == flood.events + 1)
    flood.expect(f"the deadline moved from {deadline} to {row['waits_until']}", row["waits_until"] == deadline)
    state = await _progress(handle)
    if state is None:
        flood.complaints.append("flood: the workflow does not answer")
    else:
        until = datetime.fromisoformat(state["waits_until"])
        flood.expect(f"the workflow waits until {until}", until == deadline)
        flood.expect(f"the workflow has seen {state['seen_seq']}", state["seen_seq"] == flood.events + 1)
    flood.expect("there was no continue-as-new", flood.runs > 1 or flood.events < 20_000)
    flood.expect(f"only {flood.kills} parts were killed", flood.kills > 0)
    await _expect_one_message(ground, flood)


async def _progress(handle: WorkflowHandle[Any, Any]) -> dict[str, Any] | None:
    """What the workflow itself says; it cannot while a workflow task has failed and not yet been repeated."""
    give_up_at = time.monotonic() + ANSWERS_WITHIN
    while time.monotonic() < give_up_at:
        try:
            return dict(await handle.query("progress"))
        except RPCError:
            await asyncio.sleep(1)
    return None


async def _expect_one_message(ground: Ground, flood: Flood) -> None:
    """The wait still hears: the last event ends it."""
    await ground.backend.tell([track(USER, "Flood Event", "flood-last", is_last=True)])
    give_up_at = time.monotonic() + 60
    while not (sent := _sent(ground)) and time.monotonic() < give_up_at:  # noqa: ASYNC110 the ledger calls nobody
        await asyncio.sleep(0.1)
    flood.expect(f"the last event led to {sent} messages", sent == 1)


def _sent(ground: Ground) -> int:
    return sum(message.text == f"hello {USER}" for message in ground.provider.accepted)
