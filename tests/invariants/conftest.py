from collections.abc import AsyncIterator

import pytest

from store.database import Database
from tests.relaying import Scene, scene_at
from tests.sending import Desk, desk_at


@pytest.fixture
async def desk(db: Database) -> AsyncIterator[Desk]:
    async with desk_at(db) as desk:
        yield desk


@pytest.fixture
async def scene(db: Database, temporal_address: str) -> AsyncIterator[Scene]:
    async with scene_at(db, temporal_address) as scene:
        yield scene
