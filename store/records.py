"""The records of runs, as activities use them."""

from language.port import Known, LookUp, Progress, SetTraits, Standing
from store.database import Database
from store.facts import look_up, set_traits
from store.policies import PolicyShelf
from store.progress import write_progress


class Records:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._policies = PolicyShelf(db)

    async def write_progress(self, progress: Progress) -> Standing:
        standing = await write_progress(self._db.pool, progress)
        return Standing(taken=standing.taken, paused=standing.paused, unseen=standing.unseen)

    async def look_up(self, question: LookUp) -> Known:
        policy = await self._policies.policy()
        return await look_up(self._db, question, policy.time_zones)

    async def set_traits(self, wanted: SetTraits) -> None:
        await set_traits(self._db, wanted)
