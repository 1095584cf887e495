"""Calls go out one after the other, in the order in which they came."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from activities.channel import NotAccepted, Outgoing
from activities.channels.call_pace import GRACE, REACH, CallPace
from activities.channels.twilio_client import TwilioAccount
from activities.channels.voice import VoiceChannel
from scripts.provider import ACCOUNT_SID, AUTH_TOKEN, Provider

CALL = Outgoing(
    "1/call/1/voice",
    "voice",
    "+4915112345678",
    "+15005550006",
    None,
    "Hello",
    None,
    {"say": "Hello", "language": "en", "machine": "leave_message", "timeout": 25},
)


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_first_goes_at_once_and_the_others_take_turns() -> None:
    pace = CallPace(2, Hand())
    assert [pace.wait(str(number)) for number in range(4)] == [0.0, 0.5, 1.0, 1.5]


def test_turn_is_kept_while_others_come() -> None:
    hand = Hand()
    pace = CallPace(1, hand)
    pace.wait("a")
    assert (pace.wait("b"), pace.wait("c"), pace.wait("b")) == (1.0, 2.0, 1.0)
    hand.now += 1.5
    assert (pace.wait("d"), pace.wait("b"), pace.wait("c")) == (1.5, 0.0, 0.5)


def test_pause_saves_up_nothing() -> None:
    hand = Hand()
    pace = CallPace(1, hand)
    pace.wait("a")
    hand.now += 3600
    assert (pace.wait("b"), pace.wait("c")) == (0.0, 1.0)


def test_whoever_comes_much_too_late_takes_a_new_turn() -> None:
    hand = Hand()
    pace = CallPace(1, hand)
    pace.wait("a")
    pace.wait("b")
    hand.now += GRACE + 2
    assert (pace.wait("c"), pace.wait("b")) == (0.0, 1.0)


def test_crowd_is_spread_over_the_time_that_it_takes_and_keeps_no_turns() -> None:
    hand = Hand()
    pace = CallPace(10, hand)
    waits = [pace.wait(str(number)) for number in range(2000)]
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(200, abs=1)
    hand.now += REACH + 1
    assert pace.wait("somebody new") == 0.0


def test_all_of_a_crowd_call_in_time() -> None:
    hand = Hand()
    pace = CallPace(1, hand)
    due = {str(number): hand.now for number in range(200)}
    made: list[float] = []
    while due:
        hand.now = max(hand.now, min(due.values()))
        for key in [key for key, at in due.items() if at <= hand.now]:
            if wait := pace.wait(key):
                due[key] = hand.now + wait
            else:
                made.append(hand.now)
                del due[key]
    assert made[-1] - made[0] < 200 * 1.1
    assert all(later - earlier >= 0.99 for earlier, later in pairwise(made))


async def test_calls_that_come_together_go_out_in_turns() -> None:
    async with Provider() as provider:
        channel = VoiceChannel(TwilioAccount(ACCOUNT_SID, AUTH_TOKEN, CALL.sender, provider.url), CallPace(5))
        await channel.send(CALL, within=10)
        await asyncio.gather(*(channel.send(replace(CALL, key=str(number)), within=10) for number in range(5)))
        await channel.close()
    _, began, *_, ended = (call.at for call in provider.accepted)
    assert ended - began >= 0.7


async def test_far_turn_releases_the_claim_and_says_when_to_come_back() -> None:
    async with Provider() as provider:
        channel = VoiceChannel(TwilioAccount(ACCOUNT_SID, AUTH_TOKEN, CALL.sender, provider.url), CallPace(0.1))
        await channel.send(CALL, within=10)
        with pytest.raises(NotAccepted) as raised:
            await channel.send(replace(CALL, key="2/call/1/voice"), within=10)
        await channel.close()
    assert len(provider.accepted) == 1
    assert raised.value.retry_after is not None
    assert 9 < raised.value.retry_after.total_seconds() <= 10
