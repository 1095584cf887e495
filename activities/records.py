"""What a run reads from and writes to PostgreSQL. Short, repeatable; run as local activities."""

from typing import Protocol

from temporalio import activity

from language.port import Known, LookUp, Progress, SetTraits, Standing


class Records(Protocol):
    """Where records are kept."""

    async def write_progress(self, progress: Progress) -> Standing: ...
    async def look_up(self, question: LookUp) -> Known: ...
    async def set_traits(self, wanted: SetTraits) -> None: ...


class RecordActivities:
    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def record_progress(self, progress: Progress) -> Standing:
        return await self._records.write_progress(progress)

    @activity.defn
    async def look_up(self, question: LookUp) -> Known:
        return await self._records.look_up(question)

    @activity.defn
    async def set_traits(self, wanted: SetTraits) -> None:
        await self._records.set_traits(wanted)
