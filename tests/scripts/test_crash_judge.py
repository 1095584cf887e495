"""The judge of `scripts/chaos` sees every wrong that it is there for."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scripts.crash.backend import Told
from scripts.crash.cast import Person
from scripts.crash.judge import CALL_WINDOW, weigh
from scripts.crash.run import Reported, Run
from scripts.provider import Accepted

NOW = 1_790_000_000.0


def person(number: int, mark: str, **way: float) -> Person:
    return Person(f"u{number}", mark, "+15000000001", "a@example.com", 0.0, **way)


def told(after: float) -> Told:
    return Told(NOW + after, NOW + after + 0.1, 1)


def sent(kind: str, mark: str, after: float = 0.5) -> Accepted:
    return Accepted("twilio", f"{kind}-{mark}", "", "+1", "+2", None, f"{kind} {mark}", NOW + after)


PEOPLE = (
    person(1, "silent"),
    person(2, "answering", answers_after=1.0),
    person(3, "leaving", leaves_after=1.0),
    person(4, "shared"),
    person(5, "shared"),
)
TOLD = (
    Reported(told(0)),
    Reported(told(0), answered=told(1)),
    Reported(told(0), left=told(1)),
    Reported(told(0)),
    Reported(told(0)),
)
RUN = Run("worker.called", 1, PEOPLE, TOLD, Counter(worker=1), 30.0)
LEDGER = (
    sent("hello", "silent"),
    sent("reminder", "silent", 7),
    sent("hello", "answering"),
    sent("thanks", "answering", 2),
    sent("hello", "leaving"),
    *(sent(kind, "shared") for kind in ("hello", "hello", "reminder", "reminder")),
)
ENROLMENTS: tuple[dict[str, Any], ...] = tuple(
    {"user_id": one.user, "state": "ended", "outcome": "left" if one.mark == "leaving" else "completed", "step": None}
    for one in PEOPLE
)


def claim(kind: str, mark: str, status: str, after: float) -> dict[str, Any]:
    until = datetime.fromtimestamp(NOW + after, UTC) + timedelta(seconds=CALL_WINDOW)
    return {"message": kind, "mark": mark, "status": status, "call_until": until}


def test_a_ledger_as_it_is_due_is_clean() -> None:
    verdict = weigh(RUN, LEDGER, [], ENROLMENTS)
    assert verdict.complaints == []
    assert (verdict.due, verdict.sent, verdict.due_at_most) == (8, 9, 10)


@pytest.mark.parametrize("missing", [0, 1, 2, 3, 5, 8])
def test_a_missing_message_is_lost(missing: int) -> None:
    verdict = weigh(RUN, LEDGER[:missing] + LEDGER[missing + 1 :], [], ENROLMENTS)
    assert verdict.lost == 1
    assert len(verdict.complaints) >= 1


@pytest.mark.parametrize("again", range(len(LEDGER)))
def test_a_message_too_many_is_doubled(again: int) -> None:
    verdict = weigh(RUN, (*LEDGER, LEDGER[again]), [], ENROLMENTS)
    assert verdict.doubled == 1
    assert len(verdict.complaints) >= 1


def test_an_event_in_time_that_lost_to_the_timeout_is_seen() -> None:
    ledger = [sent("reminder", "answering", 7) if "thanks" in one.text else one for one in LEDGER]
    assert len(weigh(RUN, ledger, [], ENROLMENTS).complaints) == 2


def test_what_is_sent_after_an_exit_is_seen() -> None:
    late = (*LEDGER, sent("reminder", "leaving", 7))
    assert weigh(RUN, late, [claim("reminder", "leaving", "sent", 6.5)], ENROLMENTS).after_exit == 1
    crossed = weigh(RUN, late, [claim("reminder", "leaving", "sent", 0.9)], ENROLMENTS)
    assert (crossed.after_exit, crossed.crossed, crossed.complaints) == (0, 1, [])


def test_unknown_messages_are_reported_as_what_they_were() -> None:
    unknown = [claim("reminder", "shared", "unknown", 6)] * 2
    verdict = weigh(RUN, LEDGER[:-1], unknown, ENROLMENTS)
    assert (verdict.lost, verdict.unknown_sent, verdict.unknown_not_sent) == (0, 1, 1)
    assert verdict.complaints == []


def test_an_enrolment_that_stands_still_is_seen() -> None:
    stuck = [{**row, "state": "active", "step": "wait_for"} if row["user_id"] == "u1" else row for row in ENROLMENTS]
    assert weigh(RUN, LEDGER, [], stuck).ignored == 1
    assert weigh(RUN, LEDGER, [], ENROLMENTS[1:]).ignored == 1


def test_an_exit_in_time_that_was_not_acted_on_is_seen() -> None:
    ignored = [{**row, "outcome": "completed"} for row in ENROLMENTS]
    assert weigh(RUN, LEDGER, [], ignored).ignored == 1


def test_a_run_in_which_nothing_died_proves_nothing() -> None:
    assert not weigh(replace(RUN, kills=Counter()), LEDGER, [], ENROLMENTS).is_clean
