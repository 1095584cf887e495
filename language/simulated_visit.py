"""What a simulated step may do when everything is to be told: each wait, and the reason of each turn."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from language.context import SendOrder, Woke
from language.delivery import Fact
from language.expression import Expression
from language.inquiry import plain
from language.port import Answer, Deed, DrawArm, TakeCoupon
from language.report import in_words
from language.run import Run
from language.simulated_world import SimulatedWorld
from language.visit import Visit

LONGEST_VALUE = 60
"""Characters of a value that a condition has looked at."""


class Teller:
    """Tells the simulated world about one enrolment."""

    def __init__(self, world: SimulatedWorld, enrolment: int) -> None:
        self._world, self._enrolment = world, enrolment
        self._told: set[tuple[Any, ...]] = set()

    def tell(self, kind: str, name: str, **more: Any) -> None:
        self._world.tell(kind, name, enrolment=self._enrolment, **more)

    def explain(self, step_id: str, why: str) -> None:
        """A step may ask the same again whenever something stirs it; at one moment it is told once."""
        if self._is_new(self._world.now, why):
            self.tell("why", step_id, why=why)

    def wait(self, step_id: str, words: str, until: datetime | None) -> None:
        """The same wait again is told once a visit."""
        if self._is_new("wait", until):
            self.tell("wait", words, until=until and until - self._world.begins, step=step_id)

    def forget(self) -> None:
        """What was told may be told again: another visit begins."""
        self._told.clear()

    def _is_new(self, *what: Any) -> bool:
        if what in self._told:
            return False
        self._told.add(what)
        return True


class TellingVisit(Visit):
    """Does what its parent does, and has it told."""

    def __init__(self, run: Run, teller: Teller) -> None:
        super().__init__(run)
        self._teller = teller
        self._is_acting = False

    async def evaluate(self, expression: Expression, event: Fact | None = None) -> Any:
        value = await super().evaluate(expression, event)
        if not expression.paths:
            return value
        seen = [f"{'.'.join(path)} = {shown(await self._value(path, event))}" for path in expression.paths]
        asked = f"for {event.name}, " if event else ""
        self._explain(f"{asked}{' '.join(expression.source.split())} is {shown(value)} ({', '.join(seen)})")
        return value

    async def _value(self, path: Sequence[str], event: Fact | None) -> Any:
        return await super().evaluate(Expression(".".join(path)), event)

    async def sleep(self, until: datetime | None, *, listen: bool = False, rearm: bool = False) -> Woke:
        is_ahead = until is None or until > self.now
        if is_ahead and not self._is_acting:
            step = self._run.program.place_by_id[self._state.step or ""].step
            self._teller.wait(step.id, in_words(step.model_copy(update={"when": None})), until)
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
            self._teller.tell("arm", str(what["experiment"]), why=str(answer.result.get("arm", answer.reason)))
        elif deed is TakeCoupon and answer.verdict == "done":
            self._teller.tell("coupon", str(what["pool"]), why=str(answer.result.get("code")))
        elif answer.verdict == "refused":
            self._explain(f"refused: {answer.reason}")
        return answer

    async def set_traits(self, traits: Mapping[str, Any]) -> None:
        await super().set_traits(traits)
        self._teller.tell("set", ", ".join(traits), values=plain(dict(traits)))

    def _explain(self, why: str) -> None:
        self._teller.explain(self._state.step or "", why)


def shown(value: Any) -> str:
    """A value in a sentence, cut short."""
    match plain(value):
        case None:
            return "null"
        case bool() as claim:
            return "true" if claim else "false"
        case str() as text:
            return _short(text) if isinstance(value, datetime) else f'"{_short(text)}"'
        case other:
            return _short(str(other))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
