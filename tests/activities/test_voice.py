"""Phone calls: what is asked of Twilio, and that nobody is called twice."""

from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from activities.channel import Outgoing, Refused
from activities.channels.twilio_client import TwilioAccount
from activities.channels.voice import VoiceChannel
from scripts.provider import ACCOUNT_SID, AUTH_TOKEN, Provider
from tests.sending import PHONE, Desk

CALLER = "+15005550006"
US = "https://us.example/webhooks/twilio"
CONTENT = {"say": "Hello", "language": "pt", "machine": "hang_up", "timeout": 40}


async def asked(*, reaches_us: bool = True, **content: Any) -> list[tuple[str, str]]:
    """The fields of the request that a call with this content makes."""
    addresses = (f"{US}/status", f"{US}/voice") if reaches_us else (None, None)
    async with Provider() as provider:
        account = TwilioAccount(ACCOUNT_SID, AUTH_TOKEN, CALLER, provider.url, addresses[0], script=addresses[1])
        channel = VoiceChannel(account)
        call = Outgoing("7/a b/1/voice", "voice", PHONE, CALLER, None, "Hello", None, CONTENT | content)
        try:
            await channel.send(call, within=5)
        finally:
            await channel.close()
        return provider.asked[-1][1]


async def test_call_rings_as_long_as_its_message_says() -> None:
    fields = dict(await asked())
    assert (fields["To"], fields["From"], fields["Timeout"]) == (PHONE, CALLER, "40")


async def test_twilio_asks_us_what_to_do_before_it_talks_to_a_machine() -> None:
    fields = dict(await asked())
    assert (fields["Url"], fields["MachineDetection"]) == (f"{US}/voice?key=7%2Fa%20b%2F1%2Fvoice", "Enable")
    assert "Twiml" not in fields


async def test_message_for_a_machine_waits_for_the_tone() -> None:
    fields = dict(await asked(machine="leave_message"))
    [say] = fromstring(fields["Twiml"])
    assert (say.text, say.get("language"), fields["MachineDetection"]) == ("Hello", "pt-BR", "DetectMessageEnd")
    assert "Url" not in fields


async def test_twilio_tells_what_becomes_of_the_call() -> None:
    fields = await asked()
    assert ("StatusCallback", f"{US}/status?key=7%2Fa%20b%2F1%2Fvoice") in fields
    assert [value for name, value in fields if name == "StatusCallbackEvent"] == ["initiated", "answered", "completed"]


async def test_call_carries_all_it_says_where_twilio_cannot_reach_us() -> None:
    fields = dict(await asked(reaches_us=False))
    assert [verb.text for verb in fromstring(fields["Twiml"])] == ["Hello"]
    assert {"Url", "StatusCallback", "StatusCallbackEvent", "MachineDetection"} & fields.keys() == set()


async def test_call_that_asks_for_digits_is_scripted_by_us() -> None:
    gather = {"digits": 1, "timeout": 5}
    fields = dict(await asked(gather=gather, machine="leave_message"))
    assert (fields["Url"].partition("?")[0], "Twiml" in fields) == (f"{US}/voice", False)
    with pytest.raises(Refused, match="cannot reach us"):
        await asked(gather=gather, reaches_us=False)


async def test_long_speech_is_asked_for_and_never_cut() -> None:
    fields = dict(await asked(say="x" * 4000, machine="leave_message"))
    assert (fields["Url"].partition("?")[0], fields["MachineDetection"]) == (f"{US}/voice", "DetectMessageEnd")
    with pytest.raises(Refused, match="more than 4,000 characters"):
        await asked(say="x" * 4000, reaches_us=False)


async def test_another_call_to_the_number_is_not_taken_for_this_one(desk: Desk) -> None:
    await desk.enrol(2)
    await desk.send(desk.order("voice", enrolment_id=2, message="receipt"))
    await desk.die(desk.order("voice"), "worker.claimed")
    assert (await desk.send(desk.order("voice"), first=2)).verdict == "sent"
    assert len({call.id for call in desk.provider.accepted}) == 2


async def test_which_of_two_calls_rang_is_not_guessed(desk: Desk) -> None:
    await desk.enrol(2)
    orders = [desk.order("voice"), desk.order("voice", enrolment_id=2, message="receipt")]
    await desk.die(orders[0], "worker.called")
    await desk.die(orders[1], "worker.claimed")
    assert [(await desk.send(order, first=2)).verdict for order in orders] == ["unknown", "unknown"]
    assert len(desk.provider.accepted) == 1


async def test_blocked_number_is_not_called_again(desk: Desk) -> None:
    desk.provider.refuse(400, {"code": 21216, "message": f"not allowed to call {PHONE}", "status": 400})
    receipt = await desk.send(desk.order("voice"))
    assert (receipt.verdict, receipt.reason) == ("failed", "twilio 21216: the number may not be called")
