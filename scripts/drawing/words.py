"""Conditions, lengths of time and templates in words that need no explanation."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cronsim import CronSim

from language.clause import ANY_ACTIVITY, Clause
from language.cron import Cron
from language.duration import format_duration, parse_duration
from language.expression import Expression

_UNITS = {"d": "day", "h": "hour", "m": "minute", "s": "second"}
_LENGTH = r"duration\(\s*['\"]([^'\"]+)['\"]\s*\)"
_BEFORE = re.compile(rf"([\w.]+)\s*-\s*{_LENGTH}")
_AFTER = re.compile(rf"([\w.]+)\s*\+\s*{_LENGTH}")
_TEXT = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_CHOICE = re.compile(r"^([^?:]+?) \? ([^?:]+?) : ([^?:]+)$")
_PHRASES = (
    (re.compile(r"(?<![\w.])(?:event|start)\.(to|from|at|on|in|by|of|is|for|with)\b"), r"“\1”"),
    (re.compile(r"(?<![\w.])(?:event|start)\.(?=[A-Za-z_])"), ""),
    (re.compile(r"(?<![\w.])steps\.(\w+)(\.\w+)?\.(?:outcome|result|status)\b"), r"\1\2"),
    (re.compile(r"\s*!=\s*null\b"), " is known"),
    (re.compile(r"\s*==\s*null\b"), " is not known"),
    (re.compile(r"\s*!=\s*true\b"), " is not true"),
    (re.compile(r"\s*==\s*true\b"), " is true"),
    (re.compile(r"\s*==\s*"), " is "),
    (re.compile(r"\s*!=\s*"), " is not "),
    (re.compile(r"\s*>=\s*"), " is at least "),
    (re.compile(r"\s*<=\s*"), " is at most "),
    (re.compile(r"\s*>\s*"), " is more than "),
    (re.compile(r"\s*<\s*"), " is less than "),
    (re.compile(r"\s*&&\s*"), " and "),
    (re.compile(r"\s*\|\|\s*"), " or "),
    (re.compile(r"!\s*(?=[\w(])"), "not "),
    (re.compile(r"\bin\s*\[([^\[\]]*)\]"), "is {}"),
    (re.compile(r"\s+"), " "),
)


def length(span: timedelta) -> str:
    """`2 days`, `1 day 12 hours`."""
    return " ".join(_counted(part[:-1], part[-1]) for part in format_duration(span).split())


def _counted(number: str, unit: str) -> str:
    return f"{number} {_UNITS[unit]}{'' if number == '1' else 's'}"


def condition(expression: Expression) -> str:
    """`profile.segment in ["A", "B"]` as `profile.segment is A or B`. What has no words stays as it is written."""
    return phrase(expression.source)


def phrase(source: str) -> str:
    """The same for an expression's text."""
    texts: list[str] = []

    def keep(found: re.Match[str]) -> str:
        texts.append(found[1] if found[1] is not None else found[2])
        return f"\0{len(texts) - 1}\0"

    source = _BEFORE.sub(lambda found: f"{_written(found[2])} before {found[1]}", source)
    source = _AFTER.sub(lambda found: f"{_written(found[2])} after {found[1]}", source)
    source = re.sub(_LENGTH, lambda found: _written(found[1]), source)
    source = _TEXT.sub(keep, source)
    for pattern, words in _PHRASES:
        source = pattern.sub(_listed if "{}" in words else words, source)
    source = _CHOICE.sub(r"\2 if \1, otherwise \3", source.strip())
    return re.sub("\0(\\d+)\0", lambda found: texts[int(found[1])] or "empty", source).strip()


def _listed(found: re.Match[str]) -> str:
    return f"is {either(part.strip() for part in found[1].split(','))}"


def _written(text: str) -> str:
    """A length as its author wrote it: `24h` stays 24 hours and does not become a day."""
    try:
        parse_duration(text)
    except ValueError:
        return text
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([wdhms])", text)
    return " ".join(_counted(n, u) if u in _UNITS else _counted(f"{7 * float(n):g}", "d") for n, u in parts) or text


def either(names: Iterable[str]) -> str:
    """`A`, `A or B`, `A, B or C`."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def calendar(line: Cron) -> str:
    """`at 09:00 on Monday`."""
    explained = CronSim(line.source, datetime(2024, 1, 1, tzinfo=UTC)).explain()
    return explained[:1].lower() + explained[1:]


def event(clause: Clause) -> str:
    """`Lead Closed, if stage is won`."""
    names = either("any sign of life" if name == ANY_ACTIVITY else name for name in clause.on)
    about = f" of {clause.of}" if clause.of else ""
    return f"{names}{about}, if {condition(clause.where)}" if clause.where else f"{names}{about}"


def events(clauses: tuple[Clause, ...]) -> str:
    return either(event(clause) for clause in clauses)


_OTHER_CASES = re.compile(r"\{%-?\s*(?:else|elsif|when)\b.*?(?=\{%-?\s*end)", re.DOTALL)
_TAG = re.compile(r"\{%.*?%\}", re.DOTALL)
_VALUE = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def excerpt(template: str) -> str:
    """A template's text with its values as `[first name]`; of its cases only the first."""
    text = _TAG.sub("", _OTHER_CASES.sub("", template))
    text = _VALUE.sub(_value, text)
    text = _LINK.sub(r"\1", text)
    return " ".join(re.sub(r"[#*`\\]+", " ", text).split())


def _value(found: re.Match[str]) -> str:
    name = re.split(r"[|\s:]", found[1], maxsplit=1)[0]
    if name[:1] in "'\"":
        return "[link]" if "link" in found[1] else name.strip("'\"")
    return f"[{name.rpartition('.')[2].replace('_', ' ')}]"
