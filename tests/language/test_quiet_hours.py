"""Quiet hours by whatever clock the customer lives by, on ordinary days and on those when clocks are changed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from language.quiet_hours import QuietHours, QuietSpan, quiet_until
from language.time_zone import CustomerZone, TimeZones, customer_zone

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
NIGHT = QuietHours.model_validate({"from": "21:00", "to": "09:00"})


def span(begin: str, end: str, days: str = "Mon-Sun") -> QuietSpan:
    return QuietSpan.model_validate({"from": begin, "to": end, "days": days})


def local(zone: ZoneInfo, *when: int, fold: int = 0) -> datetime:
    return datetime(*when, tzinfo=zone, fold=fold).astimezone(UTC)  # type: ignore[misc, arg-type]


def awake(quiet: QuietSpan, moment: datetime, zone: ZoneInfo = NEW_YORK) -> datetime | None:
    return quiet_until((quiet,), moment, [(zone, timedelta())])


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        ((2026, 1, 14, 20, 59), None),
        ((2026, 1, 14, 21, 0), (2026, 1, 15, 9)),
        ((2026, 1, 15, 8, 59), (2026, 1, 15, 9)),
        ((2026, 1, 15, 9, 0), None),
        ((2026, 3, 7, 22, 0), (2026, 3, 8, 9)),  # eleven hours later: the clocks are put forward
        ((2026, 10, 31, 22, 0), (2026, 11, 1, 9)),  # twelve: they are put back
    ],
)
def test_the_start_is_quiet_and_the_end_is_not(moment: tuple[int, ...], ends: tuple[int, ...] | None) -> None:
    found = awake(NIGHT, local(NEW_YORK, *moment))
    assert found == local(NEW_YORK, *(ends or moment))


def test_a_night_with_a_change_of_clocks_is_shorter_or_longer() -> None:
    lengths = [
        NIGHT.end_after(start := local(NEW_YORK, *evening, 21), NEW_YORK) - start  # type: ignore[operator]
        for evening in ((2026, 1, 14), (2026, 3, 7), (2026, 10, 31))
    ]
    assert lengths == [timedelta(hours=12), timedelta(hours=11), timedelta(hours=13)]


def test_an_end_that_the_clocks_skip_is_the_moment_of_the_skip() -> None:
    found = awake(span("00:30", "02:30"), local(NEW_YORK, 2026, 3, 8, 1))
    assert found == datetime(2026, 3, 8, 7, tzinfo=UTC)  # 02:00 becomes 03:00


def test_a_start_that_the_clocks_skip_is_the_moment_of_the_skip() -> None:
    quiet, skip = span("02:30", "05:00"), datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert awake(quiet, skip - timedelta(seconds=1)) == skip - timedelta(seconds=1)
    assert awake(quiet, skip) == local(NEW_YORK, 2026, 3, 8, 5)


def test_an_hour_that_comes_twice_is_quiet_from_its_first_start_to_its_last_end() -> None:
    first, second = (local(NEW_YORK, 2026, 11, 1, 1, 15, fold=fold) for fold in (0, 1))
    assert second - first == timedelta(hours=1)
    assert awake(span("01:10", "04:00"), first) == local(NEW_YORK, 2026, 11, 1, 4)
    assert awake(span("00:00", "01:30"), first) == local(NEW_YORK, 2026, 11, 1, 1, 30, fold=1)


def test_days_are_those_on_which_a_span_begins() -> None:
    friday_night = span("21:00", "09:00", "Fri")
    saturday = local(BERLIN, 2026, 1, 17, 8)
    assert awake(friday_night, saturday, BERLIN) == local(BERLIN, 2026, 1, 17, 9)
    assert awake(friday_night, saturday + timedelta(days=1), BERLIN) == saturday + timedelta(days=1)


def test_spans_that_follow_on_one_another_are_one() -> None:
    spans = (span("21:00", "24:00"), span("00:00", "24:00", "Sat, Sun"), span("00:00", "08:00"))
    friday = local(BERLIN, 2026, 1, 16, 22)
    assert quiet_until(spans, friday, [(BERLIN, timedelta())]) == local(BERLIN, 2026, 1, 19, 8)


def test_a_zone_is_told_by_profile_then_phone_then_address() -> None:
    zones = TimeZones.model_validate({"default": "Europe/Paris", "countries": {"RU": "Europe/Moscow"}})
    traits: dict[str, object] = {"phone": "+5511987654321", "address": {"country": "DE"}}

    def told(traits: dict[str, object], time_zone: str | None = None) -> tuple[str, str, int]:
        found = customer_zone(traits, time_zone, zones)
        return found.name, found.source, len(found.candidates)

    assert told(traits, "Asia/Tokyo") == ("Asia/Tokyo", "by the profile", 1)
    assert told({**traits, "time_zone": "Asia/Tokyo"}) == ("Asia/Tokyo", "by the profile", 1)
    assert told({**traits, "time_zone": "Nowhere/At/All"}) == ("America/Sao_Paulo", "by the phone", 1)
    assert told({"phone": "+12125550001"}) == ("America/New_York", "by the phone", 1)
    assert told({"phone": "+79031234567"}) == ("Europe/Moscow", "by the phone", 1)
    assert told({"address": {"country": "JP"}}) == ("Asia/Tokyo", "by the address", 1)
    assert told({"country": "ru"}) == ("Europe/Moscow", "by the address", 1)
    assert told({"phone": "none", "country": 7}) == ("Europe/Paris", "by default", 0)


def test_who_may_live_in_several_zones_is_left_in_peace_in_all_of_them() -> None:
    zone = customer_zone({"phone": "+77012345678"}, None, TimeZones())
    assert len(zone.candidates) > 1
    noon = datetime(2026, 1, 14, 12, tzinfo=UTC)
    found = quiet_until((NIGHT,), noon, zone.clocks(noon))
    assert found is not None
    for name in zone.candidates:
        assert 9 <= found.astimezone(ZoneInfo(name)).hour < 21


def test_who_may_live_anywhere_is_met_by_the_default_zone_and_its_neighbours() -> None:
    zone = customer_zone({}, None, TimeZones(default="Europe/Berlin"))
    evening = local(BERLIN, 2026, 1, 14, 20)
    assert quiet_until((NIGHT,), evening - timedelta(seconds=1), zone.clocks(evening)) == evening - timedelta(seconds=1)
    assert quiet_until((NIGHT,), evening, zone.clocks(evening)) == local(BERLIN, 2026, 1, 15, 10)
    assert zone == CustomerZone("Europe/Berlin", "by default")


CHANGES = [
    ("America/New_York", (2026, 3, 8), (2026, 11, 1)),
    ("Europe/Berlin", (2026, 3, 29), (2026, 10, 25)),
    ("Australia/Lord_Howe", (2026, 4, 5), (2026, 10, 4)),  # by half an hour
    ("Pacific/Chatham", (2026, 4, 5), (2026, 9, 27)),  # +12:45
    ("Asia/Kathmandu", (2026, 3, 29), (2026, 10, 25)),  # +05:45, never changed
    ("America/St_Johns", (2026, 3, 8), (2026, 11, 1)),
    ("America/Havana", (2026, 3, 8), (2026, 11, 1)),  # midnight is skipped, and comes twice
    ("Africa/Casablanca", (2026, 2, 15), (2026, 3, 22)),
    ("Pacific/Apia", (2011, 12, 30), (2011, 4, 2)),  # a day that there was not
]
SPANS = [("21:00", "09:00"), ("23:30", "00:30"), ("00:00", "02:30"), ("02:10", "04:40"), ("01:20", "01:50")]


@pytest.mark.parametrize(("name", "one", "other"), CHANGES, ids=[name for name, _, _ in CHANGES])
def test_no_moment_is_awake_at_which_the_customers_clock_shows_a_quiet_time(
    name: str, one: tuple[int, ...], other: tuple[int, ...]
) -> None:
    zone = ZoneInfo(name)
    for begin, end in SPANS:
        quiet = span(begin, end)
        for change in (one, other):
            for step in range(-150, 200):
                moment = datetime(*change, 12, tzinfo=UTC) + step * timedelta(minutes=10)  # type: ignore[misc, arg-type]
                found = awake(quiet, moment, zone)
                assert found is not None
                assert moment <= found <= moment + timedelta(hours=14), "it is never quiet for long"
                shown = f"{found.astimezone(zone):%H:%M}"
                is_quiet = begin <= shown < end if begin < end else not end <= shown < begin
                assert not is_quiet, (begin, end, moment, found)
