"""What PostgreSQL has yet to be told of a run: visits of steps, and what was heard."""

from datetime import datetime

from language.port import Progress, StepTrace
from language.program import Program
from language.state import Enrolment, State


class Journal:
    """The unwritten part of a state. A visit is noted when it begins, when it waits anew, and when it ends."""

    def __init__(self, program: Program, enrolment: Enrolment, state: State) -> None:
        self._program, self._enrolment, self._state = program, enrolment, state

    def note(self, now: datetime, *, has_left: bool = False) -> None:
        """The present visit as it stands, in place of what is unwritten of it."""
        trace = self._trace(now, has_left)
        others = [old for old in self._state.unwritten if (old.step, old.visit) != (trace.step, trace.visit)]
        self._state.unwritten = [*others, trace]

    def _trace(self, now: datetime, has_left: bool) -> StepTrace:
        state = self._state
        step = self._program.place_by_id[state.step or ""].step
        return StepTrace(
            step=step.id,
            visit=state.visits[step.id],
            verb=step.verb,
            entered_at=state.entered_at or now,
            left_at=now if has_left else None,
            waits_until=state.waits_until,
            result=state.results.get(step.id) if has_left else None,
            kept=None if has_left else state.keep(),
        )

    def progress(self, now: datetime, *, ended_as: str | None = None, pause: str | None = None) -> Progress:
        return Progress(
            enrolment_id=self._enrolment.enrolment_id,
            run_id=self._enrolment.run_id,
            seen_seq=self._state.seen_seq,
            at=now,
            traces=tuple(self._state.unwritten),
            step=self._state.step,
            stage=self._program.stage_of(self._state.step),
            ended_as=ended_as,
            pause=pause,
        )

    def written(self, progress: Progress) -> None:
        """PostgreSQL has this; what was noted since stays."""
        state = self._state
        state.unwritten = [trace for trace in state.unwritten if trace not in progress.traces]
        state.written_seq = max(state.written_seq, progress.seen_seq)
