"""The records of runs, as activities use them."""

from typing import Any

from store.database import Database
from store.facts import Question, Traits, look_up, set_traits
from store.progress import EnrolmentStanding, Progress, write_progress


class Records:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def write_progress(self, progress: Progress) -> EnrolmentStanding:
        return await write_progress(self._db.pool, progress)

    async def look_up(self, question: Question) -> dict[str, Any]:
        return await look_up(self._db, question)

    async def set_traits(self, wanted: Traits) -> None:
        await set_traits(self._db, wanted)
