"""Durations, windows and expressions."""

import asyncio
import math
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from language.duration import LONGEST, format_duration, parse_duration
from language.expression import FUNCTIONS, Expression, parse_day, parse_moment
from language.expression import LONGEST as LONGEST_EXPRESSION
from language.window import Window

MOMENTS = st.integers(631_152_000, 2_524_608_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
ZONES = ["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Apia"]

# --- durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("15m", 900),
        ("6h", 21_600),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1d 12h", 129_600),
        ("1.5h", 5_400),
        ("PT90M", 5_400),
        ("P1DT12H", 129_600),
        ("0s", 0),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "2", "2 days", "-1d", "P-1D", "1y", "d", "1d, 2h", "PX", 5, None, True, [], "9" * 500 + "d"]
)
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST))
def test_a_duration_is_written_so_that_it_reads_back_the_same(length: timedelta) -> None:
    assert parse_duration(format_duration(length)) == length


@given(st.text(alphabet="0123456789.wdhms PT-", max_size=12))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert timedelta(0) <= parse_duration(text) <= LONGEST


# --- windows

DAYS = ["", "Mon-Fri ", "Sat,Sun ", "Fri-Mon ", "Wed "]


@st.composite
def windows(draw: st.DrawFn) -> Window:
    start = draw(st.integers(0, 24 * 60 - 1))
    end = draw(st.integers(start + 1, 24 * 60))
    hours = "-".join(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (start, end))
    return Window(draw(st.sampled_from(DAYS)) + hours)


@given(windows(), MOMENTS, st.sampled_from(ZONES))
def test_a_window_opens_now_or_later_within_nine_days_and_is_open_then(
    window: Window, now: datetime, zone_name: str
) -> None:
    zone = ZoneInfo(zone_name)
    opens_at = window.opens_at(now, zone)
    assert now <= opens_at < now + timedelta(days=9)
    assert window.opens_at(opens_at, zone) == opens_at
    local = opens_at.astimezone(zone)
    # An hour that daylight saving leaves out moves by that hour.
    assert local.weekday() in window.days or local.time() < time(2)


@given(windows(), MOMENTS, st.sampled_from(ZONES))
def test_inside_a_window_it_is_open_at_once(window: Window, now: datetime, zone_name: str) -> None:
    zone = ZoneInfo(zone_name)
    local = now.astimezone(zone)
    minutes = local.hour * 60 + local.minute
    if local.weekday() in window.days and window.start <= minutes < window.end and not _shifts(local, zone):
        assert window.opens_at(local.astimezone(UTC), zone) == local.astimezone(UTC)


def _shifts(local: datetime, zone: ZoneInfo) -> bool:
    day = timedelta(days=1)
    return (local - day).astimezone(zone).utcoffset() != (local + day).astimezone(zone).utcoffset() or bool(local.fold)


def test_the_end_of_a_window_does_not_belong_to_it() -> None:
    monday_end = datetime(2026, 1, 5, 18, tzinfo=UTC)
    assert Window("Mon-Fri 09:00-18:00").opens_at(monday_end, ZoneInfo("UTC")) == datetime(2026, 1, 6, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "9-18", "25:00-26:00", "12:00-24:01", "10:00-10:00", "Foo 09:00-10:00", "09:60-10:00"]
)
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"window|time of day|day of the week"):
        Window(text)


# --- expressions

NOW = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("event.to == 'bought'", True),
        ("event.missing == 'x'", False),
        ("event.missing != 'x'", True),
        ("event.missing == null", True),
        ("event.a.b.c == null", True),
        ("event.missing > 5", None),
        ("event.n + 1", 8),
        ("event.n > 5.5", True),
        ("event.n * 1.5 + 1", 11.5),
        ("event.n * 0.5 == 3.5 && '1' + '2' == '12'", True),
        ("event.to in ['a', 'bought']", True),
        ("has(event.to)", True),
        ("has(event.missing)", False),
        ("nothing.at.all == null", True),
        ("event.on - duration('24h') < now", True),
        ("event.on.getFullYear()", 2026),
        ("event.list.exists(x, x.n == 2)", True),
        ("event.list[5].n", None),
        ("event.to.startsWith('b')", True),
        ("event.n.startsWith('b')", None),
        ("1 / 0", None),
        ("event.big > 1", True),
        ("event['to'] == 'bought'", True),
        ("'event.nothing' == 'event.nothing'", True),
        ("event.to.upperAscii()", "BOUGHT"),
        ("' a,b '.trim().split(',')", ["a", "b"]),
        ("math.round(event.n / 2.0)", 4.0),
        ("max(event.n, 9)", 9),
        ("event.to.matches('(')", None),
    ],
)
def test_an_expression_has_its_value_or_none_and_never_raises(source: str, value: Any) -> None:
    event = {
        "to": "bought",
        "n": 7,
        "on": "2026-01-06T00:00:00Z",
        "list": [{"n": 1}, {"n": 2}],
        "big": 10**30,
    }
    assert Expression(source).evaluate({"event": event, "now": NOW}) == value


EXAMPLES = {
    "all": "[1].all(x, x > 0)",
    "bool": "bool('true')",
    "bytes": "bytes('a')",
    "ceil": "math.ceil(1.2)",
    "charAt": "'abc'.charAt(1)",
    "contains": "'abc'.contains('b')",
    "double": "double('1.5')",
    "duration": "duration('1h')",
    "dyn": "dyn(1)",
    "endsWith": "'abc'.endsWith('c')",
    "exists": "[1].exists(x, x == 1)",
    "exists_one": "[1].exists_one(x, x == 1)",
    "filter": "[1].filter(x, x == 1)",
    "has": "has(m.a)",
    "indexOf": "'abc'.indexOf('b')",
    "int": "int('3')",
    "isFinite": "math.isFinite(1.0)",
    "isInf": "math.isInf(1.0)",
    "isNaN": "math.isNaN(1.0)",
    "join": "['a', 'b'].join(',')",
    "lastIndexOf": "'abc'.lastIndexOf('b')",
    "lowerAscii": "'A'.lowerAscii()",
    "map": "[1].map(x, x + 1)",
    "matches": "'abc'.matches('a.c')",
    "max": "max(1, 2)",
    "min": "min([1, 2])",
    "replace": "'abc'.replace('a', 'b')",
    "reverse": "'abc'.reverse()",
    "size": "size('abc')",
    "split": "'a,b'.split(',')",
    "startsWith": "'abc'.startsWith('a')",
    "string": "string(1)",
    "substring": "'abc'.substring(1)",
    "sum": "sum([1, 2])",
    "timestamp": "timestamp('2026-01-01T00:00:00Z')",
    "trim": "' a '.trim()",
    "type": "type(1)",
    "uint": "uint(1)",
    "upperAscii": "'a'.upperAscii()",
    "greatest": "math.greatest(1, 2)",
    "least": "math.least(1, 2)",
    "quote": "strings.quote('a')",
    **{f"bit{name}": f"math.bit{name}(6, 3)" for name in ("And", "Or", "Xor", "ShiftLeft", "ShiftRight")},
    "bitNot": "math.bitNot(6)",
    **{name: f"math.{name}(4.0)" for name in ("abs", "floor", "round", "sign", "sqrt", "trunc")},
    **{name: f"now.{name}()" for name in FUNCTIONS if name.startswith("get")},
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_that_the_checker_lets_pass_works(name: str) -> None:
    expression = Expression(EXAMPLES[name])
    assert name in expression.functions or name in ("all", "exists", "exists_one", "filter", "has", "map")
    assert expression.evaluate({"m": {"a": 1}, "now": NOW}) is not None


def test_names_are_found_where_they_stand_and_not_in_texts() -> None:
    expression = Expression("event.a.b == 'profile.x' && has(start.c) && [1].all(x, x == math.abs(steps.s.n))")
    assert set(expression.paths) == {("event", "a", "b"), ("start", "c"), ("steps", "s", "n")}


SNIPPETS = [
    "event.a",
    "event.a.b",
    "event['a']",
    "profile",
    "1",
    "-1",
    "2.5",
    "'x'",
    "null",
    "true",
    "now",
    "[event.a, 1]",
    "{'k': event.a}",
    "duration('1h')",
    "size(event.a)",
    "string(event.a)",
    "int(event.a)",
    "timestamp(event.a)",
    "event.a.split(',')",
    "event.a.substring(3)",
    "math.round(event.a)",
    "event.a.getHours()",
    "has(event.a)",
]
OPERATORS = ["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||", "in", "? 1 :"]
EXPRESSIONS = st.recursive(
    st.sampled_from(SNIPPETS),
    lambda inner: st.builds(lambda a, op, b: f"({a} {op} {b})", inner, st.sampled_from(OPERATORS), inner),
    max_leaves=6,
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["2026-01-05T09:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=8,
)
SCOPES = st.fixed_dictionaries({"event": JSON, "profile": JSON, "now": st.just(NOW)})


@given(EXPRESSIONS, SCOPES)
def test_no_data_makes_an_expression_raise(source: str, scope: dict[str, Any]) -> None:
    Expression(source).evaluate(scope)


@given(st.text(max_size=40) | st.text(alphabet="ab.()[]{}'\"!&|?:+-<>=1 ", max_size=40))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    with suppress(ValueError):
        Expression(text).evaluate({"a": {"b": 1}})


@pytest.mark.parametrize("text", ["(" * 3000 + "1" + ")" * 3000, "a" * (LONGEST_EXPRESSION + 1), "[" * 500, "!" * 4001])
def test_an_expression_too_deep_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expression"):
        Expression(text)


def test_deep_data_makes_no_expression_raise() -> None:
    deep: Any = 1
    for _ in range(5_000):
        deep = {"a": deep}
    assert Expression("event.a.a == 1").evaluate({"event": deep}) in (False, None)


def test_a_cancellation_is_not_swallowed() -> None:
    class Stubborn(dict[str, Any]):
        def get(self, *_: Any) -> Any:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        Expression("event.a").evaluate(Stubborn())


@given(st.text(max_size=30) | st.floats() | st.integers() | st.datetimes() | st.dates() | st.none())
def test_a_moment_is_aware_and_utc_or_none(value: Any) -> None:
    moment = parse_moment(value)
    assert moment is None or moment.utcoffset() == timedelta(0)
    parse_day(value)


def test_a_number_is_no_moment() -> None:
    assert parse_moment(math.pi) is None
