"""Invariant 6: a claim is good for one attempt; a later one asks first what became of it, and passes the gate again."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from language.gate import MessageGate
from language.sending import Claim, Claimed, InFlight, Overtaken, Result, Unresolved
from tests.sending import NOW, Desk

WINDOW = timedelta(seconds=30)


async def claim(desk: Desk, not_accepted: int | None = None, **changes: Any) -> Claim:
    order = desk.order(**changes)
    message = await desk.library.message("greeting", 1, order.message)
    gate = MessageGate(order, message, "twilio", "+15005550006", NOW)
    settle = timedelta(seconds=5)
    return await desk.ledger.claim(order, gate, now=NOW, call_window=WINDOW, settle=settle, not_accepted=not_accepted)


async def let_time_pass(desk: Desk, past: timedelta) -> None:
    """`past` after `call_until`, by PostgreSQL's clock."""
    await desk.db.pool.execute("UPDATE messages SET call_until = clock_timestamp() - $1::interval", past)


async def test_a_second_attempt_waits_until_the_first_is_surely_over(desk: Desk) -> None:
    assert isinstance(await claim(desk), Claimed)
    early = await claim(desk)
    assert isinstance(early, InFlight)
    assert timedelta(seconds=34) < early.wait <= timedelta(seconds=35)
    await let_time_pass(desk, timedelta(seconds=4))
    assert isinstance(await claim(desk), InFlight)
    await let_time_pass(desk, timedelta(seconds=6))
    late = await claim(desk)
    assert isinstance(late, Unresolved)
    assert late.draft.text == "Hello Ana"


async def test_of_many_who_know_that_nothing_went_out_one_claims(desk: Desk) -> None:
    await claim(desk)
    await let_time_pass(desk, timedelta(seconds=6))
    claims = await asyncio.gather(*(claim(desk, not_accepted=1) for _ in range(20)))
    assert [c.attempt for c in claims if isinstance(c, Claimed)] == [2]
    assert all(isinstance(c, Claimed | InFlight) for c in claims)


async def test_an_overtaken_attempt_records_nothing(desk: Desk) -> None:
    await claim(desk)
    await claim(desk, not_accepted=1)
    with pytest.raises(Overtaken):
        await desk.ledger.record(desk.order(), 1, Result("failed", "too late"), now=NOW)
    assert (await desk.row())["status"] == "claimed"


async def test_a_released_message_passes_the_whole_gate_again(desk: Desk) -> None:
    desk.provider.fail("too_many")
    with pytest.raises(ApplicationError):
        await desk.attempt(desk.order())
    assert (await desk.row())["status"] == "released"
    await desk.end("bought")
    assert (await desk.send(desk.order(), first=2)).verdict == "closed"
    assert desk.provider.accepted == []
    assert (await desk.row())["status"] == "suppressed"


async def test_after_an_exit_nothing_new_is_called(desk: Desk) -> None:
    await desk.die(desk.order(), "worker.claimed")
    await desk.end("bought")
    assert (await desk.send(desk.order(), first=2)).verdict == "closed"
    assert desk.provider.calls == 0
    assert (await desk.row())["reason"] == "the enrolment had ended: bought"


async def test_after_an_exit_what_went_out_is_still_adopted(desk: Desk) -> None:
    await desk.die(desk.order(), "worker.called")
    await desk.end("bought")
    assert (await desk.send(desk.order(), first=2)).verdict == "sent"
    row = await desk.row()
    assert (row["status"], row["provider_id"]) == ("sent", desk.provider.accepted[0].id)


async def test_an_event_between_the_attempts_comes_first(desk: Desk) -> None:
    await desk.die(desk.order(), "worker.claimed")
    await desk.db.pool.execute("UPDATE enrolments SET last_seq = 2")
    assert (await desk.send(desk.order(), first=2)).verdict == "behind"
    assert (await desk.row())["status"] == "released"
    assert (await desk.send(desk.order(seen_seq=2))).verdict == "sent"
    assert desk.provider.calls == 1


async def test_an_answer_that_comes_too_late_is_not_awaited(desk: Desk) -> None:
    """The HTTP deadline ends before `call_until`."""
    desk.provider.fail("hang")
    with pytest.raises(ApplicationError):
        await desk.attempt(desk.order())
    left = await desk.db.pool.fetchval("SELECT call_until - clock_timestamp() FROM messages")
    assert left > timedelta()
