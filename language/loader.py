"""From YAML text to models. All faults of a file are found at once; nothing is clamped or guessed."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from language.finding import Finding
from language.journey import Journey
from language.message import Message
from language.part import Part
from language.program import with_ids
from language.scenario import Scenario
from language.source import Path, Source, Unreadable, read_yaml
from language.steps import Step, step_classes

M = TypeVar("M", bound=BaseModel)
LATER_VERBS = frozenset({"cascade", "split", "task", "call", "coupon", "repeat", "start"})
NESTED = frozenset({"steps", "do", "otherwise"})


@dataclass(frozen=True)
class Loaded(Generic[M]):
    """A file's model (None when it has errors), its findings, and its source for further checks."""

    model: M | None
    findings: tuple[Finding, ...]
    source: Source | None = None

    @property
    def file(self) -> str:
        return self.source.file if self.source else self.findings[0].file


def load_journey(file: str, text: str) -> Loaded[Journey]:
    """A journey with every step's id written out."""
    loaded = _load(Journey, file, text, _step_faults)
    if loaded.model is None:
        return loaded
    return Loaded(with_ids(loaded.model), loaded.findings, loaded.source)


def load_message(file: str, text: str) -> Loaded[Message]:
    return _load(Message, file, text)


def load_scenario(file: str, text: str) -> Loaded[Scenario]:
    return _load(Scenario, file, text)


def _load(model: type[M], file: str, text: str, first: Any = None) -> Loaded[M]:
    try:
        source = read_yaml(file, text)
    except Unreadable as error:
        return Loaded(None, (error.finding,))
    if not isinstance(source.data, dict):
        what = "the file is empty" if source.data is None else "the file is not a list of fields"
        return Loaded(None, (_finding(source, (), what, f"begin with `{model.__name__.lower()}: …`", "no-fields"),))
    found = tuple(first(source)) if first else ()
    if found:
        return Loaded(None, found, source)
    try:
        return Loaded(model.model_validate(source.data), (), source)
    except ValidationError as error:
        return Loaded(None, tuple(dict.fromkeys(_faults(source, error))), source)


def _finding(source: Source, path: Path, what: str, remedy: str, code: str) -> Finding:
    return Finding(
        file=source.file, line=source.line(path), step=place_of(source, path), what=what, remedy=remedy, code=code
    )


def place_of(source: Source, path: Path) -> str:
    """The innermost step around a place, by id or by verb and main word; else the field of the head."""
    for length in range(len(path), 0, -1):
        value = _at(source.data, path[:length])
        if isinstance(value, Mapping) and isinstance(path[length - 1], int) and path[length - 2] in NESTED:
            return _name(value)
    return str(path[0]) if path else "file"


def _name(step: Mapping[str, Any]) -> str:
    if isinstance(step.get("id"), str):
        return str(step["id"])
    verb = next((verb for verb in step_classes() if verb in step), None)
    if verb is None:
        return next(iter(step), "step")
    main = step[verb]
    return f"{verb} {main}" if isinstance(main, str) else verb


def _at(data: Any, path: Path) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


# --- steps: exactly one verb each, checked before anything else


def _step_faults(source: Source) -> Iterator[Finding]:
    for path, step in _raw_steps(source.data, ()):
        yield from _verb_faults(source, path, step)


def _raw_steps(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in NESTED and isinstance(inner, list):
                yield from (((*path, name, number), step) for number, step in enumerate(inner))
            yield from _raw_steps(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _raw_steps(inner, (*path, number))


def _verb_faults(source: Source, path: Path, step: Any) -> Iterator[Finding]:
    known = step_classes()
    if not isinstance(step, Mapping):
        remedy = f"write `- verb: …` with one of {', '.join(known)}"
        yield _finding(source, path, f"{step!r} is not a step", remedy, "not-a-step")
        return
    verbs = [verb for verb in known if verb in step]
    if len(verbs) > 1:
        what = f"one step has {len(verbs)} verbs: {', '.join(verbs)}"
        yield _finding(source, path, what, "make them steps of their own, each with its own `-`", "several-verbs")
    if not verbs:
        yield _no_verb(source, path, step, known)


def _no_verb(source: Source, path: Path, step: Mapping[str, Any], known: Mapping[str, type[Step]]) -> Finding:
    later = next((name for name in step if name in LATER_VERBS), None)
    if later:
        return _finding(source, path, f"the step `{later}` is not built in this release", "leave it out", "not-built")
    for name in step:
        if close := difflib.get_close_matches(name, known, n=1, cutoff=0.7):
            return _finding(source, path, f"there is no step `{name}`", f"did you mean `{close[0]}`?", "unknown-step")
    names = ", ".join(f"`{name}`" for name in step) or "nothing"
    return _finding(source, path, f"a step with {names} has no verb", f"add one of {', '.join(known)}", "no-verb")


# --- pydantic's errors in words for people


def _faults(source: Source, error: ValidationError) -> Iterator[Finding]:
    faults = [(_real_path(fault["loc"]), fault) for fault in error.errors(include_url=False)]
    for path, fault in faults:
        follows_another = fault["type"] == "too_short" and any(
            other != path and other[: len(path)] == path for other, _ in faults
        )
        if not follows_another:
            yield _finding(source, path, *_words(fault, path))


def _real_path(location: Path) -> Path:
    """Without the tags that pydantic adds for the kinds of a union."""
    return tuple(part for part in location if not (isinstance(part, str) and ":" in part))


def _words(fault: Any, path: Path) -> tuple[str, str, str]:
    kind = fault["type"]
    name = next((part for part in reversed(path) if isinstance(part, str)), "the file")
    given, limits = fault.get("input"), fault.get("ctx", {})
    match kind:
        case "extra_forbidden":
            return (f"there is no field `{name}` here", _similar(name), "unknown-field")
        case "missing":
            return (f"the field `{name}` is missing", f"add `{name}: …`", "missing-field")
        case "value_error" | "template":
            what, _, remedy = fault["msg"].removeprefix("Value error, ").partition("; ")
            return (f"`{name}`: {what}", remedy or f"mend `{name}`", "bad-value")
        case "literal_error":
            return (f"`{name}` is {given!r}", f"write one of {limits['expected']}", "bad-value")
        case "string_pattern_mismatch":
            return (f"`{name}` is {given!r}", _pattern(limits["pattern"]), "bad-name")
        case "too_short":
            return (f"`{name}` is empty", "write at least one", "empty")
        case "string_too_short":
            return (f"`{name}` is an empty text", "write something, or leave the field out", "empty")
    return (f"`{name}` is {_kind(given)}", _expected(kind, fault["msg"]), "bad-type")


def _pattern(pattern: str) -> str:
    if "a-z" in pattern:
        return "use small letters, digits and _, beginning with a letter"
    return f"it has the form {pattern}"


_TYPES = {
    "string_type": "write a text",
    "tuple_type": "write a list, each item with its own `-`",
    "list_type": "write a list, each item with its own `-`",
    "dict_type": "write fields, one a line: `name: value`",
    "model_type": "write fields, one a line: `name: value`",
    "bool_parsing": "write true or false",
    "bool_type": "write true or false",
    "int_parsing": "write a whole number",
}


def _expected(kind: str, text: str) -> str:
    return _TYPES.get(kind, text[0].lower() + text[1:])


def _kind(value: Any) -> str:
    match value:
        case None:
            return "empty"
        case dict():
            return "a group of fields"
        case list() | tuple():
            return "a list"
        case str() if len(value) > 60:
            return f"{value[:57]!r}…"
    return repr(value)


def _similar(name: str) -> str:
    close = difflib.get_close_matches(name, _field_names(), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else "remove it, or indent it under the field it belongs to"


def _field_names() -> Sequence[str]:
    names: dict[str, None] = {}
    for model in _descendants(Part):
        names.update((info.alias or name, None) for name, info in model.model_fields.items())
    return tuple(names)


def _descendants(model: type[Part]) -> Iterator[type[Part]]:
    for child in model.__subclasses__():
        yield child
        yield from _descendants(child)
