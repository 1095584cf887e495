"""Whoever says no before a message is claimed gets nothing, however close together the two are."""

import asyncio
import random

from language.port import Receipt
from language.sending import Claim, Claimed, Result
from store.address_words import REPLY, AddressWord, take_words
from store.consents import Said, Wish, write_consents
from tests.sending import NOW, PHONE, Desk

MANY = 1000
NO = Wish(None, None, "opted_out")
LOCK = "SELECT FROM customers WHERE id = $1 FOR NO KEY UPDATE"
OPT_OUT = "INSERT INTO consents (customer_id, state, source, at) VALUES ($1, 'opted_out', 'page', $2)"
CLAIMED = "SELECT EXISTS (SELECT FROM messages WHERE customer_id = $1 AND status = 'claimed')"
LIFTED = """
INSERT INTO suppressions (channel, address, reason, source, at, lifted_at) VALUES ('sms', $1, 'gone', 'twilio', $2, $2)
"""
WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def claim(desk: Desk, number: int) -> Claim:
    return await desk.claim(desk.order(enrolment_id=number, customer_id=number))


async def until_waiting(desk: Desk, many: int) -> None:
    async with asyncio.timeout(20):
        while await desk.db.pool.fetchval(WAITING) < many:
            await asyncio.sleep(0.002)


async def test_a_claim_waits_for_an_opt_out_that_is_just_being_written(desk: Desk) -> None:
    async with desk.db.pool.acquire() as connection, connection.transaction():
        await connection.execute(LOCK, 1)
        writing = asyncio.create_task(write_consents(desk.db, lambda: NOW, 1, [NO], Said("page")))
        await until_waiting(desk, 1)
        claiming = asyncio.create_task(claim(desk, 1))
        await until_waiting(desk, 2)
    await writing
    receipt = await claiming
    assert isinstance(receipt, Receipt)
    assert (receipt.verdict, receipt.reason) == ("suppressed", "the customer has opted out of everything")


async def test_a_claim_waits_for_a_stop_of_a_number_that_nobody_is_known_by(desk: Desk) -> None:
    """The customer's number is a trait alone: no row of hers tells the STOP about her, nor her claim about the STOP."""
    stop = AddressWord("1", "sms", PHONE, REPLY, "STOP", consent="opted_out")
    await desk.db.pool.execute(LIFTED, PHONE, NOW)
    async with desk.db.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM suppressions FOR UPDATE")
        writing = asyncio.create_task(take_words(desk.db, lambda: NOW, [stop]))
        await until_waiting(desk, 1)
        claiming = asyncio.create_task(claim(desk, 1))
        await until_waiting(desk, 2)
    assert await writing == 1
    receipt = await claiming
    assert isinstance(receipt, Receipt)
    assert (receipt.verdict, receipt.reason) == ("suppressed", "the customer has opted out of everything by sms")


async def test_a_stop_is_answered_only_once_a_claim_for_its_number_is_through(desk: Desk) -> None:
    stop = AddressWord("1", "sms", PHONE, REPLY, "STOP", consent="opted_out")
    assert isinstance(await claim(desk, 1), Claimed)
    await desk.db.pool.execute("UPDATE messages SET status = 'held', recipient = NULL")
    async with desk.db.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM messages FOR UPDATE")
        claiming = asyncio.create_task(claim(desk, 1))
        await until_waiting(desk, 1)
        writing = asyncio.create_task(take_words(desk.db, lambda: NOW, [stop]))
        await until_waiting(desk, 2)
        assert not writing.done()
    assert isinstance(await claiming, Claimed)
    assert await writing == 1


async def test_a_thousand_times_at_once_nothing_is_claimed_after_a_no(desk: Desk) -> None:
    """Claim and withdrawal lock the customer, so a look with the lock held tells which was first."""
    await desk.people(MANY)
    chance = random.Random(7)
    was_claimed: dict[int, bool] = {}
    claims: dict[int, Claim] = {}

    async def withdraw(number: int) -> None:
        await asyncio.sleep(chance.random() / 50)
        async with desk.db.pool.acquire() as connection, connection.transaction():
            await connection.execute(LOCK, number)
            was_claimed[number] = await connection.fetchval(CLAIMED, number)
            await connection.execute(OPT_OUT, number, NOW)

    async def send(number: int) -> None:
        await asyncio.sleep(chance.random() / 50)
        claims[number] = await claim(desk, number)

    # Both of one customer side by side: on a busy machine the first thousand of a list go before the second.
    await asyncio.gather(*(act(number) for number in range(1, MANY + 1) for act in (send, withdraw)))
    claimed = {number for number, one in claims.items() if isinstance(one, Claimed)}
    assert 0 < len(claimed) < MANY, "both orders happen"
    assert all(was_claimed[number] for number in claimed), "no claim came after its customer's no"


async def test_a_providers_own_stop_is_a_withdrawal_like_any_other(desk: Desk) -> None:
    await desk.enrol(2)
    first, second = desk.order(), desk.order("email", enrolment_id=2)
    assert isinstance(await claim(desk, 1), Claimed)
    stop = Result("suppressed", "twilio 21610: the recipient has replied STOP", opts_out=True)
    async with desk.db.pool.acquire() as connection, connection.transaction():
        await connection.execute(LOCK, 1)
        recording = asyncio.create_task(desk.ledger.record(first, 1, stop, now=NOW))
        await until_waiting(desk, 1)
        assert not await desk.db.pool.fetchval("SELECT count(*) FROM consents"), "it waits for whoever is claiming"
    assert (await recording).verdict == "suppressed"
    assert (await desk.db.pool.fetchval("SELECT channel FROM consents")) == "sms"
    assert (await desk.send(second)).verdict == "sent"
