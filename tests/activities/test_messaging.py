"""One message goes out, whatever the provider does and wherever the worker dies."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from language.clock import Pace
from scripts.provider import FAULTS, Fault
from tests.sending import EMAIL, NOW, PHONE, Desk

CHANNELS = ("sms", "email", "whatsapp", "voice")


@pytest.mark.parametrize("channel", CHANNELS)
async def test_sends_and_records(desk: Desk, channel: str) -> None:
    receipt = await desk.send(desk.order(channel))
    (accepted,) = desk.provider.accepted
    row = await desk.row(f"1/send_hello/1/{channel}")
    assert receipt.verdict == "sent"
    assert accepted.key == row["key"]
    assert row["recipient"] == (EMAIL if channel == "email" else PHONE)
    assert accepted.recipient.removeprefix("whatsapp:") == row["recipient"]
    assert row["body"].strip() in accepted.text
    assert (row["status"], row["attempt"], row["provider_id"]) == ("sent", 1, accepted.id)
    assert row["sent_at"] >= row["claimed_at"] >= NOW


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_any_fault_leaves_one_message(desk: Desk, channel: str, fault: Fault) -> None:
    desk.provider.fail(fault)
    receipt = await desk.send(desk.order(channel))
    assert receipt.verdict == "sent"
    assert len(desk.provider.accepted) == 1


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("point", ["worker.claimed", "worker.called", "worker.recorded"])
async def test_a_worker_that_dies_leaves_one_message(desk: Desk, channel: str, point: str) -> None:
    await desk.die(desk.order(channel), point)
    receipt = await desk.send(desk.order(channel), first=2)
    assert receipt.verdict == "sent"
    assert len(desk.provider.accepted) == 1


async def test_fifty_at_once_send_one(desk: Desk) -> None:
    receipts = await asyncio.gather(*(desk.send(desk.order()) for _ in range(50)))
    assert {receipt.verdict for receipt in receipts} == {"sent"}
    assert len(desk.provider.accepted) == 1


async def test_a_repeated_send_answers_as_before(desk: Desk) -> None:
    await desk.send(desk.order())
    await desk.end()
    assert (await desk.send(desk.order())).verdict == "sent"
    assert desk.provider.calls == 1


async def test_two_equal_messages_that_are_meant_are_two(desk: Desk) -> None:
    await desk.enrol(2)
    desk.provider.fail("drop")
    await desk.die(desk.order(), "worker.claimed")
    await desk.send(desk.order(enrolment_id=2))
    await desk.send(desk.order(), first=2)
    assert desk.provider.count_by_key == {"1/send_hello/1/sms": 1, "2/send_hello/1/sms": 1}


@pytest.mark.parametrize("called", [1, 4, 8])
async def test_equal_messages_of_one_dead_worker_all_go_out_once(desk: Desk, called: int) -> None:
    """One id at the provider cannot stand for two of them, and it does not matter for which of them it stands."""
    orders = [desk.order(enrolment_id=number) for number in range(1, 9)]
    for number, order in enumerate(orders, start=1):
        if number > 1:
            await desk.enrol(number)
        await desk.die(order, "worker.called" if number <= called else "worker.claimed")
    receipts = await asyncio.gather(*(desk.send(order, first=2) for order in orders))
    assert {receipt.verdict for receipt in receipts} == {"sent"}
    assert len({(await desk.row(order.key))["provider_id"] for order in orders}) == 8
    assert len(desk.provider.accepted) == 8


async def test_a_look_up_takes_nothing_from_a_call_under_way(desk: Desk) -> None:
    await desk.enrol(2)
    await desk.die(desk.order(), "worker.claimed")
    await asyncio.sleep(0.4)
    desk.provider.hang = 0.15
    desk.provider.fail("hang")
    under_way = asyncio.create_task(desk.send(desk.order(enrolment_id=2)))
    await asyncio.sleep(0.05)
    looked_up = await desk.send(desk.order(), first=2)
    assert (looked_up.verdict, (await under_way).verdict) == ("sent", "sent")
    assert len(desk.provider.accepted) == 2


async def test_look_alikes_leave_it_unknown(desk: Desk) -> None:
    await look_alikes(desk)
    receipt = await desk.send(desk.order(), first=2)
    assert receipt.verdict == "unknown"
    assert len(desk.provider.accepted) == 2


async def test_rather_twice_sends_anew_when_unsure(desk: Desk) -> None:
    await look_alikes(desk)
    receipt = await desk.send(desk.order(if_unsure="rather_twice"), first=2)
    assert receipt.verdict == "sent"
    assert len(desk.provider.accepted) == 3


async def look_alikes(desk: Desk) -> None:
    """Another system sent the same words to the same number, while our worker died before it could record."""
    await desk.die(desk.order(), "worker.called")
    desk.provider.accepted.append(replace(desk.provider.accepted[0], id="SMother"))


async def test_logs_that_may_not_be_read_leave_it_unknown(desk: Desk) -> None:
    desk.provider.may_look = False
    await desk.die(desk.order("email"), "worker.called")
    receipt = await desk.send(desk.order("email"), first=2)
    assert receipt.verdict == "unknown"
    assert receipt.reason is not None
    assert "Email Logs" in receipt.reason


async def test_a_busy_provider_is_held_after_five_attempts(desk: Desk) -> None:
    desk.provider.fail("too_many", times=9)
    receipt = await desk.send(desk.order())
    assert (receipt.verdict, desk.provider.calls) == ("held", 5)
    assert receipt.retry_at is not None
    assert receipt.retry_at >= NOW + timedelta(seconds=50)
    assert (await desk.row())["status"] == "held"


async def test_a_long_hint_is_held_at_once_in_journey_time(desk: Desk) -> None:
    desk.provider.retry_after = "120"
    desk.provider.fail("too_many")
    began = asyncio.get_running_loop().time()
    receipt = await desk.send(desk.order(pace=Pace(speed=100, origin=NOW)))
    passed = asyncio.get_running_loop().time() - began
    assert receipt.verdict == "held"
    assert receipt.retry_at is not None
    assert 0 <= (receipt.retry_at - NOW).total_seconds() - 120 * 100 <= passed * 100
    assert (await desk.send(desk.order())).verdict == "sent"


async def test_account_trouble_holds_and_loses_nothing(desk: Desk) -> None:
    desk.provider.refuse(401, {"code": 20003, "message": "Authenticate", "status": 401})
    receipt = await desk.send(desk.order())
    assert (receipt.verdict, receipt.reason) == ("held", "twilio 20003: authentication failed")
    assert (await desk.send(desk.order())).verdict == "sent"


async def test_a_dead_address_is_remembered(desk: Desk) -> None:
    await desk.enrol(2)
    desk.provider.refuse(400, {"code": 21211, "message": f"The 'To' number {PHONE} is not valid", "status": 400})
    first = await desk.send(desk.order())
    second = await desk.send(desk.order(enrolment_id=2))
    assert (first.verdict, second.verdict) == ("undeliverable", "undeliverable")
    assert PHONE not in f"{first.reason}{second.reason}"
    assert desk.provider.calls == 1


async def test_the_providers_stop_is_written_down(desk: Desk) -> None:
    await desk.enrol(2)
    desk.provider.refuse(400, {"code": 21610, "message": "unsubscribed recipient", "status": 400})
    first = await desk.send(desk.order())
    second = await desk.send(desk.order(enrolment_id=2))
    assert (first.verdict, second.verdict) == ("suppressed", "suppressed")
    assert second.reason == "the customer has opted out of everything by sms"
    assert desk.provider.calls == 1


async def test_a_refused_message_is_not_sent_again(desk: Desk) -> None:
    desk.provider.refuse(400, {"code": 21617, "message": "too long", "status": 400})
    assert (await desk.send(desk.order())).verdict == "failed"
    assert (await desk.send(desk.order())).verdict == "failed"
    assert desk.provider.calls == 1


async def test_what_was_held_when_its_step_was_left_is_over_at_once(desk: Desk) -> None:
    desk.provider.refuse(400, {"code": 21408, "message": "region", "status": 400})
    assert (await desk.send(desk.order())).verdict == "held"
    await desk.leave()
    row = await desk.row()
    assert (row["status"], row["reason"]) == ("suppressed", "the step had been left")
    assert (await desk.send(desk.order())).verdict == "suppressed"
    assert desk.provider.calls == 1


async def test_another_visit_of_the_step_keeps_what_it_holds(desk: Desk) -> None:
    desk.provider.refuse(400, {"code": 21408, "message": "region", "status": 400})
    await desk.send(desk.order(key="1/send_hello/2/sms", visit=2))
    await desk.leave()
    assert (await desk.row("1/send_hello/2/sms"))["status"] == "held"
