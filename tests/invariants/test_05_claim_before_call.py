"""Invariant 5: the claim is committed, complete, before the provider is called, and nothing is locked meanwhile."""

import asyncio

from tests.sending import Desk


async def test_the_row_is_complete_when_the_provider_is_called(desk: Desk) -> None:
    await desk.die(desk.order("email"), "worker.claimed")
    row = await desk.row("1/send_hello/1/email")
    assert (row["status"], row["attempt"], desk.provider.calls) == ("claimed", 1, 0)
    assert row["recipient"] == "ana@example.com"
    assert row["sender"] == "Sojourn <hello@example.com>"
    assert row["subject"] == "Hello Ana"
    assert "Welcome, Ana" in row["body"]
    assert "Welcome, Ana" in row["html"]
    assert len(row["digest"]) == 32
    assert row["call_until"] is not None


async def test_nothing_is_locked_while_the_provider_thinks(desk: Desk) -> None:
    desk.provider.fail("hang")
    sending = asyncio.create_task(desk.send(desk.order()))
    while desk.provider.calls == 0:
        await asyncio.sleep(0.005)
    async with desk.db.pool.acquire() as other, other.transaction():
        await other.execute("SET LOCAL lock_timeout = '50ms'")
        await other.execute("SELECT FROM customers, enrolments, messages FOR UPDATE")
    assert (await sending).verdict == "sent"


async def test_an_attempt_that_nobody_recorded_is_looked_up_by_what_was_claimed(desk: Desk) -> None:
    """The traits change between the attempts: what went out is still recognised."""
    await desk.die(desk.order(), "worker.called")
    await desk.db.pool.execute("UPDATE customers SET traits = $1", {"first_name": "Anastasia", "phone": "+15005550009"})
    assert (await desk.send(desk.order(), first=2)).verdict == "sent"
    assert len(desk.provider.accepted) == 1
    assert (await desk.row())["body"] == "Hello Ana"


async def test_progress_is_written_with_the_claim_or_not_at_all(desk: Desk) -> None:
    order = desk.order()
    progress = order.progress.model_copy(update={"step": "send_hello"})
    await desk.die(order.model_copy(update={"progress": progress}), "worker.claimed")
    assert await desk.db.pool.fetchval("SELECT step FROM enrolments WHERE id = 1") == "send_hello"


async def test_what_cannot_be_rendered_claims_nothing(desk: Desk) -> None:
    await desk.db.pool.execute("UPDATE customers SET traits = $1", {"phone": "+15005550001"})
    receipt = await desk.send(desk.order())
    row = await desk.row()
    assert (receipt.verdict, row["status"], row["attempt"], desk.provider.calls) == (
        "undeliverable",
        "undeliverable",
        0,
        0,
    )
    assert "first_name" in row["reason"]
