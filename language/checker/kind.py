"""Of what kind an expression's value can be. Which kinds go together is not written down here: CEL itself is asked,
with a sample of each, so that what is refused surely gives nothing when it runs."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from language.cel_syntax import MACROS, Tree
from language.duration import parse_duration
from language.expression import FUNCTIONS, Expression, parse_moment, to_cel

_SAMPLES: dict[str, tuple[Any, ...]] = {
    "number": (2, 2.5),
    "text": ("a",),
    "truth": (True,),
    "moment": (datetime(2026, 1, 5, 9, tzinfo=UTC),),
    "length": (timedelta(hours=1),),
    "list": (["a"],),
    "map": ({"a": 1},),
    "nothing": (None,),
}
Kinds = frozenset[str]
ANY: Kinds = frozenset(_SAMPLES)
TRUTH: Kinds = frozenset({"truth"})
IN_WORDS = {
    "number": "a number",
    "text": "a text",
    "truth": "true or false",
    "moment": "a moment",
    "length": "a length of time",
    "list": "a list",
    "map": "a group of values",
    "nothing": "null",
}
_ORDER = ("<", "<=", ">", ">=")
_EQUAL = ("==", "!=")
_CLOCK = tuple(name for name in sorted(FUNCTIONS) if name.startswith("get"))
_NUMBER = ("int", "double", "uint", "size", "indexOf", "lastIndexOf", *_CLOCK)
_TRUTH = ("bool", "contains", "startsWith", "endsWith", "matches", "has", "all", "exists", "exists_one")
_TEXT = ("string", "lowerAscii", "upperAscii", "trim", "charAt", "substring", "replace", "join")
_RESULT = {"timestamp": "moment", "duration": "length", "split": "list", "map": "list", "filter": "list"}
_RESULT |= dict.fromkeys(_NUMBER, "number") | dict.fromkeys(_TRUTH, "truth") | dict.fromkeys(_TEXT, "text")
_CONVERSIONS = ("int", "double", "uint", "string", "timestamp", "duration", "bool", "bytes", "dyn", "type")
_ONE = (*_CONVERSIONS, *_CLOCK, "size", "has", "lowerAscii", "upperAscii", "trim", "reverse")
_COUNTS = dict.fromkeys(_ONE, (1, 1)) | {
    "contains": (2, 2),
    "startsWith": (2, 2),
    "endsWith": (2, 2),
    "matches": (2, 2),
    "charAt": (2, 2),
    "substring": (2, 3),
    "indexOf": (2, 3),
    "lastIndexOf": (2, 3),
    "split": (2, 3),
    "replace": (3, 4),
    "join": (1, 2),
}
"""How many values a function takes, what stands before its dot included."""
_TRIED = frozenset({"contains", "startsWith", "endsWith", "matches", "size", *_CLOCK})
"""Functions that fail by the kind of a value only."""


class Mismatch(NamedTuple):
    """Why a piece of an expression can give nothing. `is_sure`: whatever the values are."""

    what: str
    remedy: str
    code: str
    is_sure: bool = True


Known = Callable[[tuple[str, ...]], Kinds]
"""Of what kind a dotted name is; `ANY` when it is not known."""


def judge(tree: Tree, known: Known) -> tuple[Kinds, list[Mismatch]]:
    """The kinds that a value can be of, and what cannot work inside."""
    found: list[Mismatch] = []
    kinds = _Judge(known, found).kinds(tree, frozenset())
    return kinds, found


class _Judge:
    def __init__(self, known: Known, found: list[Mismatch]) -> None:
        self.known, self.found = known, found

    def kinds(self, tree: Tree, bound: frozenset[str]) -> Kinds:
        match tree.kind:
            case "text" | "number" | "list" | "map":
                self._inside(tree.parts, bound)
                return frozenset({tree.kind})
            case "word":
                return frozenset({"nothing"}) if tree.head == "null" else TRUTH
            case "name" | "field":
                return self._named(tree, bound)
            case "operation":
                return self._operation(tree, bound)
            case "choice":
                return self._choice(tree, bound)
            case "call":
                return self._call(tree, bound)
        self._inside(tree.parts, bound)
        return ANY

    def _inside(self, parts: tuple[Tree, ...], bound: frozenset[str]) -> list[Kinds]:
        return [self.kinds(part, bound) for part in parts]

    def _fault(self, what: str, remedy: str, code: str = "type-mismatch", *, is_sure: bool = True) -> Kinds:
        self.found.append(Mismatch(what, remedy, code, is_sure))
        return ANY

    def _named(self, tree: Tree, bound: frozenset[str]) -> Kinds:
        path = tree.path
        if path is None:
            self._inside(tree.parts, bound)
            return ANY
        return ANY if path[0] in bound else self.known(path)

    def _choice(self, tree: Tree, bound: frozenset[str]) -> Kinds:
        condition, yes, no = self._inside(tree.parts, bound)
        if "truth" not in condition:
            self._fault(f"`{tree.parts[0].source}` is {words(condition)}, not a condition", "compare it with something")
        return yes | no

    def _operation(self, tree: Tree, bound: frozenset[str]) -> Kinds:
        operands = self._inside(tree.parts, bound)
        if tree.head in ("&&", "||"):
            for part, kinds in zip(tree.parts, operands, strict=True):
                if "truth" not in kinds:
                    self._fault(f"`{part.source}` alone is {words(kinds)}, not a condition", _beside(tree, part))
            return TRUTH
        results = _results(tree.head, *operands)
        if not results:
            return self._fault(_in_words(tree, operands), _remedy(tree, operands))
        if tree.head in _EQUAL and operands[0].isdisjoint(operands[1]):
            self._fault(_in_words(tree, operands), _remedy(tree, operands))
        elif literal := next((part for part in tree.parts if part.kind == "text"), None):
            self._text_compared(tree, literal, operands)
        return results

    def _text_compared(self, tree: Tree, literal: Tree, operands: list[Kinds]) -> None:
        """A text in quotes beside a value that may well be no text."""
        other = operands[1 - tree.parts.index(literal)] if tree.parts[0] != tree.parts[1] else ANY
        value = Expression(literal.source).evaluate({})
        if other != ANY or not isinstance(value, str):
            return
        if tree.head in (*_ORDER, *_EQUAL) and isinstance(to_cel(value), datetime) and parse_moment(value):
            what = f"{literal.source} is a text, and the times of events and profiles are moments"
            self._fault(what, f"write timestamp({literal.source})", is_sure=tree.head in _EQUAL)
        elif tree.head in _ORDER and _is_number(value):
            what = f"{literal.source} is a text: a number is neither more nor less than a text"
            self._fault(what, f"write {value} without quotes", is_sure=False)

    def _call(self, tree: Tree, bound: frozenset[str]) -> Kinds:
        if tree.parts and tree.parts[0].path == ("math",):
            self._inside(tree.parts[1:], bound)
            return ANY
        if tree.head in MACROS and len(tree.parts) >= 3:
            self._inside(tree.parts[:1], bound)
            self._inside(tree.parts[2:], bound | {tree.parts[1].head})
            return frozenset({_RESULT[tree.head]})
        operands = self._inside(tree.parts, bound)
        low, high = _COUNTS.get(tree.head, (0, 99))
        if not low <= len(operands) <= high:
            many = f"{low}" if low == high else f"{low} or {high}"
            what = f"`{tree.head}` takes {many} value{'' if high == 1 else 's'}, here it has {len(operands)}"
            return self._fault(what, _usage(tree.head), "wrong-arguments")
        if tree.is_constant and tree.head in ("duration", "timestamp", "matches"):
            if Expression(tree.source).evaluate({}) is None:
                what = f"`{tree.source}` cannot be computed"
                return self._fault(what, _literal_usage(tree) or _usage(tree.head), "not-computable")
        elif tree.head in _TRIED and not _called(tree.head, *operands):
            given = next(kinds for kinds in operands if kinds != ANY)
            return self._fault(f"`{tree.head}` has no use for {words(given)}", _usage(tree.head))
        return frozenset({_RESULT[tree.head]}) if tree.head in _RESULT else ANY


@lru_cache(maxsize=4096)
def _results(sign: str, *operands: Kinds) -> Kinds:
    """What comes of an operation on such kinds; nothing when CEL refuses every sample."""
    source = f"{sign}a.x" if len(operands) == 1 else f"a.x {sign} b.x"
    return frozenset(kind for names in _samples(operands) if (kind := _kind_of(source, names)))


@lru_cache(maxsize=4096)
def _called(function: str, *operands: Kinds) -> bool:
    source = f"a.x.{function}({'b.x' if len(operands) == 2 else ''})"
    return any(_kind_of(source, names) for names in _samples(operands))


def _samples(operands: tuple[Kinds, ...]) -> Iterator[dict[str, Any]]:
    first = [value for kind in sorted(operands[0]) for value in _SAMPLES[kind]]
    if len(operands) == 1:
        yield from ({"a": {"x": value}} for value in first)
        return
    second = [value for kind in sorted(operands[1]) for value in _SAMPLES[kind]]
    yield from ({"a": {"x": one}, "b": {"x": other}} for one in first for other in second)


def _kind_of(source: str, names: dict[str, Any]) -> str | None:
    match _compiled(source).evaluate(names):
        case None:
            return None
        case bool():
            return "truth"
        case int() | float():
            return "number"
        case str() | bytes():
            return "text"
        case datetime():
            return "moment"
        case timedelta():
            return "length"
        case list():
            return "list"
    return "map"


@lru_cache(maxsize=256)
def _compiled(source: str) -> Expression:
    return Expression(source)


def words(kinds: Kinds) -> str:
    """`a number or a text`; null only where it is nothing else."""
    return " or ".join(IN_WORDS[kind] for kind in sorted(kinds - {"nothing"})) or "null"


def _in_words(tree: Tree, operands: list[Kinds]) -> str:
    if len(operands) == 1:
        return f"`{tree.source}`: `{tree.head}` has no use before {words(operands[0])}"
    known = [words(kinds) if kinds != ANY else None for kinds in operands]
    if tree.head == "in":
        return f"`{tree.parts[1].source}` is {words(operands[1])}, and `in` looks into a list"
    if None in known:
        one = next(name for name in known if name)
        return f"`{tree.source}`: nothing can be computed by `{tree.head}` with {one}"
    verb = "compares" if tree.head in (*_ORDER, *_EQUAL) else "computes"
    return f"`{tree.source}` {verb} {known[0]} with {known[1]}"


def _remedy(tree: Tree, operands: list[Kinds]) -> str:
    kinds = set().union(*(kinds for kinds in operands if kinds != ANY))
    if tree.head == "in":
        return f"write a list: in [{tree.parts[1].source}]; whether a text contains another: .contains(…)"
    if "nothing" in kinds:
        return "only a value that may be missing is compared with null"
    literal = next((part for part in tree.parts if part.kind == "text"), None)
    if literal and (length := _length(literal)):
        return f'write duration("{length}")'
    if "moment" in kinds and literal and tree.head not in "+-":
        return f"write timestamp({literal.source})"
    if kinds & {"moment", "length"} or (literal and tree.head == "-"):
        return 'lengths of time are written duration("48h"), moments timestamp("2026-12-24T09:00:00Z")'
    if "text" in kinds and tree.head == "+":
        return "make a text of the other: string(…)"
    if "text" in kinds and "number" in kinds:
        return "write numbers without quotes, and texts with them"
    return "put together what is of one kind"


def _length(literal: Tree) -> str | None:
    """A text such as `2d` as CEL writes that length."""
    try:
        seconds = int(parse_duration(Expression(literal.source).evaluate({})).total_seconds())
    except ValueError:
        return None
    return f"{seconds // 3600}h" if not seconds % 3600 else f"{seconds // 60}m" if not seconds % 60 else f"{seconds}s"


def _beside(tree: Tree, part: Tree) -> str:
    other = tree.parts[0] if tree.parts[1] is part else tree.parts[1]
    if tree.head == "||" and part.kind == "text" and other.kind == "operation" and other.head == "==":
        return f"write {other.parts[0].source} in [{other.parts[1].source}, {part.source}]"
    return "compare it with something on each side"


_USAGE = {
    "duration": 'write hours, minutes and seconds: duration("48h"), duration("90m")',
    "timestamp": 'write a whole moment with its zone: timestamp("2026-12-24T09:00:00Z")',
    "matches": "write a regular expression: profile.phone.matches('^[+]55')",
    "size": "write size(start.items): of a text, a list or a group",
    "has": "write has(profile.phone)",
}


def _literal_usage(tree: Tree) -> str | None:
    length = _length(tree.parts[0]) if tree.head == "duration" and tree.parts[0].kind == "text" else None
    return f'CEL counts in hours, minutes and seconds: write duration("{length}")' if length else None


def _usage(function: str) -> str:
    if function.startswith("get"):
        return f"write timestamp.{function}(), without a zone: moments are UTC"
    low, high = _COUNTS.get(function, (2, 2))
    if function in ("contains", "startsWith", "endsWith"):
        return f'write profile.email.{function}("@example")'
    return _USAGE.get(function, f"give it {low}" + (f" or {high}" if high != low else ""))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
