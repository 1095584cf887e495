"""What a path is made of: stretches of it, the messages on them, and the states in between."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from typing import NamedTuple

from language.ending import NO_TIME, Result

Left = Mapping[str, tuple[Result, ...]]


class Choice(NamedTuple):
    """What was decided at a step, in words; empty where there is nothing to choose."""

    step: str
    words: str


class PathMessage(NamedTuple):
    """A message on a path, sent between `least` and `most` after its beginning; None: no telling."""

    step: str
    message: str
    channel: str
    least: timedelta
    most: timedelta | None


@dataclass(frozen=True)
class State:
    """Where a path stands before a step (None: all are done), and what matters of what came before.

    `visits`: what was known each time when a step was come to, by step.
    """

    step: str | None
    left: Left = field(default_factory=dict)
    visits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def knowledge(self) -> str:
        return repr(sorted(self.left.items()))

    @cached_property
    def key(self) -> tuple[str | None, str, str]:
        return self.step, self.knowledge, repr(sorted(self.visits.items()))


@dataclass(frozen=True, slots=True)
class Way:
    """A stretch of a path. It leads `to` a state, or to an `end` in words."""

    to: State
    choices: tuple[Choice, ...] = ()
    messages: tuple[PathMessage, ...] = ()
    least: timedelta = NO_TIME
    most: timedelta | None = NO_TIME
    end: str | None = None
    is_endless: bool = False

    def then(self, other: "Way") -> "Way":
        """This stretch and another after it."""
        return replace(
            other,
            choices=(*self.choices, *other.choices),
            messages=(*self.messages, *later(other.messages, self.least, self.most)),
            least=self.least + other.least,
            most=plus(self.most, other.most),
        )


def later(messages: tuple[PathMessage, ...], least: timedelta, most: timedelta | None) -> Iterator[PathMessage]:
    """The same messages on a path that begins so much earlier."""
    for it in messages:
        yield it._replace(least=it.least + least, most=plus(it.most, most))


def plus(most: timedelta | None, length: timedelta | None) -> timedelta | None:
    return None if most is None or length is None else most + length
