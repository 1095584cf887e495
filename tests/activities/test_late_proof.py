"""What the provider says with our key is believed at any time, also when a look-up has shown nothing."""

import asyncio
import json
from datetime import timedelta

import pytest

from language.gate import MessageGate
from language.message_event import Report
from language.sending import Overtaken, Result
from store.message_reports import take_reports
from store.reporting import Told
from tests.sending import NOW, Desk

KEY = "1/send_hello/1/sms"
DEFINITION = {"journey": "greeting", "start": [{"on": "Asked"}], "steps": [{"send": "hello", "via": "sms"}]}


async def be_held_after_a_call(desk: Desk) -> str:
    """The provider took it and the worker died; the look-up shows nothing yet, and by now the gate holds it. Returns
    the provider's id."""
    await desk.die(desk.order(), "worker.called")
    shown = list(desk.provider.accepted)
    desk.provider.accepted.clear()
    await desk.db.pool.execute("UPDATE enrolments SET paused_at = $1", NOW)
    assert (await desk.send(desk.order(), first=2)).verdict == "paused"
    assert (await desk.row())["status"] == "held"
    await desk.db.pool.execute("UPDATE enrolments SET paused_at = NULL")
    desk.provider.accepted.extend(shown)
    return shown[0].id


async def tell(desk: Desk, report: Report | None, provider_id: str) -> None:
    await desk.db.pool.execute("UPDATE journey_versions SET definition = $1", json.dumps(DEFINITION))
    told = Told(KEY, report, f"twilio/{provider_id}/x", provider_id=provider_id)
    assert await take_reports(desk.db, lambda: NOW + timedelta(minutes=1), [told]) != ["unknown"]


@pytest.mark.parametrize("report", [None, "delivered"])
async def test_a_held_message_of_which_a_report_comes_is_not_sent_again(desk: Desk, report: Report | None) -> None:
    provider_id = await be_held_after_a_call(desk)
    await tell(desk, report, provider_id)
    assert (await desk.send(desk.order())).verdict == "sent"
    row = await desk.row()
    assert (row["status"], row["provider_id"]) == (report or "sent", provider_id)
    assert len(desk.provider.accepted) == 1


@pytest.mark.parametrize("status", ["held", "released", "suppressed", "expired", "unknown"])
async def test_what_a_worker_frozen_in_its_call_says_at_last_stands(desk: Desk, status: str) -> None:
    provider_id = await be_held_after_a_call(desk)
    await desk.db.pool.execute("UPDATE messages SET status = $1, reason = 'it seemed so'", status)
    receipt = await desk.ledger.record(desk.order(), 1, Result("sent", provider_id=provider_id), now=NOW)
    row = await desk.row()
    assert (receipt.verdict, row["status"], row["reason"], row["provider_id"]) == ("sent", "sent", None, provider_id)
    assert (await desk.send(desk.order(), first=2)).verdict == "sent"
    assert len(desk.provider.accepted) == 1


async def test_what_a_worker_frozen_in_its_call_says_of_another_attempt_stands_not(desk: Desk) -> None:
    await be_held_after_a_call(desk)
    assert (await desk.ledger.record(desk.order(), 2, Result("sent", provider_id="SM2"), now=NOW)).verdict == "held"
    row = await desk.row()
    assert (row["status"], row["provider_id"]) == ("held", None)


async def test_a_message_that_came_to_nothing_and_yet_arrived_is_told_as_sent(desk: Desk) -> None:
    provider_id = await be_held_after_a_call(desk)
    await desk.end()
    assert (await desk.send(desk.order())).verdict == "closed"
    await tell(desk, "delivered", provider_id)
    assert (await desk.row())["status"] == "delivered"


async def test_a_message_that_was_never_called_is_proved_by_nothing(desk: Desk) -> None:
    await desk.db.pool.execute("UPDATE enrolments SET paused_at = $1", NOW)
    await desk.send(desk.order())
    await tell(desk, "delivered", "SMother")
    assert (await desk.row())["status"] == "held"


async def test_what_is_recorded_while_it_is_claimed_anew_stands(desk: Desk) -> None:
    """A slow worker, or a sweeper, says that it went out after a look-up has shown nothing."""
    order = desk.order()
    await desk.die(order, "worker.called")
    gate = MessageGate(order, await desk.library.message("greeting", 1, "hello"), "twilio", "+15005550006", NOW)
    seconds = timedelta(seconds=1)
    async with desk.db.pool.acquire() as slow, slow.transaction():
        await slow.execute("UPDATE messages SET status = 'sent', provider_id = 'SM1' WHERE key = $1", KEY)
        claim = desk.ledger.claim(order, gate, now=NOW, call_window=seconds, settle=seconds, not_accepted=1)
        claiming = asyncio.create_task(claim)
        await wait_until_it_waits(desk)
    with pytest.raises(Overtaken):
        await claiming
    assert (await desk.send(order, first=2)).verdict == "sent"
    assert len(desk.provider.accepted) == 1


async def wait_until_it_waits(desk: Desk) -> None:
    """For the lock of somebody's row."""
    for _ in range(200):
        if await desk.db.pool.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")
