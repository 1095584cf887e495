"""Sending: one message on one or several channels, or on one channel after the other."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from language.channel import CHANNELS, Channel
from language.clause import Clause, Use
from language.context import FORWARD, Context, Next, SendOrder, Woke
from language.delivery import Fact
from language.duration import Duration
from language.ending import NO_TIME, Ending, Sending
from language.expression import Expression
from language.message_event import CALL_ENDS, EVENTS, GONE_WRONG, Report, event_name, fulfils, reports_of
from language.part import Part
from language.steps.step import ROOTS, Step

LONGEST_CALL = timedelta(hours=2)
"""After that, nobody will say any more how a call ended."""

WENT_OUT = frozenset({"sent", "unknown", "held_out"})
"""Verdicts after which something may be hoped for, or has to look as if: a control group waits as others do."""

OnCap = Literal["drop", "defer", "next_channel"]


def _check_channels(channels: tuple[str, ...]) -> tuple[str, ...]:
    for channel in channels:
        if channel not in CHANNELS:
            raise ValueError(f"{channel!r} is no channel; write one of {', '.join(CHANNELS)}")
    if len(set(channels)) != len(channels):
        raise ValueError("the same channel stands twice; name each once")
    return channels


class Send(Step):
    """Send a message on one channel, or on several at the same moment."""

    verb: ClassVar[str] = "send"
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"send": "welcome", "via": ["email", "sms"], "valid_for": "2d"}]}
    )

    send: str = Field(description="The message's id: a file in `messages/`.", examples=["welcome"])
    via: Annotated[
        tuple[str, ...],
        BeforeValidator(
            lambda v: (v,) if isinstance(v, str) else v, json_schema_input_type=Channel | tuple[Channel, ...]
        ),
    ] = Field(default=(), description="A channel or a list. Default: the message's only channel.", examples=["email"])
    valid_for: Duration | None = Field(default=None, description="Later than that, it expires and is not sent.")
    on_cap: Literal["drop", "defer"] = Field(
        default="drop",
        description="When a cap of the contact policy is reached: leave it out, or wait until it is not.",
    )
    wait: Literal["accepted"] | None = Field(
        default=None, description="`accepted`: go on when a call is placed. Default: when it has ended."
    )
    with_: dict[str, Expression] = Field(default_factory=dict, alias="with", description="Extra template values.")
    if_unsure: Literal["rather_never", "rather_twice"] = Field(
        default="rather_never", description="When a crash leaves it unknowable whether the message went out."
    )

    _known_channels = field_validator("via")(_check_channels)

    def default_id(self) -> str:
        return f"send_{self.send}"

    def title(self) -> str:
        return f"{', '.join(self.via).upper()} {self.send}"

    def sends(self) -> Mapping[str, tuple[str, ...]]:
        return {self.send: self.via}

    def clauses(self) -> tuple[Clause, ...]:
        return (Clause(on=tuple(_events("voice", CALL_ENDS)), of=self.id),) if self._waits_for_call() else ()

    def own_expressions(self) -> Iterator[Use]:
        for name, expression in self.with_.items():
            yield Use(f"with.{name}", expression, ROOTS)

    def endings(self) -> Iterator[Ending]:
        sends = tuple(Sending(self.send, channel) for channel in self.via)
        if not self._waits_for_call():
            yield Ending(
                "", FORWARD, sends=sends, results=tuple(self._left(status) for status in ("sent", "suppressed"))
            )
            return
        for report in CALL_ENDS:
            words = f"{event_name('voice', report).lower()}"
            yield Ending(words, FORWARD, most=LONGEST_CALL, sends=sends, results=(self._left("sent", report),))
        others = tuple(sending for sending in sends if sending.channel != "voice")
        left = tuple(self._left("sent", status) for status in ("undeliverable", "suppressed", "expired"))
        yield Ending("no call is made", FORWARD, sends=others, results=left)

    def _left(self, status: str, voice: str | None = None) -> dict[str, Any]:
        by_channel = {channel: {"status": status} for channel in self.via}
        if voice is not None:
            by_channel["voice"] = {"status": voice}
        return {**by_channel, "outcome": by_channel[self.via[0]]["status"]}

    async def run(self, ctx: Context) -> Next:
        values = {name: await ctx.evaluate(expression) for name, expression in self.with_.items()}
        order = SendOrder(self.send, self.via, self.valid_for, self.if_unsure, self.on_cap, values)
        receipts = dict(await ctx.send(order))
        if self._waits_for_call() and receipts["voice"]["status"] == "sent":
            receipts["voice"] = await _end_of_call(ctx, self.id, self.clauses())
        ctx.leave({**receipts, "outcome": receipts[self.via[0]]["status"]})
        return FORWARD

    def _waits_for_call(self) -> bool:
        return "voice" in self.via and self.wait is None


def _events(channel: Channel, reports: Iterable[Report]) -> Iterator[str]:
    return (event_name(channel, report) for report in reports)


async def _end_of_call(ctx: Context, step: str, clauses: tuple[Clause, ...]) -> dict[str, Any]:
    """Wait until a call has ended; how it ended, as `{status}`."""
    deadline = ctx.remember("call_until", lambda: ctx.now + LONGEST_CALL)
    while True:
        for fact in await ctx.news(clauses):
            found = _report(ctx, step, fact)
            if found and found[0] == "voice" and found[1] in CALL_ENDS:
                return {"status": found[1]}
        if await ctx.sleep(deadline, listen=True) in (Woke.DUE, Woke.SKIPPED):
            return {"status": "unknown", "reason": "nobody said how the call ended"}


def _report(ctx: Context, step: str, fact: Fact) -> tuple[Channel, Report] | None:
    """What a fact says of a message that this visit of the step has sent."""
    about = fact.about or {}
    is_ours = about.get("step") == step and about.get("visit") in (None, str(ctx.visit))
    return EVENTS.get(fact.name) if is_ours else None


Success = Literal["delivered", "opened", "clicked", "answered", "goal"]
_SUCCESS_BY_CHANNEL: dict[str, Success] = {
    "email": "opened",
    "sms": "delivered",
    "whatsapp": "opened",
    "voice": "answered",
    "push": "opened",
    "web_push": "opened",
}


class Rung(Part):
    """One channel of a cascade, and what makes it a success."""

    channel: Channel = Field(description="The channel.")
    wait: Duration | None = Field(default=None, description="How long to wait for success before the next channel.")
    until: Success | None = Field(
        default=None,
        description="What counts as success. Default: opened for e-mail, WhatsApp, push and web push, delivered for "
        "SMS, answered for a call.",
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """As people write it: `email`, or `email: {wait: 6h}`."""
        own = handler.resolve_ref_schema(handler(schema))
        body = {**own, "properties": {name: it for name, it in own["properties"].items() if name != "channel"}}
        del body["required"]
        channels = {channel: {**body, "description": f"By {channel}."} for channel in CHANNELS}
        return {
            "anyOf": [
                {"enum": list(CHANNELS), "type": "string"},
                {"type": "object", "properties": channels, "minProperties": 1, "maxProperties": 1}
                | {"additionalProperties": False, "examples": [{"email": {"wait": "6h", "until": "opened"}}]},
            ],
            "description": own["description"],
        }

    @property
    def success(self) -> Success:
        return self.until or _SUCCESS_BY_CHANNEL[self.channel]

    @model_validator(mode="after")
    def _can_be_told(self) -> "Rung":
        if self.channel not in CHANNELS:
            raise ValueError(f"{self.channel!r} is no channel; write one of {', '.join(CHANNELS)}")
        if self.until not in (None, "goal") and not _promising(self.channel, self.success):
            raise ValueError(
                f"nobody can tell when a message by {self.channel} is {self.until}; {_tellable(self.channel)}"
            )
        return self


def _promising(channel: Channel, success: Success) -> tuple[Report, ...]:
    """The reports that make a success of a message on this channel."""
    return tuple(report for report in reports_of(channel) if fulfils(report, success))


def _tellable(channel: Channel) -> str:
    told = [report for report in ("delivered", "opened", "clicked", "answered") if report in reports_of(channel)]
    return f"write one of {', '.join((*told, 'goal'))}"


def _rung(value: Any) -> Any:
    """`email`, or `email: {wait: 6h}`, as fields."""
    if isinstance(value, str):
        return {"channel": value}
    if isinstance(value, Mapping) and len(value) == 1 and "channel" not in value:
        ((channel, rest),) = value.items()
        return {"channel": channel, **rest} if isinstance(rest, Mapping) else value
    return value


class Cascade(Step):
    """Send a message on one channel after the other until one succeeds."""

    verb: ClassVar[str] = "cascade"
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"cascade": "reservation_ends", "via": [{"email": {"wait": "6h"}}, "sms"]}]}
    )
    is_waiting: ClassVar[bool] = True

    cascade: str = Field(description="The message's id: a file in `messages/`.", examples=["reservation_ends"])
    via: tuple[Annotated[Rung, BeforeValidator(_rung)], ...] = Field(
        min_length=1, description="The channels in their order.", examples=[[{"email": {"wait": "6h"}}, "sms"]]
    )
    prefer: Literal["profile"] | None = Field(
        default=None, description="`profile`: begin with the customer's `preferred_channel`."
    )
    valid_for: Duration | None = Field(default=None, description="Later than that, a message expires and is not sent.")
    on_cap: OnCap = Field(default="next_channel", description="When a cap of the contact policy is reached.")
    with_: dict[str, Expression] = Field(default_factory=dict, alias="with", description="Extra template values.")
    if_unsure: Literal["rather_never", "rather_twice"] = Field(
        default="rather_never", description="When a crash leaves it unknowable whether a message went out."
    )

    @field_validator("via")
    @classmethod
    def _each_once(cls, via: tuple[Rung, ...]) -> tuple[Rung, ...]:
        _check_channels(tuple(rung.channel for rung in via))
        if late := next((rung.channel for rung in via[:-1] if rung.wait is None), None):
            raise ValueError(f"{late} says not how long to wait; write for example `- {late}: {{wait: 6h}}`")
        return via

    def default_id(self) -> str:
        return f"cascade_{self.cascade}"

    def title(self) -> str:
        return f"{', then '.join(rung.channel.upper() for rung in self.via)} {self.cascade}"

    def sends(self) -> Mapping[str, tuple[str, ...]]:
        return {self.cascade: tuple(rung.channel for rung in self.via)}

    def awaits_goal(self) -> bool:
        return any(rung.success == "goal" for rung in self.via)

    def clauses(self) -> tuple[Clause, ...]:
        names = [name for rung in self.via for name in _events(rung.channel, _telling(rung))]
        return (Clause(on=tuple(names), of=self.id),)

    def own_expressions(self) -> Iterator[Use]:
        for name, expression in self.with_.items():
            yield Use(f"with.{name}", expression, ROOTS)

    def endings(self) -> Iterator[Ending]:
        """Each channel that may succeed, and none; without channels that cannot be used, which only shorten it."""
        sends: tuple[Sending, ...] = ()
        after = timedelta(0)
        for rung in self.via:
            sends = (*sends, Sending(self.cascade, rung.channel, after))
            if rung.wait is not None or rung.channel == "voice":
                wait = rung.wait or LONGEST_CALL
                words = f"{rung.channel} {rung.success}" if rung.success != "goal" else "the goal is reached"
                left = {"outcome": "reached", "by": rung.channel}
                yield Ending(words, FORWARD, after, after + wait, sends, results=(left,))
                after += wait
        is_sent = self.via[-1].wait is None and self.via[-1].channel != "voice"
        words, outcome = (
            ("at last by " + self.via[-1].channel, "sent") if is_sent else ("nobody is reached", "unreached")
        )
        yield Ending(words, FORWARD, NO_TIME, after, sends, results=({"outcome": outcome},))

    async def run(self, ctx: Context) -> Next:
        values = {name: await ctx.evaluate(expression) for name, expression in self.with_.items()}
        receipts: Mapping[str, Mapping[str, Any]] = {}
        for rung in await self._in_order(ctx):
            receipts = await self._try(ctx, rung, values)
            if found := await self._success(ctx):
                return self._done(ctx, receipts, *found)
        is_sent = rung.wait is None and receipts[rung.channel]["status"] in WENT_OUT
        ctx.hear(None, None)
        ctx.leave({**receipts, "outcome": "sent" if is_sent and rung.channel != "voice" else "unreached"})
        return FORWARD

    async def _in_order(self, ctx: Context) -> list[Rung]:
        """The channels as they are written; the preferred one first, if that is wanted."""
        if self.prefer is None:
            return list(self.via)
        if not ctx.remember("prefers", str):
            ctx.rewrite("prefers", str(await ctx.evaluate(Expression("profile.preferred_channel"))))
        preferred = ctx.remember("prefers", str)
        return sorted(self.via, key=lambda rung: rung.channel != preferred)

    async def _try(self, ctx: Context, rung: Rung, values: dict[str, Any]) -> Mapping[str, Mapping[str, Any]]:
        """Send on one channel and wait for its success; at once over when it cannot be used or goes wrong."""
        due_at = ctx.remember(f"due_{rung.channel}", lambda: ctx.now)

        async def has_succeeded() -> bool:
            return await self._success(ctx) is not None

        order = SendOrder(
            self.cascade, (rung.channel,), self.valid_for, self.if_unsure, self.on_cap, values, due_at, has_succeeded
        )
        receipts = await ctx.send(order)
        wait = rung.wait or (LONGEST_CALL if rung.channel == "voice" else None)
        if receipts[rung.channel]["status"] in WENT_OUT and wait is not None:
            await self._wait(ctx, rung, ctx.remember(f"until_{rung.channel}", lambda: ctx.now + wait))
        return receipts

    async def _wait(self, ctx: Context, rung: Rung, deadline: datetime) -> None:
        while await self._success(ctx) is None and not await self._has_gone_wrong(ctx, rung):
            if await ctx.sleep(deadline, listen=True) in (Woke.DUE, Woke.SKIPPED):
                return

    async def _success(self, ctx: Context) -> tuple[str, Fact] | None:
        """The first event that makes a success of a channel, with the channel (or `goal`)."""
        rung_by_channel = {rung.channel: rung for rung in self.via}
        for fact in await ctx.news(self.clauses()):
            if fact.is_goal and self.awaits_goal():
                return "goal", fact
            told = _report(ctx, self.id, fact)
            rung = rung_by_channel.get(told[0]) if told else None
            if told and rung and fulfils(told[1], rung.success):
                return told[0], fact
        return None

    async def _has_gone_wrong(self, ctx: Context, rung: Rung) -> bool:
        reports = [_report(ctx, self.id, fact) for fact in await ctx.news(self.clauses())]
        return any(found and found[0] == rung.channel and found[1] in GONE_WRONG for found in reports)

    def _done(self, ctx: Context, receipts: Mapping[str, Any], by: str, fact: Fact) -> Next:
        ctx.hear(fact, None)
        ctx.leave({**receipts, "outcome": "reached", "by": by})
        return FORWARD


def _telling(rung: Rung) -> Iterator[Report]:
    """What says that a message succeeded, or that nothing is to be hoped of it any more."""
    for report in reports_of(rung.channel):
        if report in GONE_WRONG or report in _promising(rung.channel, rung.success):
            yield report
