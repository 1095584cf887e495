"""Times as a reader sees them: in the reader's zone, with months and days in the reader's language."""

import re
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, dates
from pydantic import AfterValidator

from language.expression import parse_day, parse_moment

_UNMISTAKABLE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)")
_DIRECTIVE = re.compile(r"%[-_0^#]?[A-Za-z%]")
_WIDE_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " "})
_WIDTHS = {"A": "wide", "a": "abbreviated", "B": "wide", "b": "abbreviated", "h": "abbreviated"}
_NAMED_FORMATS = ("short", "medium", "long", "full")

Moment = datetime | date


class UnknownZone(ValueError):
    """There is no time zone of that name."""


def read_moment(value: Any) -> Moment | None:
    """A date-time (UTC where it names no zone), a date, seconds since 1970, or ISO 8601 text; None for all else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    return parse_day(value) or parse_moment(value)


def is_moment(value: Any) -> bool:
    """True for dates and times, and for ISO 8601 text with date, time and zone: surely a time, not a look-alike."""
    return isinstance(value, date) or (isinstance(value, str) and bool(_UNMISTAKABLE.fullmatch(value)))


def format_moment(moment: Moment, *, zone: str, locale: str) -> str:
    """Readable without any format given: `Jan 14, 2026, 9:00 AM`, `14 янв. 2026 г., 09:00`."""
    language = find_locale(locale)
    if not isinstance(moment, datetime):
        return narrow(dates.format_date(moment, "medium", locale=language))
    local = moment.astimezone(find_zone(zone))
    day = dates.format_date(local, "medium", locale=language)
    return narrow(f"{day}, {dates.format_time(local, 'short', locale=language)}")


def format_by(moment: Moment, pattern: str, *, zone: str, locale: str) -> str:
    """By a strftime pattern, or by one of `short`, `medium`, `long`, `full`. Raises `ValueError` on a bad pattern."""
    language = find_locale(locale)
    is_timed = isinstance(moment, datetime)
    local = moment.astimezone(find_zone(zone)) if isinstance(moment, datetime) else datetime.combine(moment, time())
    if pattern not in _NAMED_FORMATS:
        return _DIRECTIVE.sub(lambda found: _fill(found.group(), local, pattern, language), pattern)
    style = dates.format_datetime if is_timed else dates.format_date
    return narrow(style(local, pattern, locale=language))


def _fill(directive: str, local: datetime, pattern: str, language: Locale) -> str:
    letter = directive[-1]
    if letter not in _WIDTHS:
        return local.strftime(directive)
    # "14 января", but "январь 2026": beside a day of the month, many languages bend the month's name.
    context: Literal["format", "stand-alone"] = "format" if re.search(r"%-?[de]", pattern) else "stand-alone"
    width: Any = _WIDTHS[letter]
    if letter in "Aa":
        return str(dates.get_day_names(width, context, language)[local.weekday()])
    return str(dates.get_month_names(width, context, language)[local.month])


def narrow(text: str) -> str:
    """With plain spaces for the non-breaking ones that languages put into times and numbers: those would make an SMS
    cost twice as many parts."""
    return text.translate(_WIDE_SPACES)


@lru_cache(maxsize=512)
def find_zone(name: str) -> ZoneInfo:
    """The IANA zone; `UnknownZone` when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (OSError, KeyError, ValueError):
        raise UnknownZone(name) from None


def _check_zone(name: str) -> str:
    try:
        return find_zone(name).key
    except UnknownZone:
        raise ValueError(f"there is no time zone {name!r}; write for example Europe/Moscow") from None


ZoneName = Annotated[str, AfterValidator(_check_zone)]
"""A zone's name where people write one."""


@lru_cache(maxsize=256)
def find_locale(tag: str) -> Locale:
    """Babel's data for a language tag such as `pt-BR`, for its language alone, or for English."""
    for candidate in (tag, tag.partition("-")[0]):
        try:
            return Locale.parse(candidate, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse("en")
