"""WhatsApp: a template at any time, free text for a day after the customer's last word, and look-ups without words."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from activities.channels.twilio_client import TwilioAccount
from activities.channels.whatsapp import WhatsappChannel
from scripts.provider import ACCOUNT_SID, AUTH_TOKEN
from tests.sending import NOW, PHONE, Desk

TEMPLATE = "HX" + "1" * 32
KEY = "1/send_hello/1/whatsapp"


def fields(desk: Desk) -> dict[str, str]:
    return dict(desk.provider.asked[-1][1])


async def wrote(desk: Desk, ago: timedelta) -> None:
    """The customer wrote to us of their own accord."""
    await desk.db.pool.execute(
        "INSERT INTO events (source, message_id, customer_id, kind, name, properties, occurred_at, received_at)"
        " VALUES ('twilio', 'SM1', 1, 'track', 'WhatsApp Received', '{}', $1, $1)",
        NOW - ago,
    )


async def answered(desk: Desk, ago: timedelta) -> None:
    """Somebody who has the same phone answered an earlier message."""
    await desk.db.pool.execute(
        "INSERT INTO messages (key, enrolment_id, customer_id, step, visit, channel, message, message_class, status,"
        " attempt, created_at, recipient) VALUES ('9/a/1/whatsapp', 9, 9, 'a', 1, 'whatsapp', 'a', 'service', 'sent',"
        " 1, $1, $2)",
        NOW - ago,
        PHONE,
    )
    await desk.db.pool.execute(
        "INSERT INTO message_events (event_id, message_key, report, details, at, occurred_at)"
        " VALUES ('e', '9/a/1/whatsapp', 'answered', '{}', $1, $1)",
        NOW - ago,
    )


async def test_template_is_filled(desk: Desk) -> None:
    await desk.send(desk.order("whatsapp"))
    asked = fields(desk)
    assert (asked["To"], asked["From"]) == (f"whatsapp:{PHONE}", "whatsapp:+15005550006")
    assert (asked["ContentSid"], asked["ContentVariables"]) == ("HX" + "0" * 32, '{"1": "Ana"}')
    assert "Body" not in asked


@pytest.mark.parametrize("wrote", [wrote, answered])
@pytest.mark.parametrize(("ago", "is_open"), [(timedelta(hours=23, minutes=54), True), (timedelta(hours=24), False)])
async def test_free_text_goes_while_the_day_lasts(
    desk: Desk, wrote: Callable[..., Any], ago: timedelta, is_open: bool
) -> None:
    await wrote(desk, ago)
    await desk.send(desk.order("whatsapp", message="receipt"))
    asked = fields(desk)
    assert (asked.get("Body"), asked.get("ContentSid")) == (("Paid", None) if is_open else (None, TEMPLATE))


async def test_whoever_never_wrote_gets_the_template(desk: Desk) -> None:
    await desk.send(desk.order("whatsapp", message="receipt"))
    assert fields(desk)["ContentSid"] == TEMPLATE


async def test_template_goes_when_nobody_says_in_time_whether_free_text_may(desk: Desk) -> None:
    class Slow:
        async def is_open(self, key: str, recipient: str) -> bool:
            await asyncio.sleep(5)
            return True

    account = TwilioAccount(ACCOUNT_SID, AUTH_TOKEN, "+15005550006", desk.provider.url)
    desk.channels["whatsapp"] = channel = WhatsappChannel(account, Slow(), call_timeout=timedelta(seconds=1))
    await desk.send(desk.order("whatsapp", message="receipt"))
    await channel.close()
    assert fields(desk)["ContentSid"] == TEMPLATE


async def test_messaging_service_is_no_number(desk: Desk) -> None:
    channel = desk.channels["whatsapp"]
    assert isinstance(channel, WhatsappChannel)
    channel.sender = "MG" + "0" * 32
    await desk.send(desk.order("whatsapp"))
    assert fields(desk)["MessagingServiceSid"] == channel.sender
    assert "From" not in fields(desk)


async def test_whatsapp_that_is_not_allowed_now_has_failed(desk: Desk) -> None:
    desk.provider.refuse(400, {"code": 63016, "message": f"outside the window of {PHONE}", "status": 400})
    receipt = await desk.send(desk.order("whatsapp"))
    assert (receipt.verdict, receipt.reason) == (
        "failed",
        "twilio 63016: outside of the time in which free text is allowed",
    )


async def test_sms_to_the_same_number_is_no_whatsapp(desk: Desk) -> None:
    await desk.send(desk.order("sms"))
    await desk.die(desk.order("whatsapp"), "worker.claimed")
    assert (await desk.send(desk.order("whatsapp"), first=2)).verdict == "sent"
    assert [message.recipient for message in desk.provider.accepted] == [PHONE, f"whatsapp:{PHONE}"]


async def test_two_unlike_messages_that_both_went_out_are_both_adopted(desk: Desk) -> None:
    await desk.enrol(2)
    orders = [desk.order("whatsapp"), desk.order("whatsapp", enrolment_id=2, message="receipt")]
    for order in orders:
        await desk.die(order, "worker.called")
    receipts = await asyncio.gather(*(desk.send(order, first=2) for order in orders))
    assert {receipt.verdict for receipt in receipts} == {"sent"}
    assert len({(await desk.row(order.key))["provider_id"] for order in orders}) == 2
    assert len(desk.provider.accepted) == 2


async def test_one_of_two_unlike_messages_is_not_taken_for_the_other(desk: Desk) -> None:
    """Which of them the provider has cannot be seen: neither is sent again on a guess, nor taken as sent."""
    await desk.enrol(2)
    orders = [desk.order("whatsapp"), desk.order("whatsapp", enrolment_id=2, message="receipt")]
    await desk.die(orders[0], "worker.called")
    await desk.die(orders[1], "worker.claimed")
    receipts = [await desk.send(order, first=2) for order in orders]
    assert [receipt.verdict for receipt in receipts] == ["unknown", "unknown"]
    assert len(desk.provider.accepted) == 1


async def test_earlier_message_to_the_number_is_not_adopted(desk: Desk) -> None:
    await desk.enrol(2)
    await desk.send(desk.order("whatsapp", enrolment_id=2))
    desk.provider.accepted[0] = replace(desk.provider.accepted[0], at=desk.provider.accepted[0].at - 3600)
    await desk.die(desk.order("whatsapp"), "worker.claimed")
    assert (await desk.send(desk.order("whatsapp"), first=2)).verdict == "sent"
    assert len(desk.provider.accepted) == 2
