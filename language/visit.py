"""What a step may do in its visit: `language.context.Context` over a run."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from language import dispatch, waiting
from language.clause import Clause
from language.context import SendOrder, Woke
from language.delivery import Fact
from language.expression import Expression
from language.port import Answer, Deed
from language.request import traits_request
from language.run import Run
from language.state import Pass


class Visit:
    """The visit in which the run is, whichever that is."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._state = run.state

    @property
    def now(self) -> datetime:
        return self._run.now

    @property
    def entered_at(self) -> datetime:
        return self._state.entered_at or self.now

    @property
    def visit(self) -> int:
        return self._state.visits[self._state.step or ""]

    @property
    def rearmed_at(self) -> datetime:
        return self._run.inbox.rearmed_at or self.now

    # --- passes through a block that repeats

    @property
    def passes(self) -> int:
        latest = self._state.passes.get(self._state.step or "")
        return latest.count if latest else 0

    @property
    def pass_began_at(self) -> datetime:
        return self._state.passes[self._state.step or ""].began_at

    def begin_pass(self) -> None:
        self._run.circles.begin_pass(self._state.step)
        self._state.passes[self._state.step or ""] = Pass(count=self.passes + 1, began_at=self.now)

    # --- what it remembers and leaves

    def remember(self, name: str, make: Callable[[], Any]) -> Any:
        for kept in (self._state.moments, self._state.memory):
            if name in kept:
                return kept[name]
        value = make()
        self.rewrite(name, value)
        return value

    def rewrite(self, name: str, value: Any) -> None:
        if isinstance(value, datetime) or value is None:
            self._state.moments[name] = value
        else:
            self._state.memory[name] = value

    def leave(self, result: Mapping[str, Any]) -> None:
        self._state.results[self._state.step or ""] = dict(result)

    # --- what it asks

    async def evaluate(self, expression: Expression, event: Fact | None = None) -> Any:
        seen = event.properties if event else self._state.event
        return expression.evaluate(await self._run.inquiry.scope(expression, seen, self.now))

    async def recall(self, clauses: Sequence[Clause]) -> Sequence[Fact]:
        return await self._run.inquiry.recall(clauses, None)

    async def reaches(self, clause: Clause, fact: Fact) -> bool:
        return await self._run.inquiry.reaches(clause, fact)

    async def last_activity(self) -> datetime | None:
        return await self._run.inquiry.last_activity()

    async def zone(self) -> ZoneInfo:
        return await self._run.inquiry.zone()

    # --- waiting

    async def sleep(self, until: datetime | None, *, listen: bool = False, rearm: bool = False) -> Woke:
        return await waiting.sleep(self._run, self, until, listen=listen, rearm=rearm)

    async def news(self, clauses: Sequence[Clause]) -> Sequence[Fact]:
        state = self._state
        lost: list[Fact] = []
        if state.has_lost_news:
            recalled = await self._run.inquiry.recall(clauses, state.heard_until)
            lost = [fact for fact in recalled if not state.news or fact.at <= state.news[0].at]
        return sorted([*lost, *state.news], key=lambda fact: fact.at)

    def hear(self, fact: Fact | None, deadline: datetime | None) -> None:
        news = self._run.news
        if fact is None:
            news.pass_moment(min(deadline, self.now) if deadline else self.now)
            return
        self._state.event = dict(fact.properties)
        if news.is_new(fact):
            self._run.circles.forget()  # a loop that consumes events comes to an end
            news.pass_event(fact)
        else:
            news.pass_moment(self.now)

    def ignore(self, facts: Sequence[Fact]) -> None:
        self._run.news.ignore(facts)

    # --- acting

    async def send(self, order: SendOrder) -> Mapping[str, Mapping[str, Any]]:
        return await dispatch.send(self._run, self, order)

    async def do(self, deed: type[Deed], **what: Any) -> Answer:
        return await dispatch.do(self._run, self, deed, what)

    async def set_traits(self, traits: Mapping[str, Any]) -> None:
        await self._run.port.set_traits(traits_request(self._run, traits))
        self._run.inquiry.forget()
