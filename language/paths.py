"""Every way through a journey, said without running it.

A path takes one of the endings of each step that it passes. Conditions are decided where they depend on nothing but
what earlier steps left; all others may be true or not. A loop is gone through twice at most, and what repeats does all
its passes alike, or ends after the first where an event may end it. Stages are walked apart from each other: a path
ends where it rests for the next status, or goes to another stage.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice, product
from typing import Any, NamedTuple

from language.ending import NO_TIME, Ending, Result
from language.expression import Expression
from language.program import Place, Program
from language.steps import Repeat

MOST_PATHS = 2_000
MOST_VISITS = 2
MOST_ALTERNATIVES = 64


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


@dataclass(frozen=True, slots=True)
class Path:
    """One way through the journey, or through a stage. `end` says in words how it ends."""

    choices: tuple[Choice, ...]
    messages: tuple[PathMessage, ...]
    least: timedelta
    most: timedelta | None
    end: str
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class Paths:
    """All paths; `is_complete` is false when there are more than were looked at."""

    paths: tuple[Path, ...]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """A path as far as it has come. `end` is None while it goes on at `step`."""

    step: str | None
    choices: tuple[Choice, ...] = ()
    messages: tuple[PathMessage, ...] = ()
    least: timedelta = NO_TIME
    most: timedelta | None = NO_TIME
    visits: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, tuple[Result, ...]] = field(default_factory=dict)
    end: str | None = None


def walk(program: Program, *, most_paths: int = MOST_PATHS) -> Paths:
    """The paths of a journey, in the order of its steps; of one with stages, those of each stage."""
    beginnings: Mapping[str, str | None] = program.entry_by_stage or {"": program.first}
    paths: list[Path] = []
    is_complete = True
    for stage, entry in beginnings.items():
        found = list(islice(_Walk(program).ways(_Part(entry)), most_paths + 1))
        is_complete = is_complete and len(found) <= most_paths
        paths += [_finished(part, stage or None) for part in found[:most_paths]]
    return Paths(tuple(paths), is_complete)


def _finished(part: _Part, stage: str | None) -> Path:
    return Path(part.choices, part.messages, part.least, part.most, part.end or "completed", stage)


@dataclass(frozen=True, slots=True)
class _Walk:
    program: Program

    def ways(self, part: _Part, until: str | None = None) -> Iterator[_Part]:
        """All ways on from here, each to its end or to where it comes back to the step `until`."""
        while part.end is None:
            if part.step is None:
                yield replace(part, end="completed")
                return
            if part.step == until:
                yield part
                return
            ways = list(self._pass(part, self.program.place_by_id[part.step]))
            if len(ways) > 1:
                for way in ways:
                    yield from self.ways(way, until)
                return
            if not ways:
                return
            part = ways[0]
        yield part

    def _pass(self, part: _Part, place: Place) -> Iterator[_Part]:
        """What may come of passing one step."""
        step = place.step
        visits = part.visits.get(step.id, 0) + 1
        if visits > MOST_VISITS:
            yield replace(part, end=f"goes round again from {step.id}")
            return
        if place.after is None and step.verb == "rest":
            yield replace(part, end=f"rests in {place.stage} until the next status")
            return
        is_done = step.enabled and (step.when is None or decide(step.when, part.left))
        if (is_done is not True and step.when is not None) or not step.enabled:
            words = "" if is_done is False or step.when is None else f"not: {step.when.source}"
            yield _go(part, step.id, words, place.after)
        if is_done is not False:
            here = replace(part, visits={**part.visits, step.id: visits})
            yield from self._repeat(here, place, step) if isinstance(step, Repeat) else self._endings(here, place)

    def _endings(self, part: _Part, place: Place) -> Iterator[_Part]:
        for ending in place.step.endings():
            is_so = True if ending.if_ is None else decide(ending.if_, part.left)
            if is_so is not False:
                yield self._take(part, place, ending)
            if is_so is True and ending.if_ is not None:
                return

    def _take(self, part: _Part, place: Place, ending: Ending) -> _Part:
        step = place.step.id
        sent = (
            PathMessage(step, it.message, it.channel, part.least + it.after, _plus(part.most, it.after))
            for it in ending.sends
        )
        taken = replace(
            part,
            messages=(*part.messages, *sent),
            least=part.least + ending.least,
            most=_plus(part.most, ending.most),
            left={**part.left, step: ending.results} if ending.results else _without(part.left, step),
        )
        if ending.to.way == "finish":
            return replace(taken, choices=_chosen(part, step, ending.words), end=ending.to.to)
        target = ending.to.to if ending.to.way == "go_to" else None
        if target in self.program.entry_by_stage:
            return replace(taken, choices=_chosen(part, step, ending.words), end=f"goes to the stage {target}")
        return _go(taken, step, ending.words, self.program.follow(step, ending.to))

    def _repeat(self, part: _Part, place: Place, step: Repeat) -> Iterator[_Part]:
        """All passes alike; or one pass, where an event may end them."""
        inside = replace(part, step=place.ways["do"])
        for once in self.ways(inside, until=step.id):
            if once.end is not None:
                yield once
                continue
            left = {**once.left, step.id: ({"outcome": "done"},)}
            yield _go(replace(_multiplied(part, once, step), left=left), step.id, f"{step.repeat} times", place.after)
            if step.until:
                name = " or ".join(name for clause in step.until for name in clause.on)
                ended = replace(once, left={**once.left, step.id: ({"outcome": name},)})
                yield _go(ended, step.id, f"on {name}, after the first time", place.after)


def _go(part: _Part, step: str, words: str, to: str | None) -> _Part:
    return replace(part, step=to, choices=_chosen(part, step, words))


def _chosen(part: _Part, step: str, words: str) -> tuple[Choice, ...]:
    return (*part.choices, Choice(step, words))


def _multiplied(before: _Part, once: _Part, step: Repeat) -> _Part:
    """The first pass and all others after it."""
    every = step.every or NO_TIME
    length = max(every, once.least - before.least)
    longest = None if once.most is None or before.most is None else max(every, once.most - before.most)
    fresh = once.messages[len(before.messages) :]
    messages = [
        message._replace(
            least=message.least + number * length,
            most=None if longest is None else _plus(message.most, number * longest),
        )
        for number in range(1, step.repeat)
        for message in fresh
    ]
    more = step.repeat - 1
    return replace(
        once,
        messages=(*once.messages, *messages),
        least=once.least + more * length,
        most=None if longest is None else _plus(once.most, more * longest),
    )


def _plus(most: timedelta | None, length: timedelta | None) -> timedelta | None:
    return None if most is None or length is None else most + length


def _without(left: Mapping[str, tuple[Result, ...]], step: str) -> dict[str, tuple[Result, ...]]:
    """Nobody can tell what the step has left; an empty tuple says so."""
    return {**left, step: ()}


def decide(expression: Expression, left: Mapping[str, tuple[Result, ...]]) -> bool | None:
    """Whether a condition is true, if that depends on nothing but what steps have left; None: it may be or not.

    `left` are the alternatives of what each step passed has left; a step that was not passed has left nothing.
    """
    if not expression.roots <= {"steps"} or any(len(path) < 2 for path in expression.paths):
        return None
    named = sorted({path[1] for path in expression.paths})
    alternatives: list[tuple[Result | None, ...]] = [left.get(name, (None,)) for name in named]
    if not all(alternatives):
        return None
    verdicts: set[bool] = set()
    for number, results in enumerate(product(*alternatives)):
        if number >= MOST_ALTERNATIVES:
            return None
        steps: dict[str, Any] = {
            name: result for name, result in zip(named, results, strict=True) if result is not None
        }
        verdicts.add(expression.evaluate({"steps": steps}) is True)
    return verdicts.pop() if len(verdicts) == 1 else None
