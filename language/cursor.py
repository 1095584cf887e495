"""Moving through a program: standing before a step, beginning its visit, leaving it behind."""

from language.report import result_in_words
from language.run import Run
from language.state import MOST_PASSED, Passed

CIRCLES = "circles"
"""Remembered in a visit that closes a circle, until somebody has looked."""


class Cursor:
    """Where the enrolment of a run stands. Nothing here waits or asks."""

    def __init__(self, run: Run) -> None:
        self._run, self._state, self._places = run, run.state, run.program.place_by_id

    def go(self, step_id: str | None) -> None:
        """Stand before a step. A block that is entered from outside begins to count anew."""
        place = self._places.get(self._state.step or "")
        if step_id is not None and (place is None or step_id not in place.around):
            self._state.passes.pop(step_id, None)
        self._state.step = step_id

    def enter(self, step_id: str) -> None:
        """Begin a visit of the step it stands before."""
        run, state, now = self._run, self._state, self._run.now
        state.is_inside, state.entered_at, state.waits_until = True, now, None
        state.moments, state.memory = {}, {}
        state.visits[step_id] = state.visits.get(step_id, 0) + 1
        state.repeat = self._index()
        run.is_wait_shown = run.inbox.is_skipped = False
        run.journal.note(now)
        if run.circles.come_to(step_id, now):
            state.memory[CIRCLES] = True

    def _index(self) -> int | None:
        """`repeat.index`: the pass of the innermost block around this step that repeats."""
        around = self._places[self._state.step or ""].around
        counted = [self._state.passes[step_id].count for step_id in around if step_id in self._state.passes]
        return counted[-1] if counted else None

    def leave_behind(self, step_id: str) -> None:
        """End the visit of the step in which it stands."""
        run, state, now = self._run, self._state, self._run.now
        run.journal.note(now, has_left=True)
        state.is_inside = False
        passed = Passed(step=step_id, left_at=now, result=result_in_words(state.results.get(step_id)))
        state.trail = [*state.trail, passed][-MOST_PASSED:]
