"""The interpreter of a simulated enrolment when everything is to be told: each wait, and the reason of each turn."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from language.context import SendOrder, Woke
from language.delivery import Fact
from language.expression import Expression
from language.inquiry import plain
from language.interpreter import Ended, Interpreter
from language.listening import Effects
from language.port import Answer, Deed, DrawArm, TakeCoupon
from language.program import Program
from language.report import in_words, result_in_words
from language.simulated_port import SimulatedPort
from language.state import Enrolment, State

LONGEST_VALUE = 60
"""Characters of a value that a condition has looked at."""


class TellingInterpreter(Interpreter):
    """Does what its parent does, and tells the simulated world about it."""

    def __init__(self, program: Program, enrolment: Enrolment, state: State, port: SimulatedPort) -> None:
        super().__init__(program, enrolment, state, port)
        self._world = port.world
        self._stage: str | None = None
        self._is_acting = False
        self._told: set[tuple[Any, ...]] = set()

    # --- the loop

    async def _visit(self, step_id: str) -> str | None:
        stage = self.program.stage_of(step_id)
        if stage != self._stage:
            self._stage = stage
            self._tell("stage", stage or "")
        self._told.clear()
        self._explain(f"comes to: {in_words(self.program.place_by_id[step_id].step)}", step_id)
        before = dict(self.state.results)
        try:
            outcome = await super()._visit(step_id)
        except Ended:
            self._explain(f"breaks off: the enrolment has ended as {self.state.ended_as}", step_id)
            raise
        self._explain(f"{self._left(step_id, before)}; goes on to {self._following(outcome)}", step_id)
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

    # --- what a step asks and does

    async def evaluate(self, expression: Expression, event: Fact | None = None) -> Any:
        value = await super().evaluate(expression, event)
        if not expression.paths:
            return value
        seen = [f"{'.'.join(path)} = {_shown(await self._value(path, event))}" for path in expression.paths]
        asked = f"for {event.name}, " if event else ""
        self._explain(f"{asked}{' '.join(expression.source.split())} is {_shown(value)} ({', '.join(seen)})")
        return value

    async def _value(self, path: Sequence[str], event: Fact | None) -> Any:
        return await super().evaluate(Expression(".".join(path)), event)

    async def sleep(self, until: datetime | None, *, listen: bool = False, rearm: bool = False) -> Woke:
        is_ahead = until is None or until > self.now
        if is_ahead and not self._is_acting and ("wait", until) not in self._told:
            self._told.add(("wait", until))
            step = self.program.place_by_id[self.state.step or ""].step
            words = in_words(step.model_copy(update={"when": None}))
            self._tell("wait", words, until=until and until - self._world.begins, step=step.id)
        woke = await super().sleep(until, listen=listen, rearm=rearm)
        if woke is Woke.DUE and is_ahead:
            self._explain("the time is up")
        return woke

    def hear(self, fact: Fact | None, deadline: datetime | None) -> None:
        if fact is not None:
            self._explain(f"{fact.name} is what it waited for")
        elif deadline is not None:
            self._explain("the time is up" if deadline <= self.now else "a person skipped the wait")
        super().hear(fact, deadline)

    def ignore(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            self._explain(f"{fact.name} is not what it waits for")
        super().ignore(facts)

    async def send(self, order: SendOrder) -> Mapping[str, Mapping[str, Any]]:
        self._is_acting = True
        try:
            return await super().send(order)
        finally:
            self._is_acting = False

    async def do(self, deed: type[Deed], **what: Any) -> Answer:
        is_acting, self._is_acting = self._is_acting, True
        try:
            answer = await super().do(deed, **what)
        finally:
            self._is_acting = is_acting
        if deed is DrawArm:
            self._tell("arm", str(what["experiment"]), why=str(answer.result.get("arm", answer.reason)))
        elif deed is TakeCoupon and answer.verdict == "done":
            self._tell("coupon", str(what["pool"]), why=str(answer.result.get("code")))
        elif answer.verdict == "refused":
            self._explain(f"refused: {answer.reason}")
        return answer

    async def set_traits(self, traits: Mapping[str, Any]) -> None:
        await super().set_traits(traits)
        self._tell("set", ", ".join(traits), values=plain(dict(traits)))

    # --- telling

    def _explain(self, why: str, step_id: str | None = None) -> None:
        if self._is_new(why):
            self._tell("why", step_id or self.state.step or "", why=why)

    def _is_new(self, *what: Any) -> bool:
        """A step may ask the same again whenever something stirs it; at one moment it is told once."""
        if (self.now, *what) in self._told:
            return False
        self._told.add((self.now, *what))
        return True

    def _tell(self, kind: str, name: str, **more: Any) -> None:
        self._world.tell(kind, name, enrolment=self.enrolment.enrolment_id, **more)


def told_of(event: str, effects: Effects, *, is_active: bool) -> Iterator[tuple[str, str]]:
    """What an event does to an enrolment from outside, as kinds of happenings and their reasons."""
    if effects.goal:
        yield "goal", "the goal is reached" if is_active else "the goal is reached, after the end"
    if effects.outcome:
        yield "why", f"{event} ends the enrolment as {effects.outcome}"
    if effects.stage:
        yield "why", f"its status belongs to the stage {effects.stage}"
    elif effects.rearmed:
        moved = ", ".join(f"start.{name} = {_shown(value)}" for name, value in effects.rearmed.items())
        yield "why", f"moves what the journey counts with: {moved}"
    elif is_active and effects.is_nothing:
        yield "why", "changes nothing: the journey does not listen to this, or its condition is not true"


def _shown(value: Any) -> str:
    match plain(value):
        case None:
            return "null"
        case bool() as claim:
            return "true" if claim else "false"
        case str() as text:
            short = text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
            return short if isinstance(value, datetime) else f'"{short}"'
        case other:
            text = str(other)
            return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
