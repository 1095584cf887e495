"""Lengths of time as people write them: `30s`, `15m`, `6h`, `2d`, `1w`, `1d 12h`, or ISO 8601 (`P1DT12H`)."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, TypeAdapter, ValidationError, WithJsonSchema

LONGEST = timedelta(days=3660)
_SECONDS_BY_UNIT = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([wdhms])")
_WHOLE = re.compile(rf"\s*(?:{_PART.pattern}\s*)+")
_IN_JSON = r"^(\s*\d+(\.\d+)?\s*[wdhms])+\s*$|^P"
_ISO: TypeAdapter[timedelta] = TypeAdapter(timedelta)


def parse_duration(value: Any) -> timedelta:
    """Read a duration; `ValueError` with a remedy when it is none, negative, or over ten years."""
    length = value if isinstance(value, timedelta) else _read(value)
    if not timedelta(0) <= length <= LONGEST:
        raise ValueError("a duration lies between 0s and ten years (3660d)")
    return length


def _read(value: Any) -> timedelta:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        seconds = sum(float(n) * _SECONDS_BY_UNIT[unit] for n, unit in _PART.findall(value))
        return timedelta(seconds=min(seconds, 1e11))
    if isinstance(value, str) and value.startswith("P"):
        try:
            return _ISO.validate_python(value)
        except ValidationError:
            pass
    raise ValueError(f"{value!r} is not a duration; write for example 30s, 15m, 6h, 2d, 1w or 1d 12h")


def format_duration(length: timedelta) -> str:
    """A spelling that reads back as the same length, for example `1d 12h`. In days: `30d`, not `4w 2d`."""
    seconds = length.total_seconds()
    parts = []
    for unit in "dhms":
        count, seconds = divmod(seconds, _SECONDS_BY_UNIT[unit])
        if count:
            parts.append(f"{int(count)}{unit}")
    if seconds:
        whole = int(parts.pop()[:-1]) if parts and parts[-1].endswith("s") else 0
        parts.append(f"{whole + seconds:.6f}".rstrip("0") + "s")
    return " ".join(parts) or "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": _IN_JSON,
            "patternErrorMessage": "This is not a duration; write for example 30s, 15m, 6h, 2d, 1w or 1d 12h.",
            "examples": ["30s", "15m", "6h", "2d", "1w", "1d 12h"],
        }
    ),
]
"""A field that holds a length of time."""
