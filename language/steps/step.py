"""What all steps have, and how a list of them is read."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, SerializeAsAny, WrapValidator

from language.clause import Clause, Use
from language.context import FORWARD, Context, Next, enter, go_to
from language.ending import Ending
from language.expression import Expression
from language.part import Part

HEAD_ROOTS = frozenset({"event", "start", "profile", "journeys"})
ROOTS = frozenset({"start", "event", "profile", "steps", "journeys", "repeat", "now"})


class Step(Part):
    """What all steps have. `verb` is the field that names the step.

    `is_waiting`: leaving it decides which events are new. `resumes`: what a past date leaves out ends before it.
    `goes_on`: what stands below it can follow it.
    `repeats_block`: its block leads back to it. `numbered`: two equal default ids are told apart by a number.
    """

    verb: ClassVar[str] = ""
    is_waiting: ClassVar[bool] = False
    resumes: ClassVar[bool] = False
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

    def way_in_words(self, block: str) -> str:
        """When one of `blocks` is done, as the beginning of a line such as `if A: …`."""
        return block

    def passes_on(self) -> bool:
        """Whether what stands below can follow without a way through a nested block."""
        return self.goes_on and not self.blocks()

    def endings(self) -> Iterator[Ending]:
        """The ways a visit may end. By default: into each block, to each target, and on below."""
        for block in self.blocks():
            yield Ending(self.way_in_words(block), enter(block), most=None)
        for target in self.targets():
            yield Ending("", go_to(target))
        if self.passes_on():
            yield Ending("", FORWARD)

    def targets(self) -> tuple[str, ...]:
        """Step ids this step may jump to."""
        return ()

    def clauses(self) -> tuple[Clause, ...]:
        """Events that wake this step, in the order in which they win."""
        return ()

    def interrupts(self) -> tuple[Clause, ...]:
        """Events that end its block at once, wherever the enrolment stands in it."""
        return ()

    def sends(self) -> Mapping[str, tuple[str, ...]]:
        """The channels on which it may send a message, by message id."""
        return {}

    def awaits_goal(self) -> bool:
        """Whether it waits for the journey's goal to be counted."""
        return False

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
    """The step classes by verb: those that can be written."""
    return {cls.verb: cls for cls in Step.__subclasses__() if cls.verb in cls.model_fields}


def waiting_verbs() -> frozenset[str]:
    """The verbs of steps that wait, as they stand in a trace."""
    return frozenset(cls.verb for cls in Step.__subclasses__() if cls.is_waiting)


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
