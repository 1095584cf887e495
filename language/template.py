"""One Liquid text: compiled once, checked when loaded, and able to say which values it uses."""

import re
from collections.abc import Mapping
from functools import lru_cache
from io import StringIO
from typing import Any

from liquid import BoundTemplate
from liquid.exceptions import LiquidError

from language.dialect import ENVIRONMENT, Context, Ink, Reader
from language.template_fault import TemplateError, check, explain, line_at, refuse_unprintable
from language.template_use import uses

__all__ = ["Template", "TemplateError", "UnfitValue", "compile_template"]

# `{{ link: 'https://…' }}` is short for `{{ 'https://…' | link }}`.
_SHORT_LINK = re.compile(r"\{\{(-?)\s*link:\s*(.+?)\s*(-?)\}\}")
_STATEMENT = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


class UnfitValue(Exception):
    """A value that a filter or a condition cannot use, such as a word given to `date`. Never quotes the value."""

    def __init__(self, statement: str, line: int) -> None:
        super().__init__(statement)
        self.statement, self.line = statement, line


class Template:
    """A compiled Liquid text. `compile_template` makes it; equal sources share one."""

    __slots__ = ("_bound", "source", "uses")

    def __init__(self, source: str) -> None:
        refuse_unprintable(source)
        self.source = source
        self._bound = _parse(source)
        check(self._bound)
        self.uses = tuple(dict.fromkeys(uses(self._bound)))

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
        raise explain(error, source) from None


def _unfit(error: LiquidError, source: str) -> UnfitValue:
    text = error.token.source if error.token else source
    index = error.token.start_index if error.token else 0
    statement = next((found.group() for found in _STATEMENT.finditer(text) if found.end() > index), "the text")
    return UnfitValue(statement, line_at(text, index))
