"""Going elsewhere: again, to another step, to the end, or nowhere until the stage changes."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from language.clause import Clause, ToClauses, Use, uses
from language.context import FORWARD, Context, Next, enter, finish, go_to
from language.duration import Duration, format_duration
from language.ending import Ending
from language.steps.step import ROOTS, Block, Step


class Repeat(Step):
    """Do the same several times."""

    verb: ClassVar[str] = "repeat"
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"repeat": 7, "every": "1d", "until": "Account Topped Up", "do": [{"send": "lesson"}]}]
        }
    )
    is_waiting: ClassVar[bool] = True
    repeats_block: ClassVar[bool] = True
    numbered: ClassVar[bool] = True

    repeat: int = Field(ge=1, le=1000, description="How many times.", examples=[7])
    every: Duration | None = Field(default=None, description="From the beginning of one time to the next.")
    until: Annotated[tuple[Clause, ...], ToClauses] = Field(
        default=(), description="Events that end it at once, also in the middle of a time."
    )
    do: Block = Field(min_length=1, description="What is done each time; `repeat.index` is 1, 2, 3 …")

    def title(self) -> str:
        return f"{self.repeat} times" + (f", every {format_duration(self.every)}" if self.every else "")

    def blocks(self) -> Mapping[str, Block]:
        return {"do": self.do}

    def way_in_words(self, block: str) -> str:
        return "each time"

    def interrupts(self) -> tuple[Clause, ...]:
        return self.until

    def clauses(self) -> tuple[Clause, ...]:
        return self.until

    def own_expressions(self) -> Iterator[Use]:
        return uses("until", self.until, ROOTS)

    def passes_on(self) -> bool:
        return True

    def takes_time(self) -> bool:
        return self.every is not None and self.every > timedelta(0)

    async def run(self, ctx: Context) -> Next:
        if ctx.passes >= self.repeat:
            ctx.leave({"outcome": "done"})
            return FORWARD
        if ctx.passes and self.every:
            next_at = ctx.pass_began_at + self.every
            if next_at > ctx.now:
                await ctx.sleep(next_at)
                ctx.hear(None, next_at)
        ctx.begin_pass()
        return enter("do")


class Stop(Step):
    """End the enrolment with this outcome."""

    verb: ClassVar[str] = "stop"
    model_config = ConfigDict(json_schema_extra={"examples": [{"stop": "qualified"}]})
    goes_on: ClassVar[bool] = False
    numbered: ClassVar[bool] = True

    stop: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="The outcome.", examples=["qualified"])

    def default_id(self) -> str:
        return f"stop_{self.stop}"

    def endings(self) -> Iterator[Ending]:
        yield Ending("", finish(self.stop))

    async def run(self, ctx: Context) -> Next:
        return finish(self.stop)


class GoTo(Step):
    """Go on at another step."""

    verb: ClassVar[str] = "go_to"
    model_config = ConfigDict(json_schema_extra={"examples": [{"go_to": "study"}]})
    goes_on: ClassVar[bool] = False
    numbered: ClassVar[bool] = True

    go_to: str = Field(description="A stage, or a step's id.", examples=["study"])

    def default_id(self) -> str:
        return f"go_to_{self.go_to}"

    def targets(self) -> tuple[str, ...]:
        return (self.go_to,)

    async def run(self, ctx: Context) -> Next:
        return go_to(self.go_to)


class Rest(Step):
    """Where a stage's steps are done: nothing happens until the stage changes. It cannot be written."""

    verb: ClassVar[str] = "rest"
    is_waiting: ClassVar[bool] = True
    goes_on: ClassVar[bool] = False

    def title(self) -> str:
        return "for the next status"

    async def run(self, ctx: Context) -> Next:
        while True:
            await ctx.sleep(None)
