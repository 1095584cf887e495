"""Liquid as Sojourn speaks it: what is missing stops the message, values cannot carry markup, times are local.

Differences from plain Liquid: a null or blank value counts as missing; a missing value may be tested (`if`, `==`) and
replaced (`default`), but not shown; every shown value is escaped for the text it stands in, so there is no `escape`
to forget and no way around it.
"""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NoReturn, TextIO
from urllib.parse import quote, urlsplit

from babel import numbers
from liquid import BoundTemplate, Environment, Mode, RenderContext
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.capture_tag import CaptureNode, CaptureTag
from liquid.exceptions import FilterArgumentError, LiquidError
from liquid.filter import with_context
from liquid.undefined import UNDEFINED, Undefined
from liquid.utils import ReadOnlyChainMap

from language.local_time import UnknownZone, find_locale, format_by, format_moment, is_moment, narrow, read_moment

Escaping = Literal["text", "html", "markdown"]

_TAGS = ("content", "illegal", "if", "unless", "case", "for", "break", "continue", "assign", "capture", "comment", "#")
_NEVER_FILTERS = ("safe", "escapejs", "escape", "escape_once", "newline_to_br")
_UNSHOWABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_UNFIT_FOR_URL = re.compile(r"[\s\x00-\x1f\"<>\\^`{|}]")
_CODE_AND_AMOUNT = re.compile(r"(?<=[A-Z])(?=\d)|(?<=\d)(?=[A-Z])")
_LONGEST_LOOP = 10_000
_MARK = "vq7x{}x7qv"
_MARKS = re.compile(r"vq7x(\d+)x7qv")


class MissingValue(Exception):
    """A template shows a value that is not there. `path` is its dotted name."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Missing(Undefined):
    """Stands for a null, blank or absent value: false and null to a test, `MissingValue` when it is shown."""

    __slots__ = ()
    force_liquid_default = True

    def _raise(self, *_: Any) -> NoReturn:
        raise MissingValue(self.name)

    __str__ = __iter__ = __len__ = __int__ = __getitem__ = __contains__ = _raise


class Finished(str):
    """Text that is already fit for where it stands: a captured passage, a tracked link."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Reader:
    """Who a text is for: decides the zone of times, the language of months and numbers, and the links."""

    time_zone: str
    locale: str
    link: Callable[[str], str]


@dataclass(slots=True)
class Ink:
    """How values are written into one text. In Markdown a mark stands for each until the Markdown is HTML."""

    escaping: Escaping
    values: list[str] = field(default_factory=list)

    def write(self, text: str) -> str:
        if self.escaping == "text":
            return text
        if self.escaping == "html":
            return html.escape(text)
        self.values.append(text)
        return _MARK.format(len(self.values) - 1)

    def fill(self, text: str, finish: Callable[[str], str]) -> str:
        """The text with every mark replaced by its value, made fit by `finish`."""

        def value(found: re.Match[str]) -> str:
            number = int(found[1])
            return finish(self.values[number]) if number < len(self.values) else found[0]

        return _MARKS.sub(value, text)


class Context(RenderContext):
    """One rendering: the names, the reader, and the ink. Without Liquid's own `now`, which would be the real one."""

    __slots__ = ("ink", "reader")
    reader: Reader
    ink: Ink

    @classmethod
    def of(cls, template: BoundTemplate, names: Mapping[str, Any], reader: Reader, ink: Ink) -> "Context":
        context = cls(template, globals=names)
        context.scope = ReadOnlyChainMap(context.locals, context.globals)
        context.reader, context.ink = reader, ink
        return context

    def get(self, path: list[object], *, token: Any, default: object = UNDEFINED) -> object:
        value: object = None
        try:
            value = self.scope[path[0]]  # type: ignore[index]
            for name in path[1:]:
                value = None if isinstance(value, Missing) else self.get_item(value, name)
        except (KeyError, IndexError, TypeError):
            value = None
        if value is not None and not (isinstance(value, str) and not value.strip()):
            return value
        return Missing(dotted(path), token=token) if default is UNDEFINED else default

    def filter(self, name: str, token: Any) -> Callable[..., object]:
        """The filter, made to pass a missing value on for a later `default`, and to fail without naming values."""
        function = super().filter(name, token)
        return function if name == "default" else _guarded(function)

    def show(self, value: object) -> str:
        """The value as it is written into the text."""
        return str(value) if isinstance(value, Finished | Missing) else self.ink.write(self.read(value))

    def read(self, value: object) -> str:
        """The value as its reader would read it, unescaped and without characters that hide or reorder text."""
        if is_moment(value) and (moment := read_moment(value)) is not None:
            return format_moment(moment, zone=self.reader.time_zone, locale=self.reader.locale)
        match value:
            case None:
                return ""
            case bool():
                return str(value).lower()
            case float() | Decimal():
                return str(int(value)) if value % 1 == 0 else str(value)
            case list() | tuple() | range():
                return ", ".join(self.read(item) for item in value)
            case str() | int():
                return _UNSHOWABLE.sub("", str(value))
        raise FilterArgumentError("not a text", token=None)


def dotted(path: list[object]) -> str:
    return ".".join(str(part) for part in path)


def _guarded(function: Callable[..., object]) -> Callable[..., object]:
    def call(value: object, *args: object, **options: object) -> object:
        if isinstance(value, Missing):
            return value
        for argument in (*args, *options.values()):
            if isinstance(argument, Missing):
                raise MissingValue(argument.name)
        try:
            return function(value, *args, **options)
        except (LiquidError, MissingValue, UnknownZone):
            raise
        except Exception as error:
            # The error's own text may quote the customer's data, so it ends here.
            raise FilterArgumentError(type(error).__name__, token=None) from None

    return call


class _ShowNode(OutputNode):
    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        assert isinstance(context, Context)
        try:
            return buffer.write(context.show(self.expression.evaluate(context)))
        except LiquidError as error:
            error.token = error.token or self.token
            raise


class _Show(Output):
    node_class = _ShowNode


class _KeepNode(CaptureNode):
    __slots__ = ()

    def _assign(self, context: RenderContext, buf: Any) -> None:
        context.assign(self.name, Finished(buf.getvalue()))


class _Keep(CaptureTag):
    node_class = _KeepNode


@with_context
def _date(value: object, pattern: object = "medium", *, context: Context) -> str:
    moment = context.resolve("now", default=None) if value == "now" else value
    read = read_moment(moment)
    if read is None:
        raise FilterArgumentError("not a date or time", token=None)
    return format_by(read, str(pattern), zone=context.reader.time_zone, locale=context.reader.locale)


@with_context
def _link(value: object, *, context: Context) -> str:
    url = str(value).strip()
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise FilterArgumentError("not a web address", token=None)
    return Finished(context.ink.write(context.reader.link(encode_url(url))))


@with_context
def _number(value: object, *, context: Context) -> str:
    """`12500.5` → `12,500.5` or `12 500,5`, as the reader's language writes it."""
    return narrow(numbers.format_decimal(_amount(value), locale=find_locale(context.reader.locale)))


@with_context
def _money(value: object, currency: str, *, context: Context) -> str:
    """`1250 | money: "BRL"` → `R$ 1.250` for a Brazilian; cents only where there are some."""
    locale, amount = find_locale(context.reader.locale), _amount(value)
    if amount % 1:
        text = numbers.format_currency(amount, currency, locale=locale)
    else:
        whole = locale.currency_formats["standard"].pattern.replace(".00", "")
        text = numbers.format_currency(amount, currency, whole, locale=locale, currency_digits=False)
    return narrow(_CODE_AND_AMOUNT.sub(" ", text))


def _amount(value: object) -> Decimal:
    if isinstance(value, bool):
        raise FilterArgumentError("not a number", token=None)
    return Decimal(str(value))


def encode_url(url: str) -> str:
    """The address without characters that could end a link or a line."""
    return _UNFIT_FOR_URL.sub(lambda found: quote(found.group()), url)


def _environment() -> Environment:
    environment = Environment(tolerance=Mode.STRICT, strict_filters=True, undefined=Missing)
    environment.loop_iteration_limit = _LONGEST_LOOP  # type: ignore[misc]
    for name in [name for name in environment.tags if name not in _TAGS]:
        del environment.tags[name]
    for name in _NEVER_FILTERS:
        del environment.filters[name]
    environment.add_tag(_Show)
    environment.add_tag(_Keep)
    environment.filters |= {"date": _date, "link": _link, "number": _number, "money": _money}
    return environment


ENVIRONMENT = _environment()
