from datetime import timedelta

from harness.agreement import disagreements
from language.happening import Happening

SENT = Happening(timedelta(days=1), "sent", "hello", "sms")


def test_some_seconds_are_no_disagreement() -> None:
    assert disagreements([SENT], [Happening(timedelta(days=1, seconds=3), "sent", "hello", "sms")]) == []


def test_what_only_one_does_is_said() -> None:
    ended = Happening(timedelta(days=2), "ended", "completed")

    assert [it.what for it in disagreements([SENT], [ended])] == [
        "only in the simulator: sent hello by sms",
        "only on Temporal: ended completed",
    ]


def test_another_time_is_a_disagreement() -> None:
    later = Happening(timedelta(days=1, minutes=2), "sent", "hello", "sms")

    assert len(disagreements([SENT], [later])) == 2
