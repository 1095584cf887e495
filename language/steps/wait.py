"""Waiting for time to pass: a length, a date that stays live, a window, silence."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag

from language.clause import Clause, ToClauses, Use, uses
from language.context import FORWARD, LEAVE_OUT, Context, Next, Woke, finish
from language.duration import Duration, format_duration
from language.ending import Ending
from language.expression import Expression, parse_day, parse_moment
from language.part import Part
from language.steps.step import HEAD_ROOTS, ROOTS, Step
from language.window import Window

LONGEST_TO_WINDOW = timedelta(days=7)


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

    window: Window = Field(description="Days and hours on the customer's clock.")


class InactiveWait(Part):
    """Wait until the customer has done nothing for that long."""

    inactive: Duration = Field(description="How long the customer has done nothing.", examples=["7d"])


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
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"wait": "2d"}, {"wait": {"window": "Mon-Fri 09:00-18:00"}}]}
    )
    is_waiting: ClassVar[bool] = True
    resumes: ClassVar[bool] = True
    numbered: ClassVar[bool] = True

    wait: WaitKind = Field(
        description="A length of time, or one of `until` (a date), `window` (hours of the day), `inactive` (silence)."
    )

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

    def endings(self) -> Iterator[Ending]:
        match self.wait:
            case Until() as until:
                yield Ending("on the date", FORWARD, most=None)
                yield Ending("the date has passed already", _way(until.past, "past_date"))
                yield Ending("there is no date", _way(until.missing, "missing_date"))
            case WindowWait():
                yield Ending("", FORWARD, most=LONGEST_TO_WINDOW)
            case InactiveWait(inactive=length):
                yield Ending("", FORWARD, least=length, most=None)
            case length:
                yield Ending("", FORWARD, least=length, most=length)

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
