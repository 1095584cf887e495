from collections.abc import AsyncIterator

import pytest

from store.database import Database
from tests.world import VirtualTemporal, World, virtual_temporal, world_in


@pytest.fixture(scope="module")
async def temporal() -> AsyncIterator[VirtualTemporal]:
    async with virtual_temporal() as found:
        yield found


@pytest.fixture
async def world(db: Database, temporal: VirtualTemporal) -> AsyncIterator[World]:
    async with world_in(db, temporal) as world:
        yield world
