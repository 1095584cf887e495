"""What is wrong with a Liquid text, found when it is loaded and said in words for people."""

import difflib
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from liquid import BoundTemplate
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.exceptions import LiquidError
from liquid.expression import Expression

from language.dialect import ENVIRONMENT, Context

_VALUE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_LEFT_OVER = re.compile(r"\{\{|\}\}|\{%|%\}")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_INTERNAL_TAGS = frozenset({"content", "illegal", "output", "#"})


class TemplateError(ValueError):
    """A text that is not valid Liquid. `line` counts from 1 within the text."""

    def __init__(self, problem: str, remedy: str, line: int) -> None:
        super().__init__(f"line {line} of the text: {problem}; {remedy}")
        self.problem, self.remedy, self.line = problem, remedy, line


def line_at(source: str, index: int) -> int:
    """The line of a place in a text, both as Liquid counts: the place from 0, the line from 1."""
    return source.count("\n", 0, max(index, 0)) + 1


def refuse_unprintable(source: str) -> None:
    """Neither PostgreSQL nor a call's script can hold them all. Raises TemplateError."""
    if found := _UNPRINTABLE.search(source):
        problem = f"the character U+{ord(found[0]):04X} cannot be shown"
        raise TemplateError(problem, "leave it out", line_at(source, found.start()))


def explain(error: LiquidError, source: str) -> TemplateError:
    """Liquid's own error, with its place and a remedy."""
    text = str(error.message)
    index = error.token.start_index if error.token else -1
    line = line_at(source, index) if index >= 0 else _failing_line(source, text)
    if unknown := re.match(r"unexpected tag '(.*)'", text):
        return TemplateError(f"there is no tag {{% {unknown[1]} %}}", _nearest(unknown[1], ENVIRONMENT.tags), line)
    if unclosed := re.match(r"expected tag end(\w+)", text):
        return TemplateError(f"{{% {unclosed[1]} %}} is never closed", f"add {{% end{unclosed[1]} %}}", line)
    problem = f"not valid Liquid: {text.replace('end of expression', 'the end')}"
    return TemplateError(problem, "write for example {{ profile.first_name | default: 'you' }}", line)


def _failing_line(source: str, text: str) -> int:
    """Liquid gives no place for some errors: look for the opening tag, or the first value that fails alone."""
    if unclosed := re.match(r"expected tag end(\w+)", text):
        openings = list(re.finditer(rf"\{{%-?\s*{unclosed[1]}\b", source))
        return line_at(source, openings[-1].start()) if openings else 1
    for found in _VALUE.finditer(source):
        try:
            ENVIRONMENT.from_string(found.group())
        except LiquidError:
            return line_at(source, found.start())
    return 1


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    words = sorted(set(known) - _INTERNAL_TAGS)
    close = difflib.get_close_matches(name, words, n=1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(words)}"


def check(bound: BoundTemplate) -> None:
    """What Liquid itself would only notice when it renders. Raises `TemplateError`."""
    for node in _nodes(bound.nodes, Context(bound)):
        if isinstance(node, ContentNode):
            _check_braces(node)
        for expression in node.expressions():
            _check_filters(expression)


def _nodes(nodes: Any, context: Context) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _nodes(node.children(context, include_partials=False), context)


def _check_braces(node: ContentNode) -> None:
    source = node.token.source
    if (stray := _LEFT_OVER.search(node.text)) and "raw" not in source:
        line = line_at(source, node.token.start_index + stray.start())
        raise TemplateError(f"a stray {stray.group()}", "a value is written {{ name }}, a tag {% if … %}", line)


def _check_filters(expression: Expression) -> None:
    for each in getattr(expression, "filters", None) or ():
        line = line_at(each.token.source, each.token.start_index)
        function = ENVIRONMENT.filters.get(each.name)
        if function is None:
            problem = f"there is no filter {each.name!r}"
            raise TemplateError(problem, _nearest(each.name, ENVIRONMENT.filters), line)
        if not _takes(function, len(each.args)):
            problem = f"the filter {each.name!r} does not take {len(each.args)} values"
            raise TemplateError(problem, f"look up {each.name!r} in the documentation of the language", line)


def _takes(function: Any, count: int) -> bool:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    given = [p for p in parameters if p.name not in ("context", "environment")]
    needed = [p for p in given if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in given)
    return len(needed) <= count and (takes_any or count <= len(given))
