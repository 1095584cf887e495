"""Which values a Liquid text uses."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from liquid import BoundTemplate
from liquid.builtin.expressions import FilteredExpression, LoopExpression, Path
from liquid.expression import Expression

from language.dialect import Context
from language.template_fault import line_at


@dataclass(frozen=True, slots=True)
class Use:
    """One value that a text uses: `path` such as `("profile", "first_name")`, the line, and whether it may be missing
    (it has a `default`, or is only tested)."""

    path: tuple[str, ...]
    line: int
    may_be_missing: bool


def uses(bound: BoundTemplate) -> Iterator[Use]:
    """In the order of the text; names that the text itself assigns or loops over are left out."""
    return _uses_in(bound.nodes, frozenset({"forloop"}), Context(bound), set())


def _uses_in(nodes: Any, loops: frozenset[str], context: Context, assigned: set[str]) -> Iterator[Use]:
    for node in nodes:
        for expression in node.expressions():
            for path, may_be_missing in _paths(expression):
                if path.head() not in assigned and path.head() not in loops:
                    yield Use(_names(path), line_at(path.token.source, path.token.start_index), may_be_missing)
        assigned.update(str(name) for name in node.template_scope())
        inner = loops | {str(name) for name in node.block_scope()}
        yield from _uses_in(node.children(context, include_partials=False), inner, context, assigned)


def _paths(expression: Expression) -> Iterator[tuple[Path, bool]]:
    if isinstance(expression, FilteredExpression):
        has_default = any(each.name == "default" for each in expression.filters or ())
        for child in expression.children():
            yield from ((path, has_default and child is expression.left) for path in _all_paths(child))
    else:
        is_shown = isinstance(expression, Path | LoopExpression)
        yield from ((path, not is_shown) for path in _all_paths(expression))


def _all_paths(expression: Expression) -> Iterator[Path]:
    if isinstance(expression, Path):
        yield expression
    for child in expression.children():
        yield from _all_paths(child)


def _names(path: Path) -> tuple[str, ...]:
    """As far as the path is written out: `start.items[0].name` is `start.items`."""
    names: list[str] = []
    for part in path.path:
        if not isinstance(part, str):
            break
        names.append(part)
    return tuple(names)
