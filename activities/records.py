"""What a run reads from and writes to PostgreSQL. Short, repeatable; run as local activities."""

from collections.abc import Sequence
from typing import Any, Protocol

from temporalio import activity

from activities.payload import Known, LookUp, Progress, SetTraits, Standing
from language.delivery import Delivery


class Written(Protocol):
    @property
    def taken(self) -> bool: ...
    @property
    def paused(self) -> bool: ...
    @property
    def unseen(self) -> Sequence[Delivery]: ...


class Records(Protocol):
    """Where records are kept; `look_up` answers with the fields of `Known`."""

    async def write_progress(self, progress: Progress) -> Written: ...
    async def look_up(self, question: LookUp) -> dict[str, Any]: ...
    async def set_traits(self, wanted: SetTraits) -> None: ...


class RecordActivities:
    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def record_progress(self, progress: Progress) -> Standing:
        written = await self._records.write_progress(progress)
        return Standing(taken=written.taken, paused=written.paused, unseen=tuple(written.unseen))

    @activity.defn
    async def look_up(self, question: LookUp) -> Known:
        return Known.model_validate(await self._records.look_up(question))

    @activity.defn
    async def set_traits(self, wanted: SetTraits) -> None:
        await self._records.set_traits(wanted)
