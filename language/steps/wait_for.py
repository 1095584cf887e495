"""Waiting for something to happen."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from language.clause import Clause, ToClauses, Use, uses
from language.context import Context, Next, Woke, concerns, enter
from language.delivery import Fact
from language.duration import Duration, format_duration
from language.ending import Ending
from language.steps.step import ROOTS, Block, Step


class Arm(Clause):
    """One event a `wait_for` waits for, and what to do then; without `do` it goes on below."""

    do: Block = Field(default=(), description="What is done then; left out: what stands below.")


class WaitFor(Step):
    """Wait for the first of several events, or until time is up."""

    verb: ClassVar[str] = "wait_for"
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"wait_for": "Subscribed", "within": "3d", "otherwise": [{"send": "reminder"}]}]
        }
    )
    is_waiting: ClassVar[bool] = True
    resumes: ClassVar[bool] = True
    numbered: ClassVar[bool] = True

    wait_for: Annotated[tuple[Arm, ...], ToClauses, Field(min_length=1)] = Field(
        description="An event's name, several, or for each what it leads to. The first that fits wins."
    )
    within: Duration | None = Field(default=None, description="Time limit. Default: none.")
    otherwise: Block = Field(default=(), description="What to do when the time is up.")
    already: Literal["counts"] | None = Field(
        default=None, description="`counts`: an event since the enrolment began counts too."
    )
    reset_on: Annotated[tuple[Clause, ...], ToClauses] = Field(default=(), description="Starts the time anew.")

    def default_id(self) -> str:
        return "_".join(["wait_for", *re.findall(r"[a-z0-9]+", self.wait_for[0].on[0].lower())])

    def title(self) -> str:
        names = " or ".join(name for arm in self.wait_for for name in arm.on)
        return f"for {names}" + (f", at most {format_duration(self.within)}" if self.within else "")

    def blocks(self) -> Mapping[str, Block]:
        return {f"wait_for.{n}.do": arm.do for n, arm in enumerate(self.wait_for)} | {"otherwise": self.otherwise}

    def way_in_words(self, block: str) -> str:
        if block == "otherwise":
            return "when the time is up"
        return "on " + " or ".join(self.wait_for[int(block.split(".")[1])].on)

    def clauses(self) -> tuple[Clause, ...]:
        return (*self.wait_for, *self.reset_on)

    def own_expressions(self) -> Iterator[Use]:
        yield from uses("wait_for", self.wait_for, ROOTS)
        yield from uses("reset_on", self.reset_on, ROOTS)

    def takes_time(self) -> bool:
        return self.already is None

    def endings(self) -> Iterator[Ending]:
        for number in range(len(self.wait_for)):
            block = f"wait_for.{number}.do"
            yield Ending(self.way_in_words(block), enter(block), most=None if self.reset_on else self.within)
        if self.within is not None:
            most = None if self.reset_on else self.within
            yield Ending(self.way_in_words("otherwise"), enter("otherwise"), self.within, most)

    async def run(self, ctx: Context) -> Next:
        deadline = ctx.remember("until", lambda: ctx.entered_at + self.within if self.within else None)
        found = await self._earlier(ctx)
        while found is None:
            found, deadline = await self._first(ctx, deadline)
            if found is None and await ctx.sleep(deadline, listen=True) in (Woke.DUE, Woke.SKIPPED):
                return self._time_is_up(ctx, deadline)
        return self._matched(ctx, *found)

    async def _earlier(self, ctx: Context) -> tuple[int, Fact] | None:
        """What came before this wait, if that counts; asked once a visit."""
        if self.already is None or ctx.remember("recalled", lambda: False):
            return None
        ctx.rewrite("recalled", True)
        return await self._pick(ctx, await ctx.recall(self.wait_for))

    async def _first(self, ctx: Context, deadline: datetime | None) -> tuple[tuple[int, Fact] | None, datetime | None]:
        """Test the news in order of time; a reset in between moves the deadline."""
        for at, facts in groupby(await ctx.news(self.clauses()), key=lambda fact: fact.at):
            together = list(facts)
            if deadline is not None and at > deadline:
                break
            if found := await self._pick(ctx, together):
                return found, deadline
            deadline = await self._reset(ctx, together, deadline)
            ctx.ignore(together)
        return None, deadline

    async def _reset(self, ctx: Context, facts: Sequence[Fact], deadline: datetime | None) -> datetime | None:
        for fact in facts:
            if self.within and deadline and await self._number(ctx, fact, self.reset_on) is not None:
                deadline = max(deadline, fact.at + self.within)
                ctx.rewrite("until", deadline)
        return deadline

    async def _pick(self, ctx: Context, facts: Sequence[Fact]) -> tuple[int, Fact] | None:
        """The earliest match; among events of one moment the first arm wins."""
        found = [
            (fact.at, n, fact) for fact in facts if (n := await self._number(ctx, fact, self.wait_for)) is not None
        ]
        best = min(found, key=lambda item: item[:2], default=None)
        return best and (best[1], best[2])

    async def _number(self, ctx: Context, fact: Fact, clauses: tuple[Clause, ...]) -> int | None:
        for number, clause in enumerate(clauses):
            if await concerns(ctx, clause, fact):
                return number
        return None

    def _matched(self, ctx: Context, number: int, fact: Fact) -> Next:
        ctx.hear(fact, None)
        ctx.leave({"outcome": fact.name, "event": fact.properties})
        return enter(f"wait_for.{number}.do")

    def _time_is_up(self, ctx: Context, deadline: datetime | None) -> Next:
        ctx.hear(None, deadline)
        ctx.leave({"outcome": "timeout"})
        return enter("otherwise")
