from collections.abc import AsyncIterator

import pytest

from store.database import Database
from tests.sending import Desk, desk_at


@pytest.fixture
async def desk(db: Database) -> AsyncIterator[Desk]:
    async with desk_at(db) as desk:
        yield desk
