"""Drawing arms of experiments. One short transaction; run as a local activity."""

from typing import Protocol

from temporalio import activity

from language.port import Answer, DrawArm


class Arms(Protocol):
    """Where arms are kept."""

    async def draw_arm(self, deed: DrawArm) -> Answer:
        """`{arm}`, the same for a customer and experiment ever after, as long as it is among the shares."""
        ...


class ArmActivities:
    def __init__(self, arms: Arms) -> None:
        self._arms = arms

    @activity.defn
    async def draw_arm(self, deed: DrawArm) -> Answer:
        return await self._arms.draw_arm(deed)
