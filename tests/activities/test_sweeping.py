"""A message that was claimed and left is accounted for in the end, and never sent by who does that."""

import asyncio
from datetime import timedelta

import pytest

from activities.channel import Route
from activities.sweeping import Sweeping
from store.stranded import StrandedMessages
from tests.sending import EMAIL, NOW, Desk

LATER = NOW + timedelta(minutes=20)


def sweeping(desk: Desk) -> Sweeping:
    routes = {name: Route.by(it) for name, it in desk.channels.items()}
    return Sweeping(StrandedMessages(desk.db), desk.ledger, routes, lambda: LATER)


async def strand(desk: Desk, channel: str = "sms", *, at: str, minutes: int = 11) -> str:
    """The key of a message whose worker has died at a point, so long ago."""
    order = desk.order(channel)
    await desk.die(order, at)
    await desk.db.pool.execute(
        "UPDATE messages SET call_until = clock_timestamp() - $1::interval", timedelta(minutes=minutes)
    )
    return order.key


async def end(desk: Desk) -> None:
    await desk.end()
    await desk.db.pool.execute("UPDATE enrolments SET state = 'ended'")


async def standing(desk: Desk, key: str) -> tuple[str, int, int]:
    """Its status and attempt, and how many have gone out."""
    row = await desk.row(key)
    return row["status"], row["attempt"], len(desk.provider.accepted)


@pytest.mark.parametrize("is_over", [False, True])
@pytest.mark.parametrize("channel", ["sms", "email", "voice", "whatsapp"])
async def test_what_was_accepted_is_adopted(desk: Desk, channel: str, is_over: bool) -> None:
    key = await strand(desk, channel, at="worker.called")
    if is_over:
        await end(desk)
    assert await sweeping(desk).round() == 1
    assert await standing(desk, key) == ("sent", 1, 1)
    row = await desk.row(key)
    assert (row["provider_id"], row["sent_at"]) == (desk.provider.accepted[0].id, LATER)
    assert await sweeping(desk).round() == 0


@pytest.mark.parametrize("channel", ["sms", "email"])
async def test_what_was_not_accepted_is_left_to_the_run(desk: Desk, channel: str) -> None:
    key = await strand(desk, channel, at="worker.claimed")
    assert await sweeping(desk).round() == 1
    assert await standing(desk, key) == ("released", 1, 0)
    assert await sweeping(desk).round() == 0
    assert (await desk.send(desk.order(channel))).verdict == "sent"
    assert await standing(desk, key) == ("sent", 2, 1)


async def test_what_was_not_accepted_is_never_sent_after_the_end(desk: Desk) -> None:
    key = await strand(desk, at="worker.claimed")
    await end(desk)
    await sweeping(desk).round()
    assert await standing(desk, key) == ("suppressed", 1, 0)
    assert (await desk.row(key))["reason"] == "the enrolment had ended: moved_on"


@pytest.mark.parametrize(("at", "becomes"), [("worker.called", "sent"), ("worker.claimed", "suppressed")])
async def test_nor_once_the_run_has_moved_on(desk: Desk, at: str, becomes: str) -> None:
    key = await strand(desk, at=at)
    await desk.leave()
    assert await sweeping(desk).round() == 1
    assert (await standing(desk, key))[:2] == (becomes, 1)
    assert (await desk.send(desk.order())).verdict == becomes
    assert len(desk.provider.accepted) == (becomes == "sent")


async def test_whoever_may_still_come_is_waited_for(desk: Desk) -> None:
    key = await strand(desk, at="worker.called", minutes=9)
    assert await sweeping(desk).round() == 0
    assert await standing(desk, key) == ("claimed", 1, 1)


@pytest.mark.parametrize("at", ["worker.called", "worker.claimed"])
async def test_run_and_sweepers_at_once_send_one(desk: Desk, at: str) -> None:
    key = await strand(desk, at=at)
    rounds = [sweeping(desk).round() for _ in range(3)]
    await asyncio.gather(desk.send(desk.order()), *rounds)
    assert (await standing(desk, key))[::2] == ("sent", 1)
    assert (await desk.row(key))["provider_id"] == desk.provider.accepted[0].id


async def test_what_it_saw_is_not_said_of_the_next_attempt(desk: Desk) -> None:
    key = await strand(desk, at="worker.claimed")
    [stranded] = await StrandedMessages(desk.db).take({"sms": timedelta()}, 1)
    await desk.die(desk.order(), "worker.called")
    assert await sweeping(desk)._sweep(stranded) == "overtaken"
    assert await standing(desk, key) == ("claimed", 2, 1)


@pytest.mark.parametrize("is_over", [False, True])
async def test_where_nobody_will_tell_the_run_decides_while_it_lives(desk: Desk, is_over: bool) -> None:
    desk.provider.may_read = lambda address: address != EMAIL
    key = await strand(desk, "email", at="worker.called")
    if is_over:
        await end(desk)
    await sweeping(desk).round()
    assert await standing(desk, key) == ("unknown" if is_over else "claimed", 1, 1)


@pytest.mark.parametrize(("minutes", "becomes"), [(11, "claimed"), (1500, "unknown")])
async def test_an_account_that_is_gone_is_not_asked_for_ever(desk: Desk, minutes: int, becomes: str) -> None:
    key = await strand(desk, at="worker.called", minutes=minutes)
    await desk.db.pool.execute("UPDATE messages SET account = 'sold'")
    await end(desk)
    assert await sweeping(desk).round() == 1
    assert await standing(desk, key) == (becomes, 1, 1)
    assert await sweeping(desk).round() == 0


@pytest.mark.parametrize("status", ["held", "released"])
async def test_what_was_waiting_at_the_end_has_come_to_nothing(desk: Desk, status: str) -> None:
    key = await strand(desk, at="worker.claimed")
    await desk.db.pool.execute("UPDATE messages SET status = $1", status)
    assert await sweeping(desk).round() == 0
    await end(desk)
    assert await sweeping(desk).round() == 1
    assert await standing(desk, key) == ("suppressed", 1, 0)


async def test_what_waits_is_looked_over_page_by_page(desk: Desk) -> None:
    keys = [f"{number}/send_hello/1/sms" for number in (1, 2, 3)]
    for number in (1, 2, 3):
        await desk.enrol(number + 10)
        order = desk.order(enrolment_id=number + 10, key=keys[number - 1], refuse="held for the test")
        await desk.send(order)
    await desk.db.pool.execute("UPDATE messages SET status = 'held', created_at = $1", NOW)
    await desk.db.pool.execute("UPDATE enrolments SET state = 'ended', outcome = 'gone' WHERE id = 13")
    strandings = StrandedMessages(desk.db)
    assert [await strandings.let_go(1) for _ in range(5)] == [0, 0, 1, 0, 0]
    rows = [await desk.row(key) for key in keys]
    assert [(row["status"], row["reason"]) for row in rows][1:] == [
        ("held", "held for the test"),
        ("suppressed", "the enrolment had ended: gone"),
    ]
