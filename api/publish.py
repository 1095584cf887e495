"""Make journeys live."""

from collections.abc import Sequence
from datetime import datetime

from language.program import Compiled
from store.database import Database
from store.versions import Published, publish_versions


async def publish(
    db: Database, journeys: Sequence[Compiled], *, at: datetime, by: str | None = None
) -> list[Published]:
    """Publish these journeys together, all or none; those unchanged get no new version. `at` is journey time."""
    return await publish_versions(db, journeys, at=at, by=by)
