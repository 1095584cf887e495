"""What a status event does beside choosing the stage: it says how things stand now, and dates follow it."""

from language.listening import Listener, Occurrence
from tests.language.fake_port import BEGAN, journey_of, world

MEETING = """
journey: j
title: J
start: {on: Status}
stage: {on: Status, is: event.to}
stages:
  study:
    steps:
      - send: presentation
        via: sms
  meeting:
    statuses: [moved]
    steps:
      - send: details
        via: email
      - id: day_before
        wait: {until: "start.meets_at - duration('24h')", rearm_on: Moved, again_if_moved: true, missing: skip}
      - send: reminder
        via: sms
      - id: hour_before
        wait: {until: "start.meets_at - duration('1h')"}
      - send: soon
        via: sms
  held:
    steps:
      - send: thanks
        via: email
        with: {manager: start.manager}
"""


async def log(*events: tuple[str, str, str | None]) -> list[str]:
    """What is sent when, after `study`, these events come: when, status (or the event `Moved`), the meeting's date."""
    given = world(MEETING, start={"to": "study"})
    given.event("0d", "Status", to="study")
    for when, to, meets_at in events:
        date = {"meets_at": meets_at} if meets_at else {}
        given.event(when, "Moved" if to == "Moved" else "Status", **({} if to == "Moved" else {"to": to}), **date)
    await given.run()
    return given.log


async def test_a_status_event_brings_values_that_the_first_one_did_not_have() -> None:
    assert await log(("1d", "meeting", "2026-01-10T09:00:00Z")) == [
        "0h presentation sms",
        "24h details email",
        "96h reminder sms",
        "119h soon sms",
    ]


async def test_a_status_of_the_same_stage_moves_a_date() -> None:
    sent = await log(("1d", "meeting", "2026-01-10T09:00:00Z"), ("2d", "moved", "2026-01-08T21:00:00Z"))
    assert sent[1:] == ["24h details email", "60h reminder sms", "83h soon sms"]


async def test_a_meeting_moved_after_the_reminder_is_reminded_of_again() -> None:
    sent = await log(("1d", "meeting", "2026-01-08T09:00:00Z"), ("2d 12h", "Moved", "2026-01-12T09:00:00Z"))
    assert sent[1:] == ["24h details email", "48h reminder sms", "144h reminder sms", "167h soon sms"]


async def test_a_date_that_moves_while_another_stage_runs_leads_nobody_back() -> None:
    sent = await log(
        ("1d", "meeting", "2026-01-08T09:00:00Z"),
        ("2d 12h", "study", None),
        ("3d", "Moved", "2026-01-20T09:00:00Z"),
    )
    assert sent[1:] == ["24h details email", "48h reminder sms", "60h presentation sms"]


async def test_a_second_meeting_begins_with_its_details() -> None:
    sent = await log(
        ("1d", "meeting", "2026-01-08T09:00:00Z"),
        ("2d 12h", "study", None),
        ("3d", "meeting", "2026-01-20T09:00:00Z"),
    )
    assert sent[3:] == ["60h presentation sms", "72h details email", "336h reminder sms", "359h soon sms"]


async def test_an_event_with_an_unlisted_status_changes_no_value() -> None:
    given = world(MEETING, start={"to": "study"})
    given.event("0d", "Status", to="study").event("1d", "Status", to="odd", manager="Vera")
    await given.run()
    assert given.state.start == {"to": "study"}


def test_a_status_of_somebody_inside_is_no_refused_start() -> None:
    listener = Listener(journey_of(MEETING), 1)
    status = Occurrence(name="Status", properties={"to": "held"}, at=BEGAN, occurred_at=BEGAN)
    entry = listener.entry(status, {}, {})
    assert entry is not None
    assert not entry.is_named
