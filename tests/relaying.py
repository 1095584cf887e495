"""Relays, a Temporal that can be cut off, and workflows that write down what they are sent."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api.reconciler import Reconciler
from api.relay import Relay
from harness.bell import Bell
from harness.patience import eventually
from language.clock import Pace
from runtime.temporal import data_converter
from store.database import Database
from store.outbox import Outbox
from store.reconcile import Reconciliation
from store.versions import Versions
from tests.recorder import RecorderWorkflow
from tests.rows import AT, add_customer, add_enrolment, add_version
from workflows.client import JourneyClient, workflow_id

_numbers = itertools.count(1)


class Cable:
    """A TCP connection to Temporal that can be cut."""

    def __init__(self, address: str) -> None:
        self._host, port = address.rsplit(":", 1)
        self._port = int(port)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def plug(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection(self._host, self._port)
        ways = [asyncio.create_task(_pump(*way)) for way in ((reader, to_there), (there, writer))]
        self._tasks.update(ways)
        await asyncio.gather(*ways, return_exceptions=True)
        self._tasks.difference_update(ways)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@dataclass
class Scene:
    """One journey of its own, with a worker whose workflows are recorders."""

    db: Database
    client: Client
    journey: str
    bell: Bell = field(default_factory=Bell)

    async def enrol(self, **columns: Any) -> int:
        return await add_enrolment(self.db, await add_customer(self.db), journey=self.journey, **columns)

    def journeys(self, client: Client | None = None, *, call_timeout: float = 5.0) -> JourneyClient:
        return JourneyClient(
            client or self.client, task_queue=self.journey, call_timeout=timedelta(seconds=call_timeout)
        )

    @asynccontextmanager
    async def relay(self, client: JourneyClient | None = None, **options: Any) -> AsyncIterator[Relay]:
        outbox, versions = Outbox(self.db), Versions(self.db)
        relay = Relay(outbox, versions, client or self.journeys(), self.bell, pace=Pace(), **options)
        running = asyncio.create_task(relay.run())
        try:
            yield relay
        finally:
            relay.stop()
            await running

    def reconciler(self, client: JourneyClient | None = None, **options: Any) -> Reconciler:
        """Looks at every open enrolment each time; never nudges."""
        chosen = {"period": timedelta(0), "nudges": [timedelta(days=99)], **options}
        parts = (Reconciliation(self.db), Outbox(self.db), Versions(self.db), client or self.journeys())
        return Reconciler(*parts, clock=lambda: AT, pace=Pace(), **chosen)

    def handle(self, enrolment_id: int) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(workflow_id(self.journey, enrolment_id))

    async def batches(self, enrolment_id: int) -> list[list[int]]:
        return list(await self.handle(enrolment_id).query("batches"))

    async def seqs(self, enrolment_id: int) -> list[int]:
        return list(itertools.chain.from_iterable(await self.batches(enrolment_id)))

    async def waiting(self) -> int:
        return await Outbox(self.db).waiting()

    async def all_relayed(self) -> None:
        await eventually(self._is_all_relayed)

    async def _is_all_relayed(self) -> bool:
        return await self.waiting() == 0


@asynccontextmanager
async def scene_at(db: Database, address: str) -> AsyncIterator[Scene]:
    client = await Client.connect(address, data_converter=data_converter())
    scene = Scene(db, client, f"journey_{next(_numbers)}")
    await add_version(db, scene.journey)
    runner = UnsandboxedWorkflowRunner()
    async with Worker(client, task_queue=scene.journey, workflows=[RecorderWorkflow], workflow_runner=runner):
        yield scene
