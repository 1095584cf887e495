"""Runs one enrolment: the loop around the steps. The same under Temporal and simulated.

Steps decide, the loop acts: it visits, traces, absorbs what comes from outside, and asks the port for every effect.
"""

from collections.abc import Callable, Sequence

from language.context import FORWARD, Context, Next
from language.cursor import CIRCLES, Cursor
from language.delivery import Delivery
from language.detour import Moved, attend, is_passed_over, take_stage
from language.port import Port
from language.program import Program
from language.run import Closed, Ended, Run
from language.state import Enrolment, State
from language.steps import Step
from language.visit import Visit
from language.waiting import resumption


class Interpreter:
    """One enrolment on its way. `absorb` may be called at any moment, also while `run` waits.

    `visit` makes what the steps are given to act by.
    """

    def __init__(
        self,
        program: Program,
        enrolment: Enrolment,
        state: State,
        port: Port,
        visit: Callable[[Run], Context] = Visit,
    ) -> None:
        self.program = program
        self.enrolment = enrolment
        self.state = state
        self._run = Run(program, enrolment, state, port)
        self._cursor = Cursor(self._run)
        self._ctx = visit(self._run)

    def absorb(self, deliveries: Sequence[Delivery]) -> None:
        """Take in deliveries, in any order and as often as they come."""
        self._run.inbox.absorb(deliveries)
        if any(delivery.kind == "command" for delivery in deliveries):
            self._run.show()

    async def run(self) -> str | None:
        """Run to the end; returns the outcome, or None when another run has the enrolment."""
        try:
            outcome = await self._walk()
            return await self._end(outcome)
        except Closed:
            return None

    async def _walk(self) -> str:
        try:
            while self.state.step is not None:
                self._run.stop_if_ended()
                if not self.state.is_inside and self.state.to_stage:
                    self._cursor.go(take_stage(self._run))
                outcome = await self._visit(self.state.step)
                if outcome is not None:
                    return outcome
            return "completed"
        except Ended:
            return self.state.ended_as or "stopped"

    async def _end(self, outcome: str) -> str:
        if self.state.is_inside and self.state.step:
            self._cursor.leave_behind(self.state.step)
        self.state.outcome = outcome
        self._run.show()
        await self._run.write(ended_as=outcome)
        return outcome

    async def _visit(self, step_id: str) -> str | None:
        """Do one step and go on to the next; returns the outcome when the step ends the enrolment."""
        step = self.program.place_by_id[step_id].step
        self._run.inquiry.forget()
        try:
            if not self.state.is_inside:
                self._cursor.enter(step_id)
            if self.state.memory.get(CIRCLES):
                await self._break_the_circle(step_id)
            way = await self._do(step)
            await attend(self._run, self._ctx)
            outcome = way.to if way.way == "finish" else None
            following = None if outcome else self.program.follow(step_id, way)
        except Moved as moved:
            outcome, following = None, moved.step
        self._cursor.leave_behind(step_id)
        if outcome is None:
            self._cursor.go(following)
        return outcome

    async def _do(self, step: Step) -> Next:
        if not step.enabled:
            return self._passed_over("not enabled")
        if not await self._is_wanted(step):
            return self._passed_over(f"not true: {step.when.source if step.when else ''}")
        if is_passed_over(self.state, step):
            del self.state.results[step.id]
        if step.resumes:
            self.state.last_wait = step.id
        if not step.is_waiting:
            self._run.show()
        return await step.run(self._ctx)

    async def _is_wanted(self, step: Step) -> bool:
        """Asked once a visit: what is true on entering stays so through a long wait."""
        if step.when is not None and not self.state.memory.get("is_wanted"):
            self._ctx.rewrite("is_wanted", await self._ctx.evaluate(step.when) is True)
        return step.when is None or bool(self.state.memory["is_wanted"])

    def _passed_over(self, why: str) -> Next:
        self._ctx.leave({"skipped": why})
        return FORWARD

    async def _break_the_circle(self, step_id: str) -> None:
        self.state.is_paused = True
        await self._run.write(pause=f"the step {step_id} was reached twice at the same moment: a loop without a wait")
        await resumption(self._run, self._ctx)
        self._ctx.rewrite(CIRCLES, False)
        self._run.circles.come_to(step_id, self._run.now)
