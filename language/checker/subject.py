"""What is checked: one journey, where each of its steps stands, and what it may name."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from language.finding import Finding
from language.journey import Journey
from language.message import Message
from language.program import Program
from language.source import Path, Source
from language.steps import Repeat, Step, WaitFor


@dataclass(frozen=True)
class Subject:
    """A journey with its text. `journeys` are the ids of the directory, None when they are not known.

    `faulty_messages` are there, but cannot be read: they have findings of their own.
    """

    journey: Journey
    source: Source
    messages: Mapping[str, Message]
    journeys: frozenset[str] | None = None
    faulty_messages: frozenset[str] = field(default=frozenset())

    @cached_property
    def placed(self) -> tuple[tuple[Path, Step], ...]:
        """Every step with its place in the file, in the order of the file."""
        return tuple(_placed_steps(self.journey))

    @cached_property
    def steps(self) -> dict[str, Step]:
        return {step.id: step for _, step in self.placed}

    @cached_property
    def path_by_id(self) -> dict[str, Path]:
        return {step.id: path for path, step in self.placed}

    @cached_property
    def places(self) -> list[str]:
        """What a `go_to` may name."""
        return [*self.steps, *self.journey.stages]

    @cached_property
    def program(self) -> Program | None:
        """None where steps lead nowhere, or two have one id: then ways cannot be followed."""
        if len(self.steps) < len(self.placed):
            return None
        targets = {target for step in self.steps.values() for target in step.targets()}
        return Program(self.journey) if targets <= set(self.places) else None

    @cached_property
    def has_events(self) -> bool:
        """Whether there can be an `event` beside the one that started the enrolment."""
        return bool(self.journey.stages) or any(isinstance(step, WaitFor | Repeat) for step in self.steps.values())

    @cached_property
    def is_ended(self) -> bool:
        """Whether something can end the journey, or take it elsewhere, while a step waits without limit."""
        return bool(self.journey.exit or self.journey.goal or self.journey.stages)

    def error(self, path: Path, what: str, remedy: str, code: str) -> Finding:
        line, step = self.source.line(path), self._step_at(path)
        return Finding(file=self.source.file, line=line, step=step, what=what, remedy=remedy, code=code)

    def warning(self, path: Path, what: str, remedy: str, code: str) -> Finding:
        return self.error(path, what, remedy, code).model_copy(update={"severity": "warning"})

    def _step_at(self, path: Path) -> str:
        inside = [found for found in self.placed if path[: len(found[0])] == found[0]]
        return max(inside, key=lambda found: len(found[0]))[1].id if inside else str(path[0] if path else "journey")


def _placed_steps(journey: Journey) -> Iterator[tuple[Path, Step]]:
    def visit(block: tuple[Step, ...], path: Path) -> Iterator[tuple[Path, Step]]:
        for number, step in enumerate(block):
            here: Path = (*path, number)
            yield here, step
            for name, nested in step.blocks().items():
                yield from visit(nested, (*here, *as_path(name)))

    yield from visit(journey.steps, ("steps",))
    for name, stage in journey.stages.items():
        yield from visit(stage.steps, ("stages", name, "steps"))


def as_path(dotted: str) -> Path:
    """`branch.0.do` as a place."""
    return tuple(int(part) if part.isdigit() else part for part in dotted.split("."))


def nearest(name: str, known: Iterable[str], otherwise: str = "", cutoff: float = 0.6) -> str:
    """The remedy for a name that does not exist."""
    if close := close_to(name, known, cutoff):
        return f"did you mean `{close}`?"
    names = sorted(known)
    return otherwise or (f"there are {', '.join(names[:8])}" if names else "there is none yet")


def close_to(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The name that was meant, if one is spelt nearly the same."""
    found = difflib.get_close_matches(name, sorted(known), n=1, cutoff=cutoff)
    return found[0] if found else None
