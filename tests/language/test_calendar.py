from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from language.calendar import anniversary, days_around, due, local_moment, next_due, occurrence
from language.comparison import compare
from language.cron import Cron
from language.journey import Journey, Start
from language.library import read_library
from language.simulator import simulate

BERLIN, SAO_PAULO, KOLKATA = (ZoneInfo(name) for name in ("Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def birthday(**more: Any) -> Start:
    return Start.model_validate({"date": "profile.birthday", **more})


def moments(start: Start, day: Any, zone: ZoneInfo, after: str, until: str) -> list[str]:
    found = due(start, {"birthday": day}, zone, at(after), at(until))
    return [f"{moment:%Y-%m-%d %H:%M}" for moment in found]


def journey(**head: Any) -> Journey:
    return Journey.model_validate({"journey": "birthday", "steps": [{"wait": "1d"}]} | head)


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        (BERLIN, "1990-03-28", ["2026-03-28 08:00", "2027-03-28 07:00"]),
        (BERLIN, "1990-10-25", ["2026-10-25 08:00", "2027-10-25 07:00"]),
        (SAO_PAULO, "1990-05-17", ["2026-05-17 12:00", "2027-05-17 12:00"]),
        (KOLKATA, "1990-05-17T23:30:00Z", ["2026-05-17 03:30", "2027-05-17 03:30"]),
    ],
)
def test_birthday_is_at_nine_of_the_customers_morning_every_year(zone: ZoneInfo, day: str, expected: list[str]) -> None:
    assert moments(birthday(), day, zone, "2026-01-01", "2028-01-01") == expected


def test_sao_paulo_at_the_end_of_its_last_summer_time() -> None:
    found = moments(birthday(), "1990-02-17", SAO_PAULO, "2018-02-01", "2020-01-01")

    assert found == ["2018-02-17 11:00", "2019-02-17 12:00"]


def test_time_that_the_clocks_skip_comes_at_the_first_moment_after() -> None:
    assert local_moment(date(2026, 3, 29), "02:30", BERLIN.key) == at("2026-03-29T01:00")
    assert local_moment(date(2018, 11, 4), "00:00", SAO_PAULO.key) == at("2018-11-04T03:00")


def test_time_that_the_clocks_repeat_comes_once_at_the_first() -> None:
    found = moments(birthday(at="02:30"), "1990-10-25", BERLIN, "2026-10-24", "2026-10-26")

    assert found == ["2026-10-25 00:30"]


def test_leap_day_is_the_28th_in_common_years() -> None:
    found = moments(birthday(), "2000-02-29", ZoneInfo("UTC"), "2027-01-01", "2029-01-01")

    assert found == ["2027-02-28 09:00", "2028-02-29 09:00"]


def test_date_to_come_starts_on_that_day_first() -> None:
    start = birthday()

    assert moments(start, "2027-06-01", BERLIN, "2026-01-01", "2028-12-31") == ["2027-06-01 07:00", "2028-06-01 07:00"]
    assert next_due(start, {"birthday": "2031-06-01"}, BERLIN, at("2026-01-01")) == at("2031-06-01T07:00")


@pytest.mark.parametrize("value", [None, "", "17.05.1990", "1990-13-01", "1990-02-30", "19900517", 17, "1990-05-170"])
def test_unreadable_dates_start_nothing(value: Any) -> None:
    assert anniversary(value) is None
    assert next_due(birthday(), {"birthday": value}, BERLIN, at("2026-01-01")) is None


def test_window_holds_its_end_and_not_its_beginning() -> None:
    moment, moments_between = "2026-05-17T12:00", "2026-05-17T11:59:59"

    assert moments(birthday(), "1990-05-17", SAO_PAULO, moment, "2026-05-18") == []
    assert moments(birthday(), "1990-05-17", SAO_PAULO, moments_between, moment) == ["2026-05-17 12:00"]


def test_next_due_is_the_first_of_all_due() -> None:
    start, profile, after = birthday(), {"birthday": "2000-02-29"}, at("2026-02-28T09:00")

    assert next_due(start, profile, ZoneInfo("UTC"), after) == at("2027-02-28T09:00")


def test_days_around_hold_every_day_that_can_be_due_somewhere() -> None:
    after, until = at("2026-02-27T20:00"), at("2026-02-27T20:15")
    zones = [ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Etc/GMT+12")]
    local = {moment.astimezone(zone).strftime("%m-%d") for moment in (after, until) for zone in zones}

    assert local <= set(days_around(after, until))
    assert "02-29" in days_around(after, until)
    assert len(days_around(at("2020-01-01"), at("2026-01-01"))) == 366


def test_broadcast_goes_by_the_clocks_of_its_own_zone() -> None:
    start = Start.model_validate({"every": "0 9 * * 1", "time_zone": "Europe/Moscow"})

    assert moments(start, None, KOLKATA, "2026-11-22", "2026-12-01") == ["2026-11-23 06:00", "2026-11-30 06:00"]


def test_cron_keeps_its_hour_across_the_change_of_clocks() -> None:
    cron = Cron("30 2 * * *")

    spring = list(cron.between(at("2026-03-28"), at("2026-03-31"), BERLIN))
    autumn = list(cron.between(at("2026-10-24"), at("2026-10-27"), BERLIN))

    assert spring == [at("2026-03-28T01:30"), at("2026-03-29T01:00"), at("2026-03-30T00:30")]
    assert autumn == [at("2026-10-24T00:30"), at("2026-10-25T00:30"), at("2026-10-26T01:30")]


def test_last_between_is_the_last_of_all_between() -> None:
    for line in ("*/7 * * * *", "0 9 * * 1", "30 2 * * *", "0 0 1 1 *"):
        for hours in range(0, 3000, 487):
            after, until = at("2026-01-01"), at("2026-01-01") + timedelta(hours=hours)
            every = list(Cron(line).between(after, until, BERLIN))
            assert Cron(line).last_between(after, until, BERLIN) == (every[-1] if every else None)


@pytest.mark.parametrize("line", ["0 9 * *", "0 9 * * 1 2026", "61 9 * * *", "0 0 30 2 *", "monday", "0 9 * * L"])
def test_cron_line_that_never_comes_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="write for example 0 9"):
        Cron(line)


@pytest.mark.parametrize(
    "start",
    [
        {"date": "start.birthday"},
        {"date": "profile.birthday + duration('1h')"},
        {"date": "profile"},
        {"date": "profile.birthday", "at": "25:00"},
        {"date": "profile.birthday", "every": "0 9 * * 1"},
        {"date": "profile.birthday", "time_zone": "Europe/Moscow"},
        {"every": "0 9 * * 1", "at": "09:00"},
        {"every": "0 9 * * 1", "time_zone": "Moscow"},
    ],
)
def test_start_that_cannot_be_meant_is_refused(start: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Start.model_validate(start)


def test_calendar_needs_a_journey_without_a_key() -> None:
    with pytest.raises(ValidationError, match="remove one of them"):
        journey(start={"date": "profile.birthday"}, key="event.lead")


def test_where_of_a_calendar_start_knows_no_event() -> None:
    starts = [{"every": "0 9 * * 1", "where": "profile.plan == 'pro'"}, {"on": "Begun", "where": "event.n == 1"}]

    calendar, event = [use.roots for use in journey(start=starts).head_uses()]

    assert calendar == {"profile", "journeys"}
    assert event == {"profile", "journeys", "event"}


def test_start_survives_being_stored() -> None:
    start = Start.model_validate({"every": "0 9 * * 1", "time_zone": "Europe/Moscow", "where": "profile.vip"})

    assert Start.model_validate_json(start.model_dump_json(exclude_defaults=True)) == start


def test_occurrence_tells_the_day_that_came() -> None:
    due_at, now = at("2026-05-17T03:30"), at("2026-05-17T03:31")

    came = occurrence(birthday(), due_at, KOLKATA, now)
    scheduled = occurrence(Start.model_validate({"every": "0 9 * * 1"}), due_at, KOLKATA, now)

    assert (came.name, came.properties["date"], came.occurred_at, came.at) == ("Date Came", "2026-05-17", due_at, now)
    assert (scheduled.name, scheduled.properties) == ("Scheduled", {"at": due_at.isoformat()})


SHOWN = """
journey: shown
title: Shown
start: {start}
again: after_exit
steps: [{{send: hello, via: sms}}]
"""
HELLO = "{message: hello, class: transactional, sms: 'Hello, {{ start.at | date: \"%H:%M\" }}'}"


def simulated(start: str, scenario: str) -> list[str]:
    """What the scenario finds wrong."""
    files = {"shown.yaml": SHOWN.format(start=start), "messages/hello.yaml": HELLO, "scenarios/one.yaml": scenario}
    library = read_library(files)
    assert not library.errors, [str(finding) for finding in library.errors]
    [found] = library.scenarios.values()
    return [mismatch.what for mismatch in compare(found, simulate(library, found))]


ANA = 'scenario: a, journey: shown, customer: {time_zone: America/Sao_Paulo, traits: {phone: "+5511987654321"}}'


def test_simulator_keeps_birthdays() -> None:
    given = '{at: 0d, traits: {birthday: "{{ 5d }}"}}, {at: 350d, on: Nothing}'
    expect = [
        f"{{at: {day}d, send: hello, via: sms, contains: '09:00'}}, {{at: {day}d, outcome: completed}}"
        for day in (5, 370)
    ]

    assert simulated("{date: profile.birthday}", f"{{{ANA}, given: [{given}], expect: [{', '.join(expect)}]}}") == []


def test_simulator_keeps_broadcasts_to_those_who_fit() -> None:
    start = '{every: "0 9 * * 1", time_zone: America/Sao_Paulo, where: "profile.plan == \'pro\'"}'
    plans = ", ".join(
        f"{{at: {day}d, traits: {{plan: {plan}}}}}" for day, plan in ((0, "free"), (8, "pro"), (15, "free"))
    )
    expect = "{at: 14d, send: hello, via: sms}"

    assert simulated(start, f"{{{ANA}, given: [{plans}, {{at: 30d, on: Nothing}}], expect: [{expect}]}}") == []
