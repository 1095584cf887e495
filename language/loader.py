"""From YAML text to models. All faults of a file are found at once; nothing is clamped or guessed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from language.destinations import Destinations
from language.faults import fault, model_faults, step_faults
from language.finding import Finding
from language.journey import Journey
from language.message import Message
from language.policy import Policy
from language.program import with_ids
from language.scenario import Scenario
from language.source import Path, Source, Unreadable, read_yaml

M = TypeVar("M", bound=BaseModel)
_ROUNDS = 5
_STAND_INS = {"journey": "unnamed", "title": "unnamed", "start": {"call": True}}
"""For what a journey's head lacks, so that the rest can be checked."""


@dataclass(frozen=True)
class Loaded(Generic[M]):
    """A file's model (None when it has errors), its findings, and its source for further checks.

    `sound` is what is left of a faulty file when all that is faulty is cut out: the rest can be checked as well.
    """

    model: M | None
    findings: tuple[Finding, ...]
    source: Source | None = None
    sound: "Loaded[M] | None" = None

    @property
    def file(self) -> str:
        return self.source.file if self.source else self.findings[0].file


def load_journey(file: str, text: str) -> Loaded[Journey]:
    """A journey with every step's id written out."""
    return _with_ids(_load(Journey, file, text))


def _with_ids(loaded: Loaded[Journey]) -> Loaded[Journey]:
    if loaded.model is not None:
        return replace(loaded, model=with_ids(loaded.model))
    return replace(loaded, sound=_with_ids(loaded.sound)) if loaded.sound else loaded


def load_message(file: str, text: str) -> Loaded[Message]:
    return _load(Message, file, text)


def load_scenario(file: str, text: str) -> Loaded[Scenario]:
    return _load(Scenario, file, text)


def load_policy(file: str, text: str) -> Loaded[Policy]:
    return _load(Policy, file, text)


def load_destinations(file: str, text: str) -> Loaded[Destinations]:
    return _load(Destinations, file, text)


def _load(model: type[M], file: str, text: str) -> Loaded[M]:
    try:
        source = read_yaml(file, text)
    except Unreadable as error:
        return Loaded(None, (error.finding,))
    if not isinstance(source.data, dict):
        what = "the file is empty" if source.data is None else "the file is not a list of fields"
        begin = "caps" if model is Policy else model.__name__.lower()
        return Loaded(None, (fault(source, (), what, f"begin with `{begin}: …`", "no-fields"),))
    found = dict(step_faults(source)) if model is Journey else {}
    try:
        valid = model.model_validate(source.data)
    except ValidationError as error:
        found |= {path: item for path, item in model_faults(source, error) if not _is_inside(path, found)}
    if not found:
        return Loaded(valid, (), source)
    findings = sorted(dict.fromkeys(found.values()), key=lambda finding: finding.line)
    return Loaded(None, tuple(findings), source, _sound(model, source, found))


def _is_inside(path: Path, places: Iterable[Path]) -> bool:
    return any(path[: len(place)] == place for place in places)


def _sound(model: type[M], source: Source, faulty: Iterable[Path]) -> Loaded[M] | None:
    """The file without its faulty places. What cannot do without such a place goes as well."""
    for _ in range(_ROUNDS):
        source = _without(source, frozenset(faulty), model)
        try:
            return Loaded(model.model_validate(source.data), (), source)
        except ValidationError as error:
            faulty = [_needed_by(path) for path, _ in model_faults(source, error)]
    return None


def _needed_by(path: Path) -> Path:
    """The item of a list, or else the field of the head, in which something is missing."""
    while len(path) > 1 and not isinstance(path[-1], int):
        path = path[:-1]
    return path


def _without(source: Source, faulty: frozenset[Path], model: type[BaseModel]) -> Source:
    """The same data without these places; every other keeps its line."""
    lines: dict[Path, int] = {}

    def kept(value: Any, old: Path, new: Path) -> Any:
        lines[new] = source.line(old)
        if isinstance(value, dict):
            return {
                name: kept(inner, (*old, name), (*new, name))
                for name, inner in value.items()
                if (*old, name) not in faulty
            }
        if isinstance(value, list):
            left = [number for number in range(len(value)) if (*old, number) not in faulty]
            return [kept(value[number], (*old, number), (*new, place)) for place, number in enumerate(left)]
        return value

    data = kept(source.data, (), ())
    return Source(source.file, {**_STAND_INS, **data} if model is Journey else data, lines)
