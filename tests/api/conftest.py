from collections.abc import AsyncIterator

import pytest

from store.database import Database
from tests.relaying import Scene, scene_at


@pytest.fixture
async def scene(db: Database, temporal_address: str) -> AsyncIterator[Scene]:
    async with scene_at(db, temporal_address) as scene:
        yield scene
