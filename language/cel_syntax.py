"""CEL as a tree, for the checker: the engine compiles and evaluates, but does not show what an expression is made of.

Only what compiles is parsed. What this grammar does not know (optional fields, structs) gives no tree, and so no
finding.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

_TOKEN = re.compile(
    r"""\s*(?://[^\n]*\n\s*)*(?:
    (?P<text>[rRbB]{0,2}(?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))
    |(?P<number>0[xX][0-9a-fA-F]+[uU]?|\d+\.\d+(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+[uU]?)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<sign>&&|\|\||[=!<>]=|[-+*/%!<>?:.,()\[\]{}])
    )""",
    re.VERBOSE,
)
_BINDING = {"||": 1, "&&": 2, "+": 4, "-": 4, "*": 5, "/": 5, "%": 5} | dict.fromkeys(
    ("==", "!=", "<", "<=", ">", ">=", "in"), 3
)
MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})

Kind = Literal["text", "number", "word", "name", "operation", "call", "field", "index", "list", "map", "choice"]


@dataclass(frozen=True, slots=True)
class Tree:
    """A piece of an expression. `head` is the operator, the function's or the field's name, or the literal itself.

    `word` is true, false or null. The receiver of a method call is its first part. `source` is its own text.
    """

    kind: Kind
    head: str
    parts: tuple["Tree", ...]
    source: str

    def walk(self) -> Iterator["Tree"]:
        """The parts before the whole."""
        for part in self.parts:
            yield from part.walk()
        yield self

    @property
    def path(self) -> tuple[str, ...] | None:
        """`start.flat.id` as its names; None when it is anything else."""
        if self.kind == "name":
            return (self.head,)
        inner = self.parts[0].path if self.kind == "field" else None
        return (*inner, self.head) if inner else None

    @property
    def is_constant(self) -> bool:
        """Whether no name stands in it."""
        return all(part.kind != "name" for part in self.walk())


class _Unknown(Exception):
    pass


@lru_cache(maxsize=4096)
def parse(source: str) -> Tree | None:
    """The tree of an expression that compiles; None where this grammar does not know it."""
    try:
        return _Parser(source).whole()
    except (_Unknown, RecursionError):
        return None


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = list(_tokens(source))
        self.at = 0

    def whole(self) -> Tree:
        tree = self.choice()
        if self.peek() is not None:
            raise _Unknown
        return tree

    def peek(self) -> str | None:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else None

    def take(self, *wanted: str) -> str | None:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        if token is None or token[0] == "text" or token[1] not in wanted:
            return None
        self.at += 1
        return token[1]

    def need(self, wanted: str) -> None:
        if self.take(wanted) is None:
            raise _Unknown

    def made(self, kind: Kind, head: str, parts: tuple[Tree, ...], first: int) -> Tree:
        return Tree(kind, head, parts, self.source[self.tokens[first][2] : self.tokens[self.at - 1][3]])

    def choice(self) -> Tree:
        first = self.at
        condition = self.operation(1)
        if self.take("?") is None:
            return condition
        yes = self.operation(1)
        self.need(":")
        return self.made("choice", "?", (condition, yes, self.choice()), first)

    def operation(self, weakest: int) -> Tree:
        first = self.at
        left = self.unary()
        while (sign := self.peek()) in _BINDING and self.tokens[self.at][0] != "text" and _BINDING[sign] >= weakest:
            self.at += 1
            right = self.operation(_BINDING[sign] + 1)
            left = self.made("operation", sign, (left, right), first)
        return left

    def unary(self) -> Tree:
        first = self.at
        if sign := self.take("!", "-"):
            return self.made("operation", sign, (self.unary(),), first)
        return self.members(self.primary(), first)

    def members(self, tree: Tree, first: int) -> Tree:
        while sign := self.take(".", "["):
            if sign == "[":
                index = self.choice()
                self.need("]")
                tree = self.made("index", "[]", (tree, index), first)
                continue
            name = self.name()
            if self.take("("):
                tree = self.made("call", name, (tree, *self.several(")")), first)
            else:
                tree = self.made("field", name, (tree,), first)
        return tree

    def name(self) -> str:
        kind, text, *_ = self.tokens[self.at] if self.at < len(self.tokens) else ("end", "", 0, 0)
        if kind != "name":
            raise _Unknown
        self.at += 1
        return text

    def several(self, closing: str) -> tuple[Tree, ...]:
        found: list[Tree] = []
        while self.take(closing) is None:
            found.append(self.choice())
            if self.take(",") is None:
                self.need(closing)
                break
        return tuple(found)

    def primary(self) -> Tree:
        first = self.at
        if self.at >= len(self.tokens):
            raise _Unknown
        kind, text, *_ = self.tokens[self.at]
        self.at += 1
        match kind, text:
            case ("text", _):
                return self.made("text", text, (), first)
            case ("number", _):
                return self.made("number", text, (), first)
            case ("name", "true" | "false" | "null"):
                return self.made("word", text, (), first)
            case ("name", _):
                return self._named(text, first)
            case (_, "("):
                inner = self.choice()
                self.need(")")
                return Tree(inner.kind, inner.head, inner.parts, self.source[self.tokens[first][2] : self._end()])
            case (_, "["):
                return self.made("list", "[]", self.several("]"), first)
            case (_, "{"):
                return self.made("map", "{}", self._entries(), first)
        raise _Unknown

    def _end(self) -> int:
        return self.tokens[self.at - 1][3]

    def _named(self, name: str, first: int) -> Tree:
        if self.take("(") is None:
            return self.made("name", name, (), first)
        arguments = self.several(")")
        return self.made("call", name, arguments, first)

    def _entries(self) -> tuple[Tree, ...]:
        found: list[Tree] = []
        while self.take("}") is None:
            found.append(self.choice())
            self.need(":")
            found.append(self.choice())
            if self.take(",") is None:
                self.need("}")
                break
        return tuple(found)


def _tokens(source: str) -> Iterator[tuple[str, str, int, int]]:
    """Kind, text, first and last place of each token."""
    at, end = 0, len(source.rstrip())
    while at < end:
        found = _TOKEN.match(source, at)
        if not found or not found.lastgroup:
            raise _Unknown
        yield found.lastgroup, found[found.lastgroup], found.start(found.lastgroup), found.end()
        at = found.end()
