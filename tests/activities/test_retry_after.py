"""When a provider says to come back is believed within bounds: no message waits for ever for a slip of theirs."""

import time
from datetime import timedelta

import pytest

from activities.channels.retry_after import LONGEST, retry_after
from tests.sending import Desk


@pytest.mark.parametrize("text", ["86400", "1700000000000", "1e13"])
def test_a_hint_beyond_reason_is_cut(text: str) -> None:
    assert retry_after({"Retry-After": text}) == LONGEST


def test_a_reset_told_in_milliseconds_is_cut() -> None:
    assert retry_after({"X-RateLimit-Reset": str(int(time.time() * 1000))}) == LONGEST


@pytest.mark.parametrize(("text", "seconds"), [("7", 7), ("-3", 0), ("0", 0)])
def test_others_are_taken_as_they_are(text: str, seconds: float) -> None:
    assert retry_after({"Retry-After": text}) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["soon", "nan", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_what_makes_no_sense_is_no_hint(text: str) -> None:
    assert retry_after({"Retry-After": text}) is None


async def test_a_message_is_held_for_no_longer(desk: Desk) -> None:
    desk.provider.retry_after = "1700000000000"
    desk.provider.fail("too_many")
    assert (await desk.send(desk.order())).verdict == "held"
    assert desk.provider.calls == 1
