"""The steps of a journey. One frozen class each: its fields, its checks, where it leads, and what it does.

A class added here, with a verb of its own, is a step of the language: the loader, the checker, the JSON Schema, the
simulator and the workflow take it from `Step.__subclasses__()`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, SerializeAsAny, Tag, WrapValidator, field_validator

from language.channel import CHANNELS
from language.clause import Clause, ToClauses, Use, uses
from language.context import FORWARD, LEAVE_OUT, Context, Next, SendOrder, Woke, enter, finish, go_to
from language.delivery import Fact
from language.duration import Duration, format_duration
from language.expression import Expression, parse_day, parse_moment
from language.part import Part
from language.window import Window

HEAD_ROOTS = frozenset({"event", "start", "profile", "journeys"})
ROOTS = frozenset({"start", "event", "profile", "steps", "journeys", "repeat", "now"})


class Step(Part):
    """What all steps have. `verb` is the field that names the step.

    `is_waiting`: leaving it decides which events are new. `goes_on`: what stands below it can follow it.
    `repeats_block`: its block leads back to it. `numbered`: two equal default ids are told apart by a number.
    """

    verb: ClassVar[str] = ""
    is_waiting: ClassVar[bool] = False
    repeats_block: ClassVar[bool] = False
    goes_on: ClassVar[bool] = True
    numbered: ClassVar[bool] = False

    id: str = Field(default="", description="Default: the verb and its main word.", pattern=r"^([a-z][a-z0-9_]*)?$")
    when: Expression | None = Field(default=None, description="Skipped unless this is true.")
    note: str | None = Field(default=None, description="For people; not carried into the workflow.")
    enabled: bool = Field(default=True, description="false: the step is passed over.")

    def default_id(self) -> str:
        """The id when none is written. Numbered kinds get a number appended when it is not unique."""
        return self.verb

    def title(self) -> str:
        """A few words for people, shown in the Temporal UI."""
        return self.id

    def blocks(self) -> "Mapping[str, Block]":
        """Nested steps by the name that `enter` takes."""
        return {}

    def targets(self) -> tuple[str, ...]:
        """Step ids this step may jump to."""
        return ()

    def clauses(self) -> tuple[Clause, ...]:
        """Events that wake this step, in the order in which they win."""
        return ()

    def rearms(self) -> tuple[Clause, ...]:
        """Events whose properties replace the enrolment's start properties of the same name."""
        return ()

    def own_expressions(self) -> Iterator[Use]:
        """The expressions of this step beside `when`."""
        return iter(())

    def expressions(self) -> Iterator[Use]:
        if self.when is not None:
            yield Use("when", self.when, ROOTS)
        yield from self.own_expressions()

    def takes_time(self) -> bool:
        """Whether every pass through the step waits for a length of time or for a new event."""
        return False

    async def run(self, ctx: Context) -> Next:
        raise NotImplementedError(f"the step {self.verb} has no run()")


def step_classes() -> dict[str, type[Step]]:
    """The step classes by verb."""
    return {cls.verb: cls for cls in Step.__subclasses__() if cls.verb}


def _parse_step(value: Any, _handler: Any) -> Step:
    """Choose the class by its verb. The loader has made sure that there is exactly one."""
    if isinstance(value, Step):
        return value
    known = step_classes()
    verb = next((verb for verb in known if isinstance(value, Mapping) and verb in value), None)
    if verb is None:
        raise ValueError(f"a step needs one verb: {', '.join(known)}")
    return known[verb].model_validate(value)


Block = tuple[Annotated[SerializeAsAny[Step], WrapValidator(_parse_step)], ...]
"""A list of steps, done one after the other."""


class Send(Step):
    """Send a message on one channel, or on several at the same moment."""

    verb: ClassVar[str] = "send"

    send: str = Field(description="The message's id: a file in `messages/`.", examples=["welcome"])
    via: Annotated[tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)] = Field(
        default=(), description="A channel or a list. Default: the message's only channel.", examples=["email"]
    )
    valid_for: Duration | None = Field(default=None, description="Later than that, it expires and is not sent.")
    with_: dict[str, Expression] = Field(default_factory=dict, alias="with", description="Extra template values.")
    if_unsure: Literal["rather_never", "rather_twice"] = Field(
        default="rather_never", description="When a crash leaves it unknowable whether the message went out."
    )

    @field_validator("via")
    @classmethod
    def _known_channels(cls, via: tuple[str, ...]) -> tuple[str, ...]:
        for channel in via:
            if channel not in CHANNELS:
                raise ValueError(f"{channel!r} is no channel; write one of {', '.join(CHANNELS)}")
        if len(set(via)) != len(via):
            raise ValueError("the same channel stands twice; name each once")
        return via

    def default_id(self) -> str:
        return f"send_{self.send}"

    def title(self) -> str:
        return f"{', '.join(self.via).upper()} {self.send}"

    def own_expressions(self) -> Iterator[Use]:
        for name, expression in self.with_.items():
            yield Use(f"with.{name}", expression, ROOTS)

    async def run(self, ctx: Context) -> Next:
        values = {name: await ctx.evaluate(expression) for name, expression in self.with_.items()}
        receipts = await ctx.send(SendOrder(self.send, self.via, self.valid_for, self.if_unsure, values))
        ctx.leave({**receipts, "outcome": receipts[self.via[0]]["status"]})
        return FORWARD


class Until(Part):
    """Wait for a date that stays live: it is computed again whenever the enrolment is rearmed."""

    until: Expression = Field(description="A moment.", examples=["start.expires_at - duration('24h')"])
    rearm_on: Annotated[tuple[Clause, ...], ToClauses] = Field(default=(), description="Events that move the date.")
    past: Literal["skip", "go", "exit"] = Field(
        default="skip",
        description="When the date has passed already, on entering or when it is moved: leave out what hangs on it, go "
        "on at once, or exit.",
    )
    missing: Literal["exit", "skip"] = Field(default="exit", description="When there is no readable date.")
    again_if_moved: bool = Field(default=False, description="Wait again when a date already passed moves ahead.")


class WindowWait(Part):
    """Wait until the customer's local time lies inside a window."""

    window: Window


class InactiveWait(Part):
    """Wait until the customer has done nothing for that long."""

    inactive: Duration


def _length(value: Any) -> Any:
    if isinstance(value, Mapping):
        raise ValueError("a wait is a duration or one of until, window, inactive; write for example `wait: 2d`")
    return value


def _wait_kind(value: Any) -> str:
    if isinstance(value, Until) or (isinstance(value, Mapping) and "until" in value):
        return "until"
    if isinstance(value, WindowWait) or (isinstance(value, Mapping) and "window" in value):
        return "window"
    if isinstance(value, InactiveWait) or (isinstance(value, Mapping) and "inactive" in value):
        return "inactive"
    return "duration"


WaitKind = Annotated[
    Annotated[Duration, BeforeValidator(_length), Tag("wait:duration")]
    | Annotated[Until, Tag("wait:until")]
    | Annotated[WindowWait, Tag("wait:window")]
    | Annotated[InactiveWait, Tag("wait:inactive")],
    Discriminator(lambda value: f"wait:{_wait_kind(value)}"),
]


class Wait(Step):
    """Wait for a length of time, until a date, for a window, or for inactivity."""

    verb: ClassVar[str] = "wait"
    is_waiting: ClassVar[bool] = True
    numbered: ClassVar[bool] = True

    wait: WaitKind

    def title(self) -> str:
        match self.wait:
            case Until(until=until):
                return f"until {until.source}"
            case WindowWait(window=window):
                return f"for the window {window.source}"
            case InactiveWait(inactive=length):
                return f"for {format_duration(length)} without activity"
            case length:
                return f"for {format_duration(length)}"

    def rearms(self) -> tuple[Clause, ...]:
        return self.wait.rearm_on if isinstance(self.wait, Until) else ()

    def own_expressions(self) -> Iterator[Use]:
        if isinstance(self.wait, Until):
            yield Use("wait.until", self.wait.until, ROOTS)
            yield from uses("wait.rearm_on", self.wait.rearm_on, HEAD_ROOTS)

    def takes_time(self) -> bool:
        return isinstance(self.wait, timedelta) and self.wait > timedelta(0)

    async def run(self, ctx: Context) -> Next:
        match self.wait:
            case Until() as until:
                return await _wait_until(until, ctx)
            case WindowWait(window=window):
                await _sleep_out(ctx, window.opens_at(ctx.entered_at, await ctx.zone()))
            case InactiveWait(inactive=length):
                await _wait_inactive(length, ctx)
            case length:
                await _sleep_out(ctx, ctx.entered_at + length)
        return FORWARD


async def _sleep_out(ctx: Context, deadline: datetime) -> None:
    until = ctx.remember("until", lambda: deadline)
    await ctx.sleep(until)
    ctx.hear(None, until)


async def _wait_until(until: Until, ctx: Context) -> Next:
    asked_at = ctx.entered_at
    while True:
        date = await moment_of(until.until, ctx)
        if date is None:
            return _way(until.missing, "missing_date")
        if date <= asked_at:
            return _way(until.past, "past_date")
        ctx.rewrite("until", date)
        if await ctx.sleep(date, rearm=True) is not Woke.REARMED:
            ctx.hear(None, date)
            return FORWARD
        # What comes after the date, known late, moves it ahead at most: the wait was over already.
        asked_at = ctx.rearmed_at if ctx.rearmed_at <= date else ctx.entered_at


def _way(way: Literal["skip", "go", "exit"], outcome: str) -> Next:
    return {"skip": LEAVE_OUT, "go": FORWARD, "exit": finish(outcome)}[way]


async def moment_of(expression: Expression, ctx: Context) -> datetime | None:
    """The moment an expression names. A day without a time begins at midnight in the customer's zone."""
    value = await ctx.evaluate(expression)
    if (day := parse_day(value)) is None:
        return parse_moment(value)
    try:
        return datetime.combine(day, time(), await ctx.zone()).astimezone(UTC)
    except OverflowError:
        return None


async def _wait_inactive(length: timedelta, ctx: Context) -> None:
    while True:
        last = await ctx.last_activity() or ctx.entered_at
        ctx.rewrite("until", last + length)
        if last + length <= ctx.now or await ctx.sleep(last + length) is Woke.SKIPPED:
            ctx.hear(None, min(last + length, ctx.now))
            return


class Arm(Clause):
    """One event a `wait_for` waits for, and what to do then; without `do` it goes on below."""

    do: Block = ()


class WaitFor(Step):
    """Wait for the first of several events, or until time is up."""

    verb: ClassVar[str] = "wait_for"
    is_waiting: ClassVar[bool] = True
    numbered: ClassVar[bool] = True

    wait_for: Annotated[tuple[Arm, ...], ToClauses, Field(min_length=1)]
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

    def clauses(self) -> tuple[Clause, ...]:
        return (*self.wait_for, *self.reset_on)

    def own_expressions(self) -> Iterator[Use]:
        yield from uses("wait_for", self.wait_for, ROOTS)
        yield from uses("reset_on", self.reset_on, ROOTS)

    def takes_time(self) -> bool:
        return self.already is None

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
            if await _concerns(ctx, clause, fact):
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


async def _concerns(ctx: Context, clause: Clause, fact: Fact) -> bool:
    if not clause.names(fact.name, fact.is_activity):
        return False
    if clause.of is not None and (fact.about or {}).get("step") != clause.of:
        return False
    if not await ctx.reaches(clause, fact):
        return False
    return clause.where is None or await ctx.evaluate(clause.where, fact) is True


class BranchArm(Part):
    """One way of a branch."""

    when: Expression
    do: Block = ()


class Branch(Step):
    """Take the first way whose condition is true."""

    verb: ClassVar[str] = "branch"
    numbered: ClassVar[bool] = True

    branch: tuple[BranchArm, ...] = Field(min_length=1)
    otherwise: Block = ()

    def blocks(self) -> Mapping[str, Block]:
        return {f"branch.{n}.do": arm.do for n, arm in enumerate(self.branch)} | {"otherwise": self.otherwise}

    def own_expressions(self) -> Iterator[Use]:
        for number, arm in enumerate(self.branch):
            yield Use(f"branch.{number}.when", arm.when, ROOTS)

    async def run(self, ctx: Context) -> Next:
        for number, arm in enumerate(self.branch):
            if await ctx.evaluate(arm.when) is True:
                ctx.leave({"outcome": arm.when.source})
                return enter(f"branch.{number}.do")
        ctx.leave({"outcome": "otherwise"})
        return enter("otherwise")


class Set(Step):
    """Write traits of the customer; values are CEL."""

    verb: ClassVar[str] = "set"
    numbered: ClassVar[bool] = True

    set: dict[str, Expression] = Field(min_length=1, examples=[{"last_stage": "'viewed'"}])

    def title(self) -> str:
        return f"set {', '.join(self.set)}"

    def own_expressions(self) -> Iterator[Use]:
        for name, expression in self.set.items():
            yield Use(f"set.{name}", expression, ROOTS)

    async def run(self, ctx: Context) -> Next:
        await ctx.set_traits({name: await ctx.evaluate(value) for name, value in self.set.items()})
        return FORWARD


class Stop(Step):
    """End the enrolment with this outcome."""

    verb: ClassVar[str] = "stop"
    goes_on: ClassVar[bool] = False
    numbered: ClassVar[bool] = True

    stop: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="The outcome.", examples=["qualified"])

    def default_id(self) -> str:
        return f"stop_{self.stop}"

    async def run(self, ctx: Context) -> Next:
        return finish(self.stop)


class GoTo(Step):
    """Go on at another step."""

    verb: ClassVar[str] = "go_to"
    goes_on: ClassVar[bool] = False
    numbered: ClassVar[bool] = True

    go_to: str = Field(description="A step's id.")

    def default_id(self) -> str:
        return f"go_to_{self.go_to}"

    def targets(self) -> tuple[str, ...]:
        return (self.go_to,)

    async def run(self, ctx: Context) -> Next:
        return go_to(self.go_to)
