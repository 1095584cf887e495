"""However many sends of one lane hang at a provider, those of another find a way to it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from activities.channels.email import THREADS, EmailChannel, SendGridAccount
from activities.channels.sms import SmsChannel
from activities.channels.twilio_client import TwilioAccount
from scripts.provider import ACCOUNT_SID, API_KEY, AUTH_TOKEN, Provider
from tests.activities.test_channels import EMAIL, SMS
from worker.lanes import LANE_SLOTS, URGENT_SLOTS


def test_every_mail_under_way_finds_a_thread() -> None:
    assert THREADS >= LANE_SLOTS + URGENT_SLOTS


@pytest.mark.parametrize(("name", "hanging"), [("email", LANE_SLOTS), ("sms", URGENT_SLOTS)])
async def test_what_hangs_in_one_lane_takes_no_place_of_another(name: str, hanging: int) -> None:
    patience = timedelta(seconds=5)
    async with Provider(hang=4) as provider:
        channel = (
            EmailChannel(SendGridAccount(API_KEY, "S <s@example.com>", provider.url), call_timeout=patience)
            if name == "email"
            else SmsChannel(TwilioAccount(ACCOUNT_SID, AUTH_TOKEN, "+15005550006", provider.url), call_timeout=patience)
        )
        outgoing = EMAIL if name == "email" else SMS
        provider.fail("hang", times=hanging)
        sends = [channel.send(replace(outgoing, key=f"{number}/hi"), within=5) for number in range(hanging)]
        stuck = [asyncio.create_task(send) for send in sends]
        await asyncio.sleep(0.3)
        await channel.send(replace(outgoing, key="code"), within=3)
        assert not any(task.done() for task in stuck)
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
        await channel.close()
