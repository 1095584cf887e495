"""Loops that would never end: a step that is come to again at the same moment."""

from datetime import datetime

from language.program import Program


class Circles:
    """When each step was come to last, as far as it counts; `forget` when the loop uses something up."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._came_at: dict[str, datetime] = {}

    def come_to(self, step_id: str, now: datetime) -> bool:
        """Note it; returns whether that closes a circle. A block that repeats counts its passes and ends by itself."""
        is_counted = self._program.place_by_id[step_id].step.repeats_block
        is_circle = self._came_at.get(step_id) == now and not is_counted
        self._came_at[step_id] = now
        return is_circle

    def begin_pass(self, block: str | None) -> None:
        """Another pass comes to the steps inside the block again, and may."""
        around = {step_id: self._program.place_by_id[step_id].around for step_id in self._came_at}
        self._came_at = {step_id: at for step_id, at in self._came_at.items() if block not in around[step_id]}

    def forget(self) -> None:
        self._came_at.clear()
