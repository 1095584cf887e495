"""One Liquid text: compiled once, checked when loaded, and able to say which values it uses."""

import difflib
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from typing import Any

from liquid import BoundTemplate
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, LoopExpression
from liquid.builtin.expressions import Path as LiquidPath
from liquid.exceptions import LiquidError
from liquid.expression import Expression

from language.dialect import ENVIRONMENT, Context, Ink, Reader, dotted

# `{{ link: 'https://…' }}` is short for `{{ 'https://…' | link }}`.
_SHORT_LINK = re.compile(r"\{\{(-?)\s*link:\s*(.+?)\s*(-?)\}\}")
_STATEMENT = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_LEFT_OVER = re.compile(r"\{\{|\}\}|\{%|%\}")


class TemplateError(ValueError):
    """A text that is not valid Liquid. `line` counts from 1 within the text."""

    def __init__(self, problem: str, remedy: str, line: int) -> None:
        super().__init__(f"line {line} of the text: {problem}; {remedy}")
        self.problem, self.remedy, self.line = problem, remedy, line


class UnfitValue(Exception):
    """A value that a filter or a condition cannot use, such as a word given to `date`. Never quotes the value."""

    def __init__(self, statement: str, line: int) -> None:
        super().__init__(statement)
        self.statement, self.line = statement, line


@dataclass(frozen=True, slots=True)
class Use:
    """One value that a text uses: `path` such as `("profile", "first_name")`, the line, and whether it may be missing
    (it has a `default`, or is only tested)."""

    path: tuple[str, ...]
    line: int
    may_be_missing: bool


class Template:
    """A compiled Liquid text. `compile_template` makes it; equal sources share one."""

    __slots__ = ("_bound", "source", "uses")

    def __init__(self, source: str) -> None:
        self.source = source
        self._bound = _parse(source)
        _check(self._bound)
        self.uses = tuple(dict.fromkeys(_uses(self._bound)))

    def render(self, names: Mapping[str, Any], reader: Reader, ink: Ink) -> str:
        """The text for one reader. Raises `MissingValue` and `UnfitValue`, neither of which quotes a value."""
        buffer = StringIO()
        context = Context.of(self._bound, names, reader, ink)
        try:
            self._bound.render_with_context(context, buffer)
        except LiquidError as error:
            raise _unfit(error, self.source) from None
        return buffer.getvalue()


@lru_cache(maxsize=4096)
def compile_template(source: str) -> Template:
    """The compiled text; `TemplateError` when it is not valid."""
    return Template(source)


def _parse(source: str) -> BoundTemplate:
    try:
        return ENVIRONMENT.from_string(_SHORT_LINK.sub(r"{{\1 \2 | link \3}}", source))
    except LiquidError as error:
        raise _explain(error, source) from None


def _explain(error: LiquidError, source: str) -> TemplateError:
    text = str(error.message)
    index = error.token.start_index if error.token else -1
    line = _line_at(source, index) if index >= 0 else _failing_line(source, text)
    if unknown := re.match(r"unexpected tag '(.*)'", text):
        return TemplateError(f"there is no tag {{% {unknown[1]} %}}", _nearest(unknown[1], ENVIRONMENT.tags), line)
    if unclosed := re.match(r"expected tag end(\w+)", text):
        return TemplateError(f"{{% {unclosed[1]} %}} is never closed", f"add {{% end{unclosed[1]} %}}", line)
    problem = text.replace("end of expression", "the end")
    return TemplateError(
        f"not valid Liquid: {problem}", "write for example {{ profile.first_name | default: 'you' }}", line
    )


def _failing_line(source: str, text: str) -> int:
    """Liquid gives no place for some errors: look for the opening tag, or the first statement that fails alone."""
    if unclosed := re.match(r"expected tag end(\w+)", text):
        openings = list(re.finditer(rf"\{{%-?\s*{unclosed[1]}\b", source))
        return _line_at(source, openings[-1].start()) if openings else 1
    for found in _STATEMENT.finditer(source):
        if found.group().startswith("{{"):
            try:
                ENVIRONMENT.from_string(found.group())
            except LiquidError:
                return _line_at(source, found.start())
    return 1


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    words = [word for word in known if word.isidentifier() and word not in ("content", "illegal", "output")]
    close = difflib.get_close_matches(name, words, n=1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(words))}"


def _line_at(source: str, index: int) -> int:
    return source.count("\n", 0, max(index, 0)) + 1


def _unfit(error: LiquidError, source: str) -> UnfitValue:
    text = error.token.source if error.token else source
    index = error.token.start_index if error.token else 0
    return UnfitValue(_statement_at(text, index), _line_at(text, index))


def _statement_at(source: str, index: int) -> str:
    for found in _STATEMENT.finditer(source):
        if found.end() > index:
            return found.group()
    return "the text"


def _check(bound: BoundTemplate) -> None:
    for node in _nodes(bound, bound.nodes):
        if isinstance(node, ContentNode):
            _check_braces(node)
        for expression in node.expressions():
            _check_filters(expression)


def _check_braces(node: ContentNode) -> None:
    source = node.token.source
    if (stray := _LEFT_OVER.search(node.text)) and "raw" not in source:
        line = _line_at(source, node.token.start_index + stray.start())
        raise TemplateError(f"a stray {stray.group()}", "a value is written {{ name }}, a tag {% if … %}", line)


def _check_filters(expression: Expression) -> None:
    for each in getattr(expression, "filters", None) or ():
        line = _line_at(each.token.source, each.token.start_index)
        if each.name not in ENVIRONMENT.filters:
            problem = f"there is no filter {each.name!r}"
            raise TemplateError(problem, _nearest(each.name, ENVIRONMENT.filters), line)
        if not _takes(ENVIRONMENT.filters[each.name], len(each.args)):
            raise TemplateError(
                f"the filter {each.name!r} does not take {len(each.args)} values",
                f"look up {each.name!r} in the language's documentation",
                line,
            )


def _takes(function: Any, count: int) -> bool:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    given = [p for p in parameters if p.name not in ("context", "environment")]
    needed = [p for p in given if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in given)
    return len(needed) <= count and (takes_any or count <= len(given))


def _nodes(bound: BoundTemplate, nodes: Any) -> Iterator[Node]:
    context = Context(bound)
    for node in nodes:
        yield node
        yield from _nodes(bound, node.children(context, include_partials=False))


def _uses(bound: BoundTemplate) -> Iterator[Use]:
    yield from _uses_in(bound.nodes, frozenset({"forloop"}), Context(bound), set())


def _uses_in(nodes: Any, loops: frozenset[str], context: Context, assigned: set[str]) -> Iterator[Use]:
    for node in nodes:
        for expression in node.expressions():
            for path, may_be_missing in _paths(expression):
                if path.path[0] not in assigned and path.path[0] not in loops:
                    yield Use(_names(path), _line_at(path.token.source, path.token.start_index), may_be_missing)
        assigned.update(str(name) for name in node.template_scope())
        inner = loops | {str(name) for name in node.block_scope()}
        yield from _uses_in(node.children(context, include_partials=False), inner, context, assigned)


def _paths(expression: Expression) -> Iterator[tuple[LiquidPath, bool]]:
    if isinstance(expression, FilteredExpression):
        has_default = any(each.name == "default" for each in expression.filters or ())
        for child in expression.children():
            yield from ((path, has_default and child is expression.left) for path in _all_paths(child))
    else:
        is_shown = isinstance(expression, LiquidPath | LoopExpression)
        yield from ((path, not is_shown) for path in _all_paths(expression))


def _all_paths(expression: Expression) -> Iterator[LiquidPath]:
    if isinstance(expression, LiquidPath):
        yield expression
    for child in expression.children():
        yield from _all_paths(child)


def _names(path: LiquidPath) -> tuple[str, ...]:
    names: list[str] = []
    for part in path.path:
        if not isinstance(part, str):
            break
        names.append(part)
    return tuple(names) or (dotted(list(path.path)),)
