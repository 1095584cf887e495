"""A journey made ready to run: its nested steps as a flat list, found by id, each knowing what comes after it."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from language.context import Next
from language.journey import Journey, without_notes
from language.message import MessageClass
from language.steps import Block, Rest, Step

LARGEST = 64 * 1024
"""Bytes of a definition that a workflow may carry."""


class Compiled(BaseModel):
    """A journey as it is published: what workflows carry, and the messages and destinations it names (by id, JSON)."""

    model_config = ConfigDict(frozen=True)

    journey: str
    title: str
    owner: str | None = None
    definition: str
    digest: str
    messages: dict[str, Any] = Field(default_factory=dict)
    destinations: dict[str, Any] = Field(default_factory=dict)


class CompiledJourney(Journey):
    """What a definition holds: the journey, and the classes of the messages that it names, by their ids.

    Versions published before there were `classes` have none.
    """

    classes: dict[str, MessageClass] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """A step in the flat list. `after` is the id of what follows it, None where the enrolment is done.

    `around` are the steps in whose repeating block it stands, itself included, the outermost first.
    """

    step: Step
    after: str | None
    ways: Mapping[str, str | None] = field(default_factory=dict)
    leave_out: str | None = None
    stage: str | None = None
    around: tuple[str, ...] = ()


class Program:
    """The flat list. `first` is where an enrolment begins; `entry_by_stage` where each stage does.

    `moving` are the waits that a moved date may bring back, `interrupts` says whether events can end a block. `classes`
    are those of its messages, by their ids, as far as they are known.
    """

    def __init__(self, journey: Journey, classes: Mapping[str, MessageClass] | None = None) -> None:
        self.journey = journey
        self.classes = classes or {}
        self.place_by_id: dict[str, Place] = {}
        self.entry_by_stage = {name: self._lay_stage(name, stage.steps) for name, stage in journey.stages.items()}
        own = self._lay(journey.steps, None)
        self.first = next(iter(self.entry_by_stage.values()), own)
        self.moving = tuple(step for step in journey.every_step() if _waits_again(step))
        self.interrupts = any(step.interrupts() for step in journey.every_step())

    def _lay_stage(self, stage: str, block: Block) -> str:
        """A stage ends where the enrolment rests until its stage changes. No step that is written has such an id."""
        rest = Rest.model_construct(id=f"{stage}.rest")
        self.place_by_id[rest.id] = Place(rest, None, stage=stage)
        return self._lay(block, rest.id, stage) or rest.id

    def _lay(
        self, block: Block, after: str | None, stage: str | None = None, around: tuple[str, ...] = ()
    ) -> str | None:
        """Place a block's steps; returns where the block begins (`after` when it is empty)."""
        follows = [*(step.id for step in block[1:]), after]
        for number, (step, following) in enumerate(zip(block, follows, strict=False)):
            inside = (*around, step.id) if step.repeats_block else around
            inner = step.id if step.repeats_block else following
            ways = {name: self._lay(nested, inner, stage, inside) for name, nested in step.blocks().items()}
            resuming = next((later.id for later in block[number + 1 :] if later.resumes), after)
            self.place_by_id[step.id] = Place(step, following, ways, resuming, stage, inside)
        return block[0].id if block else after

    def stage_of(self, step: str | None) -> str | None:
        """The stage in which a step stands."""
        place = self.place_by_id.get(step or "")
        return place.stage if place else None

    def follow(self, step: str, way: Next) -> str | None:
        """The id of the step that an answer leads to; None: the journey's steps are done."""
        place = self.place_by_id[step]
        match way.way:
            case "enter":
                return place.ways[way.to]
            case "go_to":
                return self.entry_by_stage.get(way.to, way.to)
            case "leave_out":
                return place.leave_out
        return place.after


def _waits_again(step: Step) -> bool:
    return bool(getattr(getattr(step, "wait", None), "again_if_moved", False))


def name_steps(blocks: Iterator[Block] | list[Block]) -> dict[int, str]:
    """Ids for all steps of a journey by `id(step)`: written ones as they are, numbered kinds made unique."""
    names: dict[int, str] = {}
    taken: dict[str, int] = {}

    def visit(block: Block) -> None:
        for step in block:
            wanted = step.id or step.default_id()
            count = taken[wanted] = taken.get(wanted, 0) + 1
            names[id(step)] = wanted if count == 1 or step.id or not step.numbered else f"{wanted}_{count}"
            for nested in step.blocks().values():
                visit(nested)

    for block in blocks:
        visit(block)
    return names


def rewrite(part: Any, change: Callable[[Step, Step], Step]) -> Any:
    """The same piece of a journey with every step replaced by `change(written, with its nested steps rewritten)`."""
    if isinstance(part, tuple):
        return tuple(rewrite(item, change) for item in part)
    if isinstance(part, dict):
        return {key: rewrite(item, change) for key, item in part.items()}
    if not isinstance(part, BaseModel):
        return part
    inner = {name: rewrite(getattr(part, name), change) for name in type(part).model_fields}
    copy = part.model_copy(update=inner)
    return change(part, copy) if isinstance(part, Step) and isinstance(copy, Step) else copy


def with_ids(journey: Journey) -> Journey:
    """The same journey with every step's id written out."""
    names = name_steps([journey.steps, *(stage.steps for stage in journey.stages.values())])
    rewritten: Journey = rewrite(journey, lambda step, copy: copy.model_copy(update={"id": names[id(step)]}))
    return rewritten


def define(journey: Journey, classes: Mapping[str, MessageClass] | None = None) -> str:
    """The compact JSON text that a workflow carries: no notes, no defaults. `classes` of its messages, by their ids."""
    compiled = CompiledJourney.model_construct(**dict(without_notes(journey)), classes=dict(classes or {}))
    return compiled.model_dump_json(by_alias=True, exclude_defaults=True)


def digest_of(*texts: str) -> str:
    """A short digest of what is published together."""
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=256)
def program(definition: str) -> Program:
    """The program of a definition; compiled once per text and shared by all workflows of a worker."""
    compiled = CompiledJourney.model_validate_json(definition)
    return Program(compiled, compiled.classes)
