"""The interpreter of a simulated enrolment when everything is to be told: how it comes from step to step, and why."""

from collections.abc import Iterator, Mapping
from typing import Any

from language.interpreter import Interpreter
from language.listening import Effects
from language.program import Program
from language.report import in_words, result_in_words
from language.run import Ended
from language.simulated_port import SimulatedPort
from language.simulated_visit import Teller, TellingVisit, shown
from language.state import Enrolment, State


class TellingInterpreter(Interpreter):
    """Does what its parent does, and tells the simulated world about it."""

    def __init__(self, program: Program, enrolment: Enrolment, state: State, port: SimulatedPort) -> None:
        teller = self._teller = Teller(port.world, enrolment.enrolment_id)
        super().__init__(program, enrolment, state, port, lambda run: TellingVisit(run, teller))
        self._stage: str | None = None

    async def _visit(self, step_id: str) -> str | None:
        teller, stage = self._teller, self.program.stage_of(step_id)
        if stage != self._stage:
            self._stage = stage
            teller.tell("stage", stage or "")
        teller.forget()
        teller.explain(step_id, f"comes to: {in_words(self.program.place_by_id[step_id].step)}")
        before = dict(self.state.results)
        try:
            outcome = await super()._visit(step_id)
        except Ended:
            teller.explain(step_id, f"breaks off: the enrolment has ended as {self.state.ended_as}")
            raise
        teller.explain(step_id, f"{self._left(step_id, before)}; goes on to {self._following(outcome)}")
        return outcome

    def _left(self, step_id: str, before: Mapping[str, Any]) -> str:
        results = self.state.results
        changed = [name for name, result in results.items() if before.get(name) is not result]
        if step_id in changed:
            return result_in_words(results[step_id])
        ended = [f"{results[name].get('outcome')} ends the block {name}" for name in changed]
        return ended[0] if ended else "done"

    def _following(self, outcome: str | None) -> str:
        if outcome is not None:
            return f"the end, as {outcome}"
        stage = self.state.to_stage
        return f"the stage {stage}" if stage else self.state.step or "the end: its steps are done"


def told_of(event: str, effects: Effects, *, is_active: bool) -> Iterator[tuple[str, str]]:
    """What an event does to an enrolment from outside, as kinds of happenings and their reasons."""
    if effects.goal:
        yield "goal", "the goal is reached" if is_active else "the goal is reached, after the end"
    if effects.outcome:
        yield "why", f"{event} ends the enrolment as {effects.outcome}"
    if effects.stage:
        yield "why", f"its status belongs to the stage {effects.stage}"
    elif effects.rearmed:
        moved = ", ".join(f"start.{name} = {shown(value)}" for name, value in effects.rearmed.items())
        yield "why", f"moves what the journey counts with: {moved}"
    elif is_active and effects.is_nothing:
        yield "why", "changes nothing: the journey does not listen to this, or its condition is not true"
