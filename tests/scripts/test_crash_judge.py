"""The judge of `scripts/chaos` sees every wrong that it is there for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scripts.crash.backend import Told
from scripts.crash.cast import RINGS, Person
from scripts.crash.judge import CALL_WINDOW, Verdict, weigh
from scripts.crash.run import Reported, Run, Witness
from scripts.crash.weather import WITHHELD, fate_of
from scripts.provider import Accepted
from scripts.provider.webhooks import Heard

NOW = 1_790_000_000.0
ANSWERS, LETS_IT_RING = "+15000000005", "+15000000001"


def person(number: int, mark: str, phone: str = LETS_IT_RING, **way: Any) -> Person:
    return Person(f"u{number}", mark, phone, way.pop("email", "a@example.com"), 0.0, **way)


def told(after: float) -> Told:
    return Told(NOW + after, NOW + after + 0.1, 1)


def sent(kind: str, mark: str, after: float = 0.5, phone: str = LETS_IT_RING) -> Accepted:
    key, at = f"{mark}/{kind}", NOW + after
    match kind:
        case "call":
            return Accepted("twilio", f"CA-{mark}", key, "+1", phone, None, f"<Say>ring {mark}</Say>", at)
        case "note":
            return Accepted("twilio", f"SM-{mark}", key, "+1", f"whatsapp:{phone}", None, f'{{"1": "{mark}"}}', at)
        case "thanks":
            return Accepted("sendgrid", f"sg-{mark}", key, "a@x", "b@x", f"thanks {mark}", "Thank you.", at)
    return Accepted("twilio", f"SM-{kind}-{mark}", key, "+1", phone, None, f"{kind} {mark}", at)


PEOPLE = (
    person(1, "silent"),
    person(2, "answering", ANSWERS, answers_after=1.0),
    person(3, "leaving", leaves_after=1.0),
    person(4, "shared"),
    person(5, "shared"),
    person(6, "stopping", stops_after=1.0),
    person(7, "withheld", answers_after=1.0, email="w" + WITHHELD),
)
TOLD = (
    Reported(told(0)),
    Reported(told(0), answered=told(1)),
    Reported(told(0), left=told(1)),
    Reported(told(0)),
    Reported(told(0)),
    Reported(told(0), stopped=told(1)),
    Reported(told(0), answered=told(1), withdrew=told(3)),
)
RUN = Run("worker.called", 1, PEOPLE, TOLD, Counter(worker=1), 30.0)
LEDGER = (
    sent("hello", "silent"),
    sent("reminder", "silent", 7),
    sent("note", "silent", 8),
    sent("call", "silent", 9),
    sent("ring", "silent", 12),
    sent("hello", "answering"),
    sent("thanks", "answering", 2),
    sent("note", "answering", 3),
    sent("call", "answering", 4, ANSWERS),
    *(sent(kind, "shared") for kind in ("hello", "reminder", "note", "call", "ring") for _ in range(2)),
    sent("note", "stopping", 8),
    sent("call", "stopping", 9),
    sent("hello", "withheld"),
    sent("thanks", "withheld", 2),
    sent("note", "withheld", 3),
    sent("call", "withheld", 4),
    sent("ring", "withheld", 12),
)
STRAY = (sent("hello", "leaving"), sent("hello", "stopping", 0.6))
"""What may have gone out, and need not."""

HEARD = (Heard("answering/call", "completed", NOW + 10),)
ENROLMENTS: tuple[dict[str, Any], ...] = tuple(
    {"user_id": one.user, "state": "ended", "outcome": "left" if one.mark == "leaving" else "completed", "step": None}
    for one in PEOPLE
)


def claim(kind: str, mark: str, status: str, after: float) -> dict[str, Any]:
    until = datetime.fromtimestamp(NOW + after, UTC) + timedelta(seconds=CALL_WINDOW)
    return {"key": f"{mark}/{kind}", "message": kind, "mark": mark, "status": status, "call_until": until}


def weighed(
    ledger: Sequence[Accepted] = LEDGER,
    rows: Sequence[dict[str, Any]] = (),
    enrolments: Sequence[dict[str, Any]] = ENROLMENTS,
    heard: Sequence[Heard] = HEARD,
    run: Run = RUN,
) -> Verdict:
    return weigh(run, Witness(ledger, heard), rows, enrolments)


def test_the_phones_are_those_that_are_meant() -> None:
    assert (fate_of(ANSWERS), fate_of(LETS_IT_RING)) == ("answered", "no_answer")


def test_a_ledger_as_it_is_due_is_clean() -> None:
    verdict = weighed((*LEDGER, *STRAY))
    assert verdict.complaints == []
    assert (verdict.due, verdict.sent) == (len(LEDGER) - 1, len(LEDGER) + 2)


OPTIONAL = LEDGER.index(sent("thanks", "withheld", 2))
"""Who withdrew may not have got the mail."""


@pytest.mark.parametrize("missing", set(range(len(LEDGER))) - {OPTIONAL})
def test_a_missing_message_is_lost(missing: int) -> None:
    verdict = weighed(LEDGER[:missing] + LEDGER[missing + 1 :])
    assert verdict.lost == 1
    assert len(verdict.complaints) >= 1


@pytest.mark.parametrize("again", range(len(LEDGER)))
def test_a_message_too_many_is_doubled(again: int) -> None:
    verdict = weighed((*LEDGER, LEDGER[again]))
    assert verdict.doubled == 1
    assert len(verdict.complaints) >= 1


def test_an_sms_after_a_call_that_was_said_to_be_answered_in_time_is_one_too_many() -> None:
    too_many = (*LEDGER, sent("ring", "answering", 30))
    assert weighed(too_many).doubled == 1
    late = (Heard("answering/call", "completed", NOW + 4 + RINGS + 1),)
    assert weighed(too_many, heard=late).complaints == []
    assert weighed(too_many, heard=()).complaints == []


def test_an_event_in_time_that_lost_to_the_timeout_is_seen() -> None:
    ledger = [sent("reminder", "answering", 7) if one.key == "answering/thanks" else one for one in LEDGER]
    assert len(weighed(ledger).complaints) == 2


@pytest.mark.parametrize(("kind", "mark"), [("ring", "leaving"), ("ring", "stopping")])
def test_what_is_sent_after_an_exit_or_opt_out_is_seen(kind: str, mark: str) -> None:
    late = (*LEDGER, sent(kind, mark, 7))
    assert weighed(late, [claim(kind, mark, "sent", 6.5)]).after_exit == 1
    assert weighed(late).after_exit == 1
    crossed = weighed(late, [claim(kind, mark, "sent", 0.9)])
    assert (crossed.after_exit, crossed.crossed, crossed.complaints) == (0, 1, [])


def test_a_mail_after_a_withdrawn_consent_is_seen() -> None:
    late = tuple(replace(one, at=NOW + 9) if one.key == "withheld/thanks" else one for one in LEDGER)
    assert weighed(late, [claim("thanks", "withheld", "sent", 8)]).after_exit == 1


def test_unknown_messages_are_reported_as_what_they_were() -> None:
    row = claim("thanks", "withheld", "unknown", 2)
    sent_after_all = weighed(LEDGER, [row])
    assert (sent_after_all.unknown_sent, sent_after_all.unknown_not_sent, sent_after_all.complaints) == (1, 0, [])
    not_sent = weighed([one for one in LEDGER if one.key != row["key"]], [row])
    assert (not_sent.lost, not_sent.unknown_sent, not_sent.unknown_not_sent) == (0, 0, 1)
    assert not_sent.complaints == []


def test_what_could_have_been_known_may_not_be_unknown() -> None:
    assert not weighed(LEDGER, [claim("reminder", "silent", "unknown", 6)]).is_clean


def test_too_many_unknown_messages_are_seen() -> None:
    rows = [claim("thanks", "withheld", "unknown", 6)] * 2
    assert not weighed(LEDGER, rows).is_clean


def test_an_enrolment_that_stands_still_is_seen() -> None:
    stuck = [{**row, "state": "active", "step": "wait_for"} if row["user_id"] == "u1" else row for row in ENROLMENTS]
    assert weighed(enrolments=stuck).ignored == 1
    assert weighed(enrolments=ENROLMENTS[1:]).ignored == 1


def test_an_exit_in_time_that_was_not_acted_on_is_seen() -> None:
    ignored = [{**row, "outcome": "completed"} for row in ENROLMENTS]
    assert weighed(enrolments=ignored).ignored == 1


def test_a_run_in_which_nothing_died_proves_nothing() -> None:
    assert not weighed(run=replace(RUN, kills=Counter())).is_clean
