"""Starting other journeys. One short transaction; run as a local activity."""

from typing import Protocol

from temporalio import activity

from language.port import Answer, StartJourney


class Starts(Protocol):
    """Where enrolments are made."""

    async def start_journey(self, deed: StartJourney) -> Answer:
        """`{enrolment_id}`, or refused with the reason; under one key the same ever after."""
        ...


class EnrolActivities:
    def __init__(self, starts: Starts) -> None:
        self._starts = starts

    @activity.defn
    async def start_journey(self, deed: StartJourney) -> Answer:
        return await self._starts.start_journey(deed)
