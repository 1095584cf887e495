"""The journeys that ship: without findings, and each scenario plays as it says."""

from pathlib import Path
from typing import Any

import pytest

from harness.reading import read
from language.channel import BUILT, Channel
from language.comparison import compare
from language.message import Message
from language.rendering import render
from language.scenario import Scenario
from language.simulator import simulate

DIRECTORY = Path(__file__).parents[2] / "journeys"
LIBRARY = read(DIRECTORY)
ASKED_FOR: dict[str, Any] = {
    "expires_at": "2026-01-14T06:00:00Z",
    "viewing_at": "2026-01-14T06:00:00Z",
    "starts_at": "2026-01-14T06:00:00Z",
    "speciality": "cardiologia",
    "balance": 1032.5,
    "days_left": 3,
    "price": 10_500_000,
    "confirm_url": "https://example.com/confirm/anna",
    "similar": [{"flat": "301", "url": "https://example.com/flats/301", "area": 54.2, "price": 9_800_000}],
}
"""What a start event always brings, because a key, a condition or a date of the journey asks for it."""

GIVEN: dict[str, Any] = {
    "now": "2026-01-05T06:00:00Z",
    "repeat": {"index": 7},
    "code": "BACK30",
    "day": 7,
    "new_price": 9_900_000,
}
"""What the journeys give their messages beside."""

RICH: dict[str, Any] = {
    **GIVEN,
    "profile": {"first_name": "Константин", "trade": "roofers", "balance": 12500.5},
    "start": {
        **ASKED_FOR,
        "flat": "1204-Б",
        "complex": "Северный",
        "manager": "Ольга",
        "manager_phone": "+7 495 000-00-00",
        "url": "https://example.com/reservations/17",
    },
}
POOR: dict[str, Any] = {**GIVEN, "profile": {}, "start": ASKED_FOR}


def spoken() -> list[tuple[Message, Channel, str]]:
    """Every message, on each of its channels, in each of its languages."""
    return [
        (message, channel, locale)
        for message in LIBRARY.messages.values()
        for channel in message.channels
        for locale in (message.locale, *message.locales)
    ]


def test_nothing_is_found_fault_with() -> None:
    assert LIBRARY.findings == ()


def test_every_journey_is_complete_for_people_and_has_a_good_and_a_bad_day() -> None:
    assert len(LIBRARY.journeys) >= 28
    for name, journey in LIBRARY.journeys.items():
        assert journey.title
        assert journey.owner
        assert journey.description
        assert sum(scenario.journey == name for scenario in LIBRARY.scenarios.values()) >= 2


@pytest.mark.parametrize("scenario", LIBRARY.scenarios.values(), ids=lambda scenario: scenario.scenario)
def test_plays_as_it_says(scenario: Scenario) -> None:
    assert compare(scenario, simulate(LIBRARY, scenario)) == []


@pytest.mark.parametrize(("message", "channel", "locale"), spoken(), ids=lambda part: getattr(part, "message", part))
def test_a_message_can_be_said_to_someone_known_and_to_someone_new(
    message: Message, channel: Channel, locale: str
) -> None:
    assert channel in BUILT
    for scope in (RICH, POOR):
        rendered = render(message, channel, scope=scope, locale=locale, time_zone="Europe/Moscow")
        assert rendered.locale == locale
        assert (rendered.segments or 1) <= 3
        assert len(rendered.subject or "") <= 80
