"""Giving people something to do."""

from typing import Protocol

from temporalio import activity

from language.port import Answer, OpenTask


class Tasks(Protocol):
    """Where tasks are kept."""

    async def open_task(self, task: OpenTask) -> Answer: ...


class TaskActivities:
    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    @activity.defn
    async def open_task(self, task: OpenTask) -> Answer:
        """Open it, once."""
        return await self._tasks.open_task(task)
