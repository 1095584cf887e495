from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from store.database import Database
from store.ingest import Ingest
from tests.store.ingesting import NOW, Clock, publish_journey


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def ingest(db: Database, clock: Clock) -> Ingest:
    return Ingest(db, clock)


@pytest.fixture
def publish(db: Database) -> Callable[..., Awaitable[int]]:
    """Publish a journey written as a dict; returns its version."""

    async def _publish(**definition: Any) -> int:
        return await publish_journey(db, **definition)

    return _publish
