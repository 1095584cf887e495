"""Conditions and computed values: CEL, compiled once, in which a missing field is null and nothing ever raises."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import cel
from cel.stdlib import EXTENSIONS
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_LITERAL = re.compile(
    r'[rb]*("""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\')', re.IGNORECASE
)
_PATH = re.compile(r"(?<![\w.])([A-Za-z_]\w*)((?:\s*\.\s*[A-Za-z_]\w*)*)\s*([(\[])?")
_HAS = re.compile(r"\bhas\s*\([^()]*\)")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_BOUND = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_WHOLE_NUMBER = re.compile(r"(?<![\w.])(\d+)(?![\w.])")
_INTEGER = range(-(2**63), 2**63)
LONGEST = 4_000
_RESERVED = frozenset({"true", "false", "null", "in"})

_MACROS = ("all", "exists", "exists_one", "filter", "has", "map")
_BUILT_IN = [
    "bytes",
    "contains",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "int",
    "matches",
    "size",
    "startsWith",
    "string",
    "timestamp",
    "type",
    "uint",
]
_ADDED: Mapping[str, Callable[..., Any]] = {**EXTENSIONS["core"], **EXTENSIONS["strings"], **EXTENSIONS["math"]}
FUNCTIONS = frozenset([*_MACROS, *_BUILT_IN, *(name.rpartition(".")[2] for name in _ADDED)])
"""The functions that an expression may use; those of `math` are written `math.round(…)`."""

Path = tuple[str, ...]


class Expression:
    """One CEL expression. Equal by source; raises `ValueError` when it does not compile."""

    __slots__ = ("_added", "_all", "_filled", "_program", "functions", "roots", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self._program, self._all, self._filled = _compile(source)
        self.roots = frozenset(path[0] for path in self._all)
        self.functions = frozenset(name for name in self._program.references()["functions"] if name[0].isalpha())
        self._added = {name: f for name, f in _ADDED.items() if name.rpartition(".")[2] in self.functions}

    @property
    def paths(self) -> tuple[Path, ...]:
        """The dotted names used, such as `("event", "flat", "id")`; a bare root stands for all of it."""
        return self._all

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        """The value within `scope` (root name → value); None when a name is missing or the types do not fit."""
        try:
            return self._execute(_project(scope, self._all, self._filled))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of the library is no Exception
            return _no_value(error)

    def _execute(self, names: dict[str, Any]) -> Any:
        try:
            return self._program.execute(self._context(names))
        except TypeError:
            # CEL does not mix whole numbers and others; in JSON 7 and 7.0 are one number, so calculate with the latter.
            return _compile(_with_doubles(self.source))[0].execute(self._context(_doubled(names)))

    def _context(self, names: dict[str, Any]) -> Any:
        return cel.Context(variables=names, functions=self._added) if self._added else names

    def is_true(self, scope: Mapping[str, Any]) -> bool:
        return self.evaluate(scope) is True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and other.source == self.source

    def __hash__(self) -> int:
        return hash(self.source)

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value.source)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": ["string", "number", "boolean"],
            "description": "A CEL expression.",
            "examples": ['event.to == "bought"'],
        }

    @classmethod
    def _validate(cls, value: Any) -> "Expression":
        if isinstance(value, Expression):
            return value
        if isinstance(value, bool | int | float):
            value = str(value).lower() if isinstance(value, bool) else str(value)
        if not isinstance(value, str) or not value.strip():
            raise ValueError('an expression is a text in CEL, for example: event.to == "bought"')
        return cls(value)


def _no_value(error: BaseException) -> None:
    """Raises what is not the library's: the cancellation of a task, the end of a generator."""
    if not isinstance(error, Exception) and type(error).__module__ != "pyo3_runtime":
        raise error


@lru_cache(maxsize=4096)
def _compile(source: str) -> tuple[cel.Program, tuple[Path, ...], tuple[Path, ...]]:
    if len(source) > LONGEST:
        raise ValueError(f"an expression has at most {LONGEST} characters; split it")
    try:
        program = cel.compile(source)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        _no_value(error)
        raise ValueError(_first_fault(str(error), source)) from None
    bare = _LITERAL.sub(" '' ", source)
    variables = frozenset(program.variables()).difference(_BOUND.findall(bare))
    every = dict.fromkeys(_paths(bare, variables))
    filled = dict.fromkeys(path for path in _paths(_HAS.sub(" true ", bare), variables) if len(path) > 1)
    return program, tuple(every), tuple(filled)


def _first_fault(text: str, source: str) -> str:
    bare = _LITERAL.sub("''", source)
    if re.search(r"(?<![=!<>])=(?!=)", bare):
        return "a single `=` compares nothing; write `==`"
    if word := re.search(r"\b(and|or|not)\b", bare, re.IGNORECASE):
        return f"`{word[0]}` is no word here; write && for and, || for or, ! for not"
    found = re.search(r"ERROR: <input>:\d+:(\d+): (?:Syntax error: )?(.*)", text)
    if not found:
        return 'not a CEL expression; write for example event.to == "bought"'
    fault = found[2].partition(" expecting ")[0].replace("mismatched input '<EOF>'", "it ends too early")
    return f'not a CEL expression, at column {found[1]}: {fault}; write for example event.to == "bought"'


def _with_doubles(source: str) -> str:
    texts = _LITERAL.finditer(source)
    return "".join(
        _WHOLE_NUMBER.sub(r"\1.0", between) + text
        for between, text in _split(source, [(found.start(), found.end()) for found in texts])
    )


def _split(source: str, spans: list[tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """The source as pairs of what stands before a text and the text itself."""
    begin = 0
    for start, end in [*spans, (len(source), len(source))]:
        yield source[begin:start], source[start:end]
        begin = end


def _doubled(value: Any) -> Any:
    match value:
        case bool():
            return value
        case int():
            return float(value)
        case dict():
            return {name: _doubled(item) for name, item in value.items()}
        case list():
            return [_doubled(item) for item in value]
    return value


def _paths(bare: str, variables: frozenset[str]) -> Iterator[Path]:
    for root, rest, opening in _PATH.findall(bare):
        path = (root, *(part.strip() for part in rest.split(".")[1:]))
        if opening == "(":
            path = path[:-1]
        if path and root in variables and root not in _RESERVED and not (root == "math" and opening == "("):
            yield path


def _project(scope: Mapping[str, Any], paths: tuple[Path, ...], filled: tuple[Path, ...]) -> dict[str, Any]:
    """Only what the expression names, so that a large profile costs nothing; missing names become null."""
    found: dict[str, Any] = {}
    for root, *rest in paths:
        value = scope.get(root)
        if not rest or not isinstance(value, Mapping):
            found[root] = to_cel(value)
        elif rest[0] in value:
            part = found.setdefault(root, {})
            if isinstance(part, dict) and rest[0] not in part:
                part[rest[0]] = to_cel(value[rest[0]])
        else:
            found.setdefault(root, {})
    for path in filled:
        _fill(found, path)
    return found


def _fill(found: dict[str, Any], path: Path) -> None:
    at: Any = found
    for name in path[:-1]:
        if at.get(name) is None:
            at[name] = {}
        at = at[name]
        if not isinstance(at, dict):
            return
    at.setdefault(path[-1], None)


def to_cel(value: Any) -> Any:
    """A JSON value as CEL sees it: ISO date-times become timestamps, integers beyond 64 bits become doubles."""
    match value:
        case str():
            return _moment(value) if _MOMENT.match(value) else value
        case dict():
            return {str(name): to_cel(item) for name, item in value.items()}
        case list() | tuple():
            return [to_cel(item) for item in value]
        case bool():
            return value
        case int():
            return value if value in _INTEGER else float(value)
    return value


def _moment(text: str) -> Any:
    return parse_moment(text) or text


def parse_moment(value: Any) -> datetime | None:
    """An aware UTC moment from a datetime or an ISO 8601 date-time; None when it is unreadable or only a date."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (OverflowError, ValueError):
        return None


def parse_day(value: Any) -> date | None:
    """A calendar day from `2026-03-01` or a date; None when it is neither."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
