"""The ways a visit of a step may end, said without running it: for proofs and for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from language.context import Next
from language.expression import Expression

NO_TIME = timedelta(0)
Result = Mapping[str, Any]


class Sending(NamedTuple):
    """A message that goes out, that long after the step is entered."""

    message: str
    channel: str
    after: timedelta = NO_TIME


@dataclass(frozen=True, slots=True)
class Ending:
    """One way a visit may end: in words, where it leads, and what it took.

    It takes `least` to `most` of time; None: no telling how long. `if_` is tested in the order of a step's endings: the
    first that is true is taken. `results` are what the step may leave on this way; none: no telling.
    """

    words: str
    to: Next
    least: timedelta = NO_TIME
    most: timedelta | None = NO_TIME
    sends: tuple[Sending, ...] = ()
    if_: Expression | None = None
    results: tuple[Result, ...] = ()
