"""A provider in trouble is left alone, one message tries, another account takes its place; nothing is sent twice."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from activities.account_circuits import AccountCircuits
from activities.channel import MAIN, Ambiguous, Route
from activities.channels.sms import SmsChannel
from activities.channels.twilio_client import TwilioAccount
from language.circuit import FAILURES, OVERDUE, WAITING, Standing, open_for
from language.port import Receipt
from scripts.provider import ACCOUNT_SID, AUTH_TOKEN, Provider
from store.circuits import AccountCircuitStore
from store.database import Database
from tests.sending import NOW, Desk, desk_at

BAD_KEY = (401, {"code": 20003, "message": "Authenticate", "status": 401})
NOT_THERE = (400, {"code": 21408, "message": "region", "status": 400})
LATER = {"service": "2/send_hello/1/sms", "promotional": "3/send_hello/1/sms"}


@dataclass
class Shop:
    """A desk with circuits in PostgreSQL; a number for each message."""

    desk: Desk
    last: int = 1

    def restart(self) -> None:
        """A worker that knows only what is in PostgreSQL."""
        self.desk.circuits = AccountCircuits(AccountCircuitStore(self.desk.db), fresh=0)

    async def send(self, message: str = "hello", *, first: int = 1) -> Receipt:
        self.last += 1
        await self.desk.enrol(self.last)
        return await self.desk.send(self.desk.order(enrolment_id=self.last, message=message), first=first)

    async def fail(self, times: int) -> None:
        """So many sends of this worker got no answer."""
        for _ in range(times):
            await self.desk.circuits.told("sms", MAIN, Ambiguous("no answer"), is_probe=False)

    async def again(self, number: int) -> Receipt:
        return await self.desk.send(self.desk.order(enrolment_id=number))

    async def fall_due(self, ago: timedelta = timedelta()) -> None:
        await self.desk.db.pool.execute("UPDATE circuits SET probe_at = clock_timestamp() - $1::interval", ago)

    async def circuit(self) -> tuple[bool, int]:
        """Whether it is open, and how often in a row it was opened."""
        row = await self.desk.db.pool.fetchrow("SELECT * FROM circuits WHERE channel = 'sms' AND account = 'main'")
        return row is not None and row["opened_at"] is not None, row["openings"] if row else 0


@pytest.fixture
async def shop(desk: Desk) -> Shop:
    shop = Shop(desk)
    shop.restart()
    return shop


@pytest.fixture
async def second(shop: Shop) -> AsyncIterator[Provider]:
    """Another account, at a server of its own."""
    async with Provider(hang=1) as provider:
        account = TwilioAccount(
            ACCOUNT_SID, AUTH_TOKEN, "+15005550009", provider.url, "https://x.test/sms", settle=timedelta(seconds=0.05)
        )
        channel = SmsChannel(account, call_timeout=timedelta(seconds=0.25))
        shop.desk.routes["sms"] = Route({MAIN: shop.desk.channels["sms"], "fallback": channel})
        yield provider
        await channel.close()


async def test_a_bad_key_opens_at_once_and_nothing_more_is_claimed(shop: Shop) -> None:
    shop.desk.provider.refuse(*BAD_KEY)
    first, second = await shop.send(), await shop.send()
    assert (first.verdict, second.verdict) == ("held", "held")
    assert second.reason == f"{WAITING}twilio 20003: authentication failed"
    assert second.retry_at is not None
    assert second.retry_at >= NOW + timedelta(seconds=10)
    row = await shop.desk.row(LATER["promotional"])
    assert (row["status"], row["attempt"], row["claimed_at"]) == ("held", 0, None)
    assert (shop.desk.provider.calls, await shop.circuit()) == (1, (True, 1))


async def test_a_run_of_failures_opens_it_and_what_was_accepted_is_found(shop: Shop) -> None:
    await shop.fail(FAILURES - 1)
    assert await shop.circuit() == (False, 0)
    shop.desk.provider.fail("error_after_accept")
    assert (await shop.send()).verdict == "sent"
    assert await shop.circuit() == (True, 1)
    assert (await shop.send()).verdict == "held"
    assert len(shop.desk.provider.accepted) == 1


async def test_an_answer_in_between_is_no_run(shop: Shop) -> None:
    await shop.fail(FAILURES - 1)
    assert (await shop.send()).verdict == "sent"
    await shop.fail(FAILURES - 1)
    assert await shop.circuit() == (False, 0)


async def test_a_message_that_alone_may_not_go_stops_no_other(shop: Shop) -> None:
    shop.desk.provider.refuse(*NOT_THERE)
    assert (await shop.send()).verdict == "held"
    assert (await shop.send()).verdict == "sent"


async def test_an_exit_ends_what_is_held(shop: Shop) -> None:
    await AccountCircuitStore(shop.desk.db).open("sms", MAIN, "away")
    order = shop.desk.order()
    assert (await shop.desk.send(order)).verdict == "held"
    await shop.desk.end()
    assert (await shop.desk.send(order)).verdict == "closed"
    assert (await shop.desk.row())["status"] == "suppressed"


async def test_a_success_closes_it_and_a_restart_forgets_nothing(shop: Shop) -> None:
    shop.desk.provider.refuse(*BAD_KEY)
    await shop.send()
    shop.restart()
    assert (await shop.again(2)).verdict == "held"
    await shop.fall_due()
    assert [(await shop.again(2)).verdict, (await shop.send()).verdict] == ["sent", "sent"]
    assert await shop.circuit() == (False, 0)
    assert len(shop.desk.provider.accepted) == 2


async def test_a_failed_probe_opens_it_for_longer(shop: Shop) -> None:
    for openings in (1, 2, 3):
        shop.desk.provider.refuse(*BAD_KEY)
        await shop.again(1)
        assert await shop.circuit() == (True, openings)
        left = await shop.desk.db.pool.fetchval("SELECT probe_at - clock_timestamp() FROM circuits")
        assert timedelta(0) <= open_for(openings) - left < timedelta(seconds=5)
        await shop.fall_due()


async def test_of_two_workers_one_tries(shop: Shop) -> None:
    await AccountCircuitStore(shop.desk.db).open("sms", MAIN, "away")
    await shop.fall_due()
    workers = [AccountCircuits(AccountCircuitStore(shop.desk.db), fresh=0) for _ in range(2)]
    standings = [await worker.standing("sms", MAIN) for worker in workers for _ in range(10)]
    taken = await asyncio.gather(*(worker.take_probe(it) for it in standings if it for worker in workers))
    assert sum(taken) == 1
    assert await workers[0].standing("sms", MAIN) is not None


async def test_the_others_wait_while_one_tries(db: Database) -> None:
    async with desk_at(db, call_timeout=15) as desk, asyncio.timeout(30):
        shop = Shop(desk)
        shop.restart()
        await AccountCircuitStore(db).open("sms", MAIN, "away")
        await shop.fall_due()
        desk.provider.fail("hang")
        trying = asyncio.create_task(shop.again(1))
        while not desk.provider.calls:
            await asyncio.sleep(0.01)
        others = [await shop.send() for _ in range(2)]
        assert ({it.verdict for it in others}, desk.provider.calls) == ({"held"}, 1)
        desk.provider.let_go()
        assert (await trying).verdict == "sent"
        assert (await shop.send()).verdict == "sent"


async def test_a_probe_that_may_not_go_out_is_left_to_another(shop: Shop) -> None:
    await AccountCircuitStore(shop.desk.db).open("sms", MAIN, "away")
    await shop.fall_due()
    await shop.desk.end()
    assert (await shop.again(1)).verdict == "closed"
    assert (await shop.send()).verdict == "sent"


def test_the_urgent_come_back_first_and_not_all_at_once() -> None:
    away = Standing("sms", MAIN, "away", timedelta(seconds=100), timedelta(seconds=20), is_probed=False)
    classes = ("transactional", "service", "promotional")
    firsts, lasts = ([away.stay_away(it, draw) for it in classes] for draw in (0.0, 1.0))
    assert firsts[0] == timedelta(seconds=20)
    assert firsts == sorted(firsts)
    assert all(last <= first for last, first in zip(lasts[:-1], firsts[1:], strict=True))
    assert lasts[2] - firsts[2] >= timedelta(minutes=1)


def test_it_stays_open_longer_each_time_up_to_a_limit() -> None:
    times = [open_for(number).total_seconds() for number in (1, 2, 3, 5, 6, 100)]
    assert times == [15, 30, 60, 240, 300, 300]


async def test_another_account_takes_its_place_at_once(shop: Shop, second: Provider) -> None:
    shop.desk.provider.refuse(*BAD_KEY)
    receipts = [await shop.send() for _ in range(2)]
    assert [it.verdict for it in receipts] == ["sent", "sent"]
    assert {it.sender for it in second.accepted} == {"+15005550009"}
    row = await shop.desk.row(LATER["service"])
    assert (row["account"], row["sender"], row["status"]) == ("fallback", "+15005550009", "sent")
    assert (len(shop.desk.provider.accepted), len(second.accepted)) == (0, 2)


async def test_nobody_waits_for_a_try_while_another_account_works(shop: Shop, second: Provider) -> None:
    await AccountCircuitStore(shop.desk.db).open("sms", MAIN, "away")
    await shop.fall_due()
    assert (await shop.send("receipt")).verdict == "sent"
    assert ((await shop.circuit())[0], shop.desk.provider.calls, len(second.accepted)) == (True, 0, 1)
    assert (await shop.send("hello")).verdict == "sent"
    assert ((await shop.circuit())[0], shop.desk.provider.calls) == (False, 1)


@pytest.mark.parametrize("others", ["none has come for long", "their account is away as well"])
async def test_what_is_urgent_tries_where_nothing_else_would(shop: Shop, second: Provider, others: str) -> None:
    store = AccountCircuitStore(shop.desk.db)
    await store.open("sms", MAIN, "away")
    await shop.fall_due(OVERDUE if others == "none has come for long" else timedelta())
    if others != "none has come for long":
        await store.open("sms", "fallback", "away")
    assert (await shop.send("receipt")).verdict == "sent"
    assert ((await shop.circuit())[0], shop.desk.provider.calls, second.calls) == (False, 1, 0)


@pytest.mark.parametrize(
    ("days", "attempts", "verdict", "minutes"),
    [(0, 0, "held", 5), (0.125, 0, "held", 45), (4, 22, "held", 60), (2.9, 50, "held", 60), (4, 23, "failed", None)],
)
async def test_what_our_set_up_does_not_let_out_is_tried_for_three_days(
    shop: Shop, days: float, attempts: int, verdict: str, minutes: int | None
) -> None:
    order = shop.desk.order(due_at=NOW - timedelta(days=days))
    shop.desk.provider.refuse(*NOT_THERE)
    await shop.desk.send(order)
    await shop.desk.db.pool.execute("UPDATE messages SET attempt = $1", attempts)
    shop.desk.provider.refuse(*NOT_THERE)
    receipt = await shop.desk.send(order)
    assert (receipt.verdict, receipt.reason) == (verdict, "twilio 21408: the account may not send to this region")
    wait = round((receipt.retry_at - NOW) / timedelta(minutes=1)) if receipt.retry_at else None
    assert wait == minutes


async def test_what_waits_comes_back_while_it_is_valid(shop: Shop) -> None:
    shop.desk.provider.refuse(*NOT_THERE)
    receipt = await shop.desk.send(shop.desk.order(valid_for=timedelta(minutes=2)))
    assert (receipt.verdict, receipt.retry_at) == ("held", NOW + timedelta(minutes=2))


async def test_what_one_account_took_is_looked_up_there_before_another_is_tried(shop: Shop, second: Provider) -> None:
    shop.desk.provider.fail("accept_then_drop")
    order = shop.desk.order()
    await AccountCircuitStore(shop.desk.db).open("sms", MAIN, "away")
    await shop.fall_due()
    assert (await shop.desk.send(order)).verdict == "sent"
    row = await shop.desk.row()
    assert (row["account"], row["provider_id"]) == (MAIN, shop.desk.provider.accepted[0].id)
    assert (await shop.circuit())[0]
    assert (shop.desk.provider.calls, second.calls, second.looks) == (1, 0, 0)


async def test_what_one_account_did_not_take_goes_by_another(shop: Shop, second: Provider) -> None:
    await shop.desk.die(shop.desk.order(), "worker.claimed")
    await AccountCircuitStore(shop.desk.db).open("sms", MAIN, "away")
    assert (await shop.desk.send(shop.desk.order(), first=2)).verdict == "sent"
    assert (shop.desk.provider.looks, second.looks) == (1, 0)
    assert (await shop.desk.row())["account"] == "fallback"
    assert (shop.desk.provider.calls, second.calls) == (0, 1)


async def test_an_account_that_is_gone_is_not_guessed_at(shop: Shop) -> None:
    await shop.desk.die(shop.desk.order(), "worker.called")
    await shop.desk.db.pool.execute("UPDATE messages SET account = 'old'")
    receipt = await shop.desk.send(shop.desk.order(), first=2)
    assert receipt.verdict == "held"
    assert "not configured any more" in (receipt.reason or "")
    assert len(shop.desk.provider.accepted) == 1


async def test_workers_say_which_accounts_there_are(db: Database) -> None:
    circuits = AccountCircuitStore(db)
    await circuits.register({("sms", MAIN): "twilio", ("sms", "fallback"): "other", ("email", MAIN): "sendgrid"})
    await circuits.open("sms", MAIN, "away")
    await circuits.register({("sms", MAIN): "twilio", ("email", MAIN): "sendgrid"})
    rows = await db.pool.fetch("SELECT channel, provider, opened_at IS NULL AS is_closed FROM circuits ORDER BY 1")
    assert [tuple(row) for row in rows] == [("email", "sendgrid", True), ("sms", "twilio", False)]
    await circuits.register({("sms", MAIN): "other"})
    assert await circuits.read() == []


async def test_a_closed_circuit_costs_one_read_a_second(db: Database) -> None:
    store, clock = AccountCircuitStore(db), [100.0]
    worker = AccountCircuits(store, clock=lambda: clock[0])
    assert await worker.standing("sms", MAIN) is None
    await store.open("sms", MAIN, "away")
    assert await worker.standing("sms", MAIN) is None
    clock[0] += 1
    found = await worker.standing("sms", MAIN)
    assert found is not None
    assert replace(found, since=timedelta(), left=timedelta()) == Standing(
        "sms", MAIN, "away", timedelta(), timedelta(), is_probed=False
    )
