"""A Temporal server to play on, and its clock: the time-skipping one for what takes weeks, or the real one."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Protocol

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.testing import WorkflowEnvironment

from language.clock import Pace
from runtime.temporal import data_converter

ATTRIBUTES = ("SojournCustomer", "SojournJourney", "SojournStep", "SojournOutcome")


class Temporal(Protocol):
    """A Temporal server, the journeys' clock on it, and how to let journey time pass."""

    client: Client
    pace: Pace
    knows_attributes: bool

    async def look(self) -> None: ...

    def now(self) -> datetime:
        """Journey time, aware UTC."""
        ...

    async def skip(self, length: timedelta) -> None: ...


class VirtualTemporal:
    """The time-skipping server and its clock as last seen; between looks it runs with real time."""

    knows_attributes = False

    def __init__(self, environment: WorkflowEnvironment) -> None:
        self.client = environment.client
        self.pace = Pace()
        self._environment = environment
        self._seen_at = datetime.now(UTC)
        self._seen = self._seen_at

    async def look(self) -> None:
        self._seen, self._seen_at = await self._environment.get_current_time(), datetime.now(UTC)

    def now(self) -> datetime:
        return self.pace.journey_time(self._seen + (datetime.now(UTC) - self._seen_at))

    async def skip(self, length: timedelta) -> None:
        if length > timedelta(0):
            await self._environment.sleep(length)
        await self.look()

    async def begin_at(self, moment: datetime) -> None:
        """Set the journeys' clock, for runs that start from now on. The server's own only ever goes forward."""
        await self.look()
        self.pace = Pace(shift=moment - self._seen)


class DemoTemporal:
    """The real server, with journeys in demo time: `speed` journey seconds in one second."""

    knows_attributes = True

    def __init__(self, client: Client, *, speed: float = 1) -> None:
        self.client = client
        self.pace = Pace(speed=speed, origin=datetime.now(UTC))

    async def look(self) -> None:
        """The clock needs no looking after."""

    def now(self) -> datetime:
        return self.pace.journey_time(datetime.now(UTC))

    async def skip(self, length: timedelta) -> None:
        await asyncio.sleep(self.pace.real_delay(length).total_seconds())


@asynccontextmanager
async def virtual_temporal() -> AsyncIterator[VirtualTemporal]:
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(Path(sys.executable).parent / "temporal-test-server"),
        data_converter=data_converter(),
        runtime=_quiet(),
    )
    async with environment:
        keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
        await environment.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace="default", search_attributes=dict.fromkeys(ATTRIBUTES, keyword))
        )
        temporal = VirtualTemporal(environment)
        await temporal.look()
        yield temporal


@cache
def _quiet() -> Runtime:
    """Without the SDK's warning that this server knows less than others."""
    logging = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    return Runtime(telemetry=TelemetryConfig(logging=logging))


async def demo_temporal(address: str, *, speed: float = 1, keys: Iterable[str] = ()) -> DemoTemporal:
    """A client of its own of the server at this address; `keys` encrypt what it stores."""
    return DemoTemporal(await Client.connect(address, data_converter=data_converter(keys)), speed=speed)
