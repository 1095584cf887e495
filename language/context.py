"""What a step may do, and what it answers. Steps know nothing of Temporal, PostgreSQL or the clock on the wall."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from language.clause import Clause
from language.delivery import Fact
from language.expression import Expression
from language.port import Answer, Deed


@dataclass(frozen=True, slots=True)
class Next:
    """Where an enrolment goes after a step. `to` is a block's name, a step id, or an outcome, as `way` says."""

    way: Literal["forward", "enter", "go_to", "finish", "leave_out"]
    to: str = ""


FORWARD = Next("forward")
LEAVE_OUT = Next("leave_out")
"""Pass over what hangs on this step: all up to the next `wait` or `wait_for` of its block."""


def enter(block: str) -> Next:
    """Go into one of the step's blocks; an empty block leads on below the step."""
    return Next("enter", block)


def go_to(step: str) -> Next:
    return Next("go_to", step)


def finish(outcome: str) -> Next:
    return Next("finish", outcome)


class Woke(Enum):
    """Why a sleep ended."""

    DUE = "due"
    NEWS = "news"
    REARMED = "rearmed"
    SKIPPED = "skipped"


class Context(Protocol):
    """One visit of one step. Everything remembered here survives restarts and continue-as-new."""

    @property
    def now(self) -> datetime:
        """Journey time, aware UTC."""
        ...

    @property
    def entered_at(self) -> datetime:
        """When this visit began."""
        ...

    @property
    def visit(self) -> int:
        """How often this step was entered, this time included."""
        ...

    @property
    def passes(self) -> int:
        """How many passes through this step's block have begun since it was entered from outside."""
        ...

    @property
    def pass_began_at(self) -> datetime:
        """When the latest pass began."""
        ...

    def begin_pass(self) -> None:
        """Begin another pass; `repeat.index` counts them."""
        ...

    @property
    def rearmed_at(self) -> datetime:
        """When the event came that last rearmed the enrolment."""
        ...

    async def news(self, clauses: Sequence[Clause]) -> Sequence[Fact]:
        """Events that are new for the present wait, oldest first; of those too many to be kept, what clauses name."""
        ...

    async def reaches(self, clause: Clause, fact: Fact) -> bool:
        """Whether the fact is about this enrolment: by the journey's key, unless the clause says `match: customer`."""
        ...

    def remember(self, name: str, make: Callable[[], Any]) -> Any:
        """`make()` the first time, the same value ever after within this visit. JSON values and datetimes."""
        ...

    def rewrite(self, name: str, value: Any) -> None:
        """Replace what is remembered under a name."""
        ...

    def leave(self, result: Mapping[str, Any]) -> None:
        """What this step leaves behind as `steps.<id>`."""
        ...

    async def evaluate(self, expression: Expression, event: Fact | None = None) -> Any:
        """The value of an expression over start, event, profile, steps, journeys, repeat and now."""
        ...

    async def sleep(self, until: datetime | None, *, listen: bool = False, rearm: bool = False) -> Woke:
        """Wait until that moment (None: without limit), or for news, a rearmed date, or a person's skip.

        An exit, goal, stop or displacement leaves the step from within this call; nothing after it runs.
        """
        ...

    def hear(self, fact: Fact | None, deadline: datetime | None) -> None:
        """End the wait: `fact` is what ended it (None: its deadline). What came before is no longer new."""
        ...

    def ignore(self, facts: Sequence[Fact]) -> None:
        """Forget news that this wait has tested in vain."""
        ...

    async def recall(self, clauses: Sequence[Clause]) -> Sequence[Fact]:
        """Stored events that these clauses name, since the enrolment began, oldest first."""
        ...

    async def last_activity(self) -> datetime | None:
        """When the customer was last active."""
        ...

    async def zone(self) -> ZoneInfo:
        """The customer's time zone."""
        ...

    async def do(self, deed: type[Deed], **what: Any) -> Answer:
        """Have something done, once; `what` are the deed's own fields. Returns when it is done or refused."""
        ...

    async def send(self, order: "SendOrder") -> Mapping[str, Mapping[str, Any]]:
        """Send on every channel of the order; returns channel → {status, reason} of all that this visit has sent."""
        ...

    async def set_traits(self, traits: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class SendOrder:
    """One message on one or several channels, all at the same moment. `values` are extra names for the template.

    `due_at` None: on entering the step. `unless` is asked before every attempt to claim, also after a hold: once it is
    true, what has not gone out is `cancelled`.
    """

    message: str
    channels: tuple[str, ...]
    valid_for: timedelta | None = None
    if_unsure: Literal["rather_never", "rather_twice"] = "rather_never"
    on_cap: Literal["drop", "defer", "next_channel"] = "drop"
    values: Mapping[str, Any] | None = None
    due_at: datetime | None = None
    unless: Callable[[], Awaitable[bool]] | None = None


async def concerns(ctx: Context, clause: Clause, fact: Fact) -> bool:
    """Whether a fact is one that the clause listens to, its condition included."""
    if not clause.names(fact.name, fact.is_activity):
        return False
    if clause.of is not None and (fact.about or {}).get("step") != clause.of:
        return False
    if not await ctx.reaches(clause, fact):
        return False
    return clause.where is None or await ctx.evaluate(clause.where, fact) is True
