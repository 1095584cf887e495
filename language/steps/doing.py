"""Doing something beside messages: traits, people, other systems, codes, other journeys."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field

from language.clause import Clause, Use
from language.context import FORWARD, Context, Next, Woke, enter
from language.delivery import Fact
from language.duration import Duration
from language.ending import Ending
from language.expression import Expression
from language.part import Part
from language.port import CallDestination, Escalation, OpenTask, StartJourney, TakeCoupon
from language.steps.step import ROOTS, Block, Step

NAME = r"^[a-z][a-z0-9_]*$"
TASK_COMPLETED = "Task Completed"
Values = Annotated[dict[str, Expression], Field(default_factory=dict, alias="with")]


def _uses(values: Mapping[str, Expression]) -> Iterator[Use]:
    for name, expression in values.items():
        yield Use(f"with.{name}", expression, ROOTS)


async def _evaluated(ctx: Context, values: Mapping[str, Expression]) -> dict[str, Any]:
    return {name: await ctx.evaluate(expression) for name, expression in values.items()}


class Set(Step):
    """Write traits of the customer; values are CEL."""

    verb: ClassVar[str] = "set"
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"set": {"last_stage": "'viewed'", "score": "event.score"}}]}
    )
    numbered: ClassVar[bool] = True

    set: dict[str, Expression] = Field(
        min_length=1, description="The traits and their values, in CEL.", examples=[{"last_stage": "'viewed'"}]
    )

    def title(self) -> str:
        return f"set {', '.join(self.set)}"

    def own_expressions(self) -> Iterator[Use]:
        for name, expression in self.set.items():
            yield Use(f"set.{name}", expression, ROOTS)

    async def run(self, ctx: Context) -> Next:
        await ctx.set_traits({name: await ctx.evaluate(value) for name, value in self.set.items()})
        return FORWARD


class Escalate(Part):
    """To whom an open task goes when nobody has done it for so long."""

    after: Duration = Field(description="So long after the task was opened.", examples=["2h"])
    to: str = Field(description="The team that gets it then.", examples=["sales_lead"])


class Task(Step):
    """Have a person do something, and go on by what they answer."""

    verb: ClassVar[str] = "task"
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"task": "qualify", "to": "sales", "within": "1d", "results": {"A": [], "B": [{"stop": "lost"}]}}
            ]
        }
    )
    is_waiting: ClassVar[bool] = True

    task: str = Field(pattern=NAME, description="The task's name.", examples=["qualify"])
    to: str = Field(min_length=1, description="The team whose task it is.", examples=["sales"])
    ask: str | None = Field(default=None, description="What has to be done, for the person who does it.")
    within: Duration | None = Field(default=None, description="Time limit. Default: none.")
    results: dict[str, Block] = Field(default_factory=dict, description="The answers to choose from, and what follows.")
    otherwise: Block = Field(default=(), description="What to do when the time is up.")
    escalate: Annotated[
        tuple[Escalate, ...],
        BeforeValidator(
            lambda v: (v,) if isinstance(v, Mapping) else v, json_schema_input_type=Escalate | tuple[Escalate, ...]
        ),
    ] = Field(default=(), description="To whom it goes when nobody has done it for so long.")
    with_: Values = Field(default_factory=dict, alias="with", description="What the person needs to know.")

    def default_id(self) -> str:
        return f"task_{self.task}"

    def title(self) -> str:
        return f"{self.ask or self.task} ({self.to})"

    def blocks(self) -> Mapping[str, Block]:
        return {f"results.{result}": block for result, block in self.results.items()} | {"otherwise": self.otherwise}

    def way_in_words(self, block: str) -> str:
        return "when the time is up" if block == "otherwise" else f"if {block.removeprefix('results.')}"

    def passes_on(self) -> bool:
        return not self.results

    def clauses(self) -> tuple[Clause, ...]:
        return (Clause(on=(TASK_COMPLETED,), of=self.id),)

    def own_expressions(self) -> Iterator[Use]:
        return _uses(self.with_)

    def endings(self) -> Iterator[Ending]:
        for result in self.results:
            block, left = f"results.{result}", {"outcome": result, "result": result}
            yield Ending(self.way_in_words(block), enter(block), most=self.within, results=(left,))
        if not self.results:
            yield Ending("when it is done", FORWARD, most=self.within, results=({"outcome": "done", "result": "done"},))
        if self.within is not None:
            words = self.way_in_words("otherwise")
            yield Ending(words, enter("otherwise"), self.within, self.within, results=({"outcome": "timeout"},))

    async def run(self, ctx: Context) -> Next:
        deadline = ctx.remember("until", lambda: ctx.entered_at + self.within if self.within else None)
        if not ctx.remember("opened", bool):
            if (way := await self._open(ctx, deadline)) is not None:
                return way
            ctx.rewrite("opened", True)
        while (done := await self._done(ctx, deadline)) is None:
            if await ctx.sleep(deadline, listen=True) in (Woke.DUE, Woke.SKIPPED):
                ctx.hear(None, deadline)
                ctx.leave({"outcome": "timeout"})
                return enter("otherwise")
        ctx.hear(done, None)
        return self._answered(ctx, done.properties)

    def _answered(self, ctx: Context, completed: Mapping[str, Any]) -> Next:
        result = str(completed.get("result") or "done")
        ctx.leave({"outcome": result, "result": result, "note": completed.get("note")})
        return enter(f"results.{result}") if result in self.results else FORWARD

    async def _open(self, ctx: Context, deadline: Any) -> Next | None:
        """None: it is open. A run that begins anew may find it done already."""
        answer = await ctx.do(
            OpenTask,
            task=self.task,
            to=self.to,
            title=self.ask or self.task.replace("_", " "),
            values=await _evaluated(ctx, self.with_),
            results=tuple(self.results),
            due_at=deadline,
            escalations=tuple(Escalation(at=ctx.entered_at + later.after, to=later.to) for later in self.escalate),
        )
        if answer.verdict == "refused":
            ctx.leave({"outcome": "refused", "reason": answer.reason})
            return enter("otherwise")
        completed = answer.result.get("completed")
        if completed is None:
            return None
        ctx.hear(None, None)
        return self._answered(ctx, completed)

    async def _done(self, ctx: Context, deadline: Any) -> Fact | None:
        for fact in await ctx.news(self.clauses()):
            about = fact.about or {}
            is_ours = fact.name == TASK_COMPLETED and about.get("step") == self.id
            if is_ours and about.get("visit") == str(ctx.visit) and (deadline is None or fact.at <= deadline):
                return fact
        return None


class Call(Step):
    """Call another system: a destination of `destinations.yaml`, or a registered Python function."""

    verb: ClassVar[str] = "call"
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"call": "crm_lead", "with": {"lead": "start.lead_id"}, "otherwise": [{"stop": "unreachable"}]}
            ]
        }
    )

    call: str = Field(pattern=NAME, description="The destination's or the function's name.", examples=["crm_lead"])
    otherwise: Block = Field(default=(), description="What to do when it refused, or stayed down past its retries.")
    with_: Values = Field(default_factory=dict, alias="with", description="What it is told.")

    def default_id(self) -> str:
        return f"call_{self.call}"

    def title(self) -> str:
        return f"call {self.call}"

    def blocks(self) -> Mapping[str, Block]:
        return {"otherwise": self.otherwise}

    def way_in_words(self, block: str) -> str:
        return "if it refuses"

    def passes_on(self) -> bool:
        return True

    def own_expressions(self) -> Iterator[Use]:
        return _uses(self.with_)

    def endings(self) -> Iterator[Ending]:
        yield Ending("", FORWARD)
        yield Ending(self.way_in_words("otherwise"), enter("otherwise"), results=({"outcome": "refused"},))

    async def run(self, ctx: Context) -> Next:
        answer = await ctx.do(CallDestination, destination=self.call, values=await _evaluated(ctx, self.with_))
        if answer.verdict == "done":
            ctx.leave({"outcome": "done", "answer": answer.result})
            return FORWARD
        ctx.leave({"outcome": "refused", "reason": answer.reason})
        return enter("otherwise")


class Coupon(Step):
    """Take one code out of a pool: never the same twice."""

    verb: ClassVar[str] = "coupon"
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"coupon": "bonus30", "otherwise": [{"stop": "no_codes"}]}]}
    )

    coupon: str = Field(pattern=NAME, description="The pool.", examples=["bonus30"])
    otherwise: Block = Field(default=(), description="What to do when the pool is empty.")

    def default_id(self) -> str:
        return f"coupon_{self.coupon}"

    def title(self) -> str:
        return f"coupon {self.coupon}"

    def blocks(self) -> Mapping[str, Block]:
        return {"otherwise": self.otherwise}

    def way_in_words(self, block: str) -> str:
        return "if the pool is empty"

    def passes_on(self) -> bool:
        return True

    def endings(self) -> Iterator[Ending]:
        yield Ending("", FORWARD)
        yield Ending(self.way_in_words("otherwise"), enter("otherwise"), results=({"outcome": "empty"},))

    async def run(self, ctx: Context) -> Next:
        answer = await ctx.do(TakeCoupon, pool=self.coupon)
        if answer.verdict == "done":
            ctx.leave({"outcome": "taken", "code": answer.result.get("code")})
            return FORWARD
        ctx.leave({"outcome": "empty", "reason": answer.reason})
        return enter("otherwise")


class Start(Step):
    """Enrol the customer in another journey, one that says `call: true`. This one goes on."""

    verb: ClassVar[str] = "start"
    model_config = ConfigDict(json_schema_extra={"examples": [{"start": "nurture", "with": {"source": "'webinar'"}}]})
    numbered: ClassVar[bool] = True

    start: str = Field(pattern=NAME, description="The journey's id.", examples=["nurture"])
    with_: Values = Field(
        default_factory=dict, alias="with", description="Its `start` properties, beside those of this journey."
    )

    def default_id(self) -> str:
        return f"start_{self.start}"

    def title(self) -> str:
        return f"start {self.start}"

    def own_expressions(self) -> Iterator[Use]:
        yield from _uses(self.with_)

    async def run(self, ctx: Context) -> Next:
        own = await ctx.evaluate(Expression("start")) or {}
        properties = {**own, **await _evaluated(ctx, self.with_)}
        answer = await ctx.do(StartJourney, target=self.start, properties=properties)
        ctx.leave({"outcome": "started" if answer.verdict == "done" else "refused", "reason": answer.reason})
        return FORWARD
