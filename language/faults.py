"""What is wrong with the data of a file, in words for people: steps without a verb, and all that the models refuse."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from language.finding import Finding
from language.part import Part
from language.source import Path, Source
from language.steps import Step, step_classes

NESTED = frozenset({"steps", "do", "otherwise"})
RESULTS = "results"
_NAMED_BY = frozenset({"send", "cascade", "split", "task", "call", "coupon", "start", "stop", "go_to"})


def fault(source: Source, path: Path, what: str, remedy: str, code: str) -> Finding:
    return Finding(
        file=source.file, line=source.line(path), step=place_of(source, path), what=what, remedy=remedy, code=code
    )


def place_of(source: Source, path: Path) -> str:
    """The innermost step around a place, by its id or what its id would be; else the field of the head."""
    for length in range(len(path), 0, -1):
        value = find(source.data, path[:length])
        if isinstance(value, Mapping) and _is_step(path[:length]):
            return _name(value)
    return str(path[0]) if path else "file"


def _is_step(path: Path) -> bool:
    """Whether a step stands at this place: in a list of steps, or of a task's result."""
    if len(path) < 2 or not isinstance(path[-1], int):
        return False
    return path[-2] in NESTED or path[-3:-2] == (RESULTS,)


def _name(step: Mapping[str, Any]) -> str:
    if isinstance(step.get("id"), str):
        return str(step["id"])
    verb = next((verb for verb in step_classes() if verb in step), None)
    if verb is None:
        return next(iter(step), "step")
    main = step[verb]
    return f"{verb}_{main}" if verb in _NAMED_BY and isinstance(main, str) else verb


def find(data: Any, path: Path) -> Any:
    """What stands at a place; None when there is no such place."""
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


# --- steps: exactly one verb each


def step_faults(source: Source) -> Iterator[tuple[Path, Finding]]:
    """Faults of what should be a step and is none, with their places."""
    for path, step in raw_steps(source.data):
        for finding in _verb_faults(source, path, step):
            yield path, finding


def raw_steps(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """All that stands where steps stand, with its place."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if isinstance(inner, list) and _is_step((*path, name, 0)):
                yield from (((*path, name, number), step) for number, step in enumerate(inner))
            yield from raw_steps(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from raw_steps(inner, (*path, number))


def _verb_faults(source: Source, path: Path, step: Any) -> Iterator[Finding]:
    known = step_classes()
    if not isinstance(step, Mapping):
        remedy = f"write `- verb: …` with one of {', '.join(known)}"
        yield fault(source, path, f"{shown(step)} is not a step", remedy, "not-a-step")
        return
    verbs = _verbs(step, known)
    if len(verbs) > 1:
        what = f"one step has {len(verbs)} verbs: {', '.join(verbs)}"
        yield fault(source, path, what, "make them steps of their own, each with its own `-`", "several-verbs")
    if not verbs:
        yield _no_verb(source, path, step, known)


def _verbs(step: Mapping[str, Any], known: Mapping[str, type[Step]]) -> list[str]:
    """The verbs of a step, without those that are fields of another: a send may say `wait: accepted`."""
    named = [verb for verb in known if verb in step]
    return [verb for verb in named if not any(_has_field(known[it], verb, step[verb]) for it in named if it != verb)]


def _has_field(step: type[Step], name: str, value: Any) -> bool:
    field = step.model_fields.get(name)
    return field is not None and value in [choice for part in get_args(field.annotation) for choice in get_args(part)]


def _no_verb(source: Source, path: Path, step: Mapping[str, Any], known: Mapping[str, type[Step]]) -> Finding:
    for name in step:
        if close := difflib.get_close_matches(name, known, n=1, cutoff=0.7):
            return fault(source, path, f"there is no step `{name}`", f"did you mean `{close[0]}`?", "unknown-step")
    names = ", ".join(f"`{name}`" for name in step) or "nothing"
    return fault(source, path, f"a step with {names} has no verb", f"add one of {', '.join(known)}", "no-verb")


# --- what the models refuse


def model_faults(source: Source, error: ValidationError) -> Iterator[tuple[Path, Finding]]:
    """One fault a place, with the place; what only follows from another fault is left out."""
    found: dict[Path, Any] = {}
    for item in sorted(error.errors(include_url=False), key=_rank):
        found.setdefault(_real_path(source.data, item), item)
    for path, item in found.items():
        if item["type"] not in _FOLLOWING or not any(path != other and other[: len(path)] == path for other in found):
            yield path, fault(source, path, *_words(item, path))


_FOLLOWING = frozenset({"too_short", "literal_error", "model_type", "int_type", "int_parsing", "missing"})
"""Said of a place because something inside it is wrong, or because another kind was meant."""

_RANKS = ("value_error", "literal_error")


def _rank(item: Any) -> int:
    """Of several kinds that a field may be, the complaint that tells most comes first."""
    return _RANKS.index(item["type"]) if item["type"] in _RANKS else len(_RANKS)


def _real_path(data: Any, item: Any) -> Path:
    """Where it stands in the file: without what pydantic adds for kinds of a union and lists written as one."""
    path: Path = ()
    for part in item["loc"]:
        inside = data[part] if _has(data, part) else None
        if inside is not None or _has(data, part) or (item["type"] == "missing" and part == item["loc"][-1]):
            path, data = (*path, part), inside
    return path


def _has(data: Any, part: str | int) -> bool:
    if isinstance(data, Mapping):
        return part in data
    return isinstance(data, list) and isinstance(part, int) and part < len(data)


def _words(item: Any, path: Path) -> tuple[str, str, str]:
    kind, given, limits = item["type"], item.get("input"), item.get("ctx", {})
    name = next((part for part in reversed(path) if isinstance(part, str)), "the file")
    match kind:
        case "extra_forbidden":
            return (f"there is no field `{name}` here", _similar(name), "unknown-field")
        case "missing":
            return (f"the field `{name}` is missing", f"add `{name}: …`", "missing-field")
        case "value_error" | "template":
            what, _, remedy = item["msg"].removeprefix("Value error, ").partition("; ")
            is_about_one_field = bool(path) and isinstance(path[-1], str) and not isinstance(given, Mapping)
            return (f"`{name}`: {what}" if is_about_one_field else what, remedy or f"mend `{name}`", "bad-value")
        case "literal_error":
            return (f"`{name}` is {shown(given)}", f"write one of {limits['expected']}", "bad-value")
        case "string_pattern_mismatch":
            return (f"`{name}` is {shown(given)}", _pattern(limits["pattern"]), "bad-name")
        case "too_short":
            return (f"`{name}` is empty", "write at least one", "empty")
        case "string_too_short":
            return (f"`{name}` is an empty text", "write something, or leave the field out", "empty")
    return (f"`{name}` is {shown(given)}", _expected(kind, item["msg"]), "bad-type")


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
    "int_type": "write a whole number",
    "float_parsing": "write a number",
    "float_type": "write a number",
    "timezone_aware": "add the zone, for example 2026-01-05T09:00:00Z",
}


def _expected(kind: str, text: str) -> str:
    if kind.startswith("datetime"):
        return "write a moment, for example 2026-01-05T09:00:00Z"
    return _TYPES.get(kind, text[0].lower() + text[1:])


def shown(value: Any) -> str:
    """A value of the file as a finding quotes it."""
    match value:
        case None:
            return "empty"
        case Mapping():
            return "a group of fields"
        case list() | tuple():
            return "a list"
        case str() if len(value) > 60:
            return f"{value[:57]!r}…"
    return repr(value)[:60]


_BESIDE_ON = frozenset({"where", "of", "match"})
"""What qualifies an event."""


def _similar(name: str) -> str:
    if name in _BESIDE_ON:
        return f"it goes with an event: write `- on: …` in a line of its own, and `{name}` below `on`"
    close = difflib.get_close_matches(name, [it for it in _field_names() if it != name], n=1, cutoff=0.7)
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
