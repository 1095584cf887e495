"""Budgets are exact however many claim at once: a counter always says what its messages cost, and never too much."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from language.policy import Policy
from language.port import Receipt, SendMessage
from language.sending import Claimed, Result
from language.spending import Filling
from store.ledger import MessageLedger
from tests.sending import NOW, Desk

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
MANY = 120
COSTS = {"sms": 0.05, "email": 0.01}
DAILY = {"name": "sms_a_day", "channel": "sms", "per": "day", "limit": 1}
CHARGED = """
SELECT taken.key AS budget, taken.value AS period, sum(cost) AS cost
FROM messages, jsonb_each_text(charged) taken WHERE cost IS NOT NULL GROUP BY 1, 2 HAVING sum(cost) <> 0
"""


def under(desk: Desk, *budgets: dict[str, Any], **more: Any) -> Desk:
    desk.policy = Policy.model_validate({"costs": COSTS, "budgets": budgets, **more})
    return desk


def order(desk: Desk, number: int = 1, **more: Any) -> SendMessage:
    """Of a customer of their own, so that nothing but the budget makes claims wait for one another."""
    at = more.get("at", NOW)
    channel = more.pop("channel", "sms")
    wanted = {"customer_id": number, "message": "hello", "due_at": at, **more}
    return desk.order(channel, enrolment_id=number, **wanted)


async def spent(desk: Desk) -> dict[tuple[str, str], Decimal]:
    rows = await desk.db.pool.fetch("SELECT budget, period, spent FROM spending WHERE spent <> 0")
    return {(row["budget"], row["period"]): row["spent"] for row in rows}


async def charged(desk: Desk) -> dict[tuple[str, str], Decimal]:
    return {(row["budget"], row["period"]): row["cost"] for row in await desk.db.pool.fetch(CHARGED)}


async def test_as_many_go_out_at_once_as_are_paid_for(desk: Desk) -> None:
    under(desk, DAILY)
    await desk.people(MANY)
    told: list[Filling] = []
    ledger = MessageLedger(desk.db, watch=told.append)
    claims = await asyncio.gather(*(desk.claim(order(desk, number), ledger) for number in range(1, MANY + 1)))
    held = [one for one in claims if isinstance(one, Receipt)]
    assert (len(claims) - len(held), await spent(desk)) == (20, {("sms_a_day", "2026-03-01"): Decimal("1.00")})
    reason = "the budget sms_a_day of 1 USD is used up; next possible Monday 00:00"
    assert {(one.verdict, one.reason, one.retry_at) for one in held} == {("held", reason, MIDNIGHT)}
    assert [one.crossed for one in told if one.crossed] == ["nearly", "used_up"]
    assert await desk.db.pool.fetchval("SELECT count(*) FROM messages WHERE status = 'claimed'") == 20


async def test_a_counter_says_what_its_messages_cost_whatever_became_of_them(desk: Desk) -> None:
    monthly = {"name": "all_a_month", "per": "month", "limit": 1.5}
    under(desk, DAILY, monthly)
    await desk.people(60)
    chance = random.Random(4)
    results = [Result("sent"), Result("sent", segments=2), Result("unknown"), Result("failed"), Result("released")]

    async def live(number: int) -> None:
        send = order(desk, number, channel=chance.choice(["sms", "email"]))
        for attempt in range(1, 4):
            claimed = await desk.claim(send, not_accepted=attempt - 1)
            result = chance.choice([*results, None])
            if isinstance(claimed, Claimed) and result is not None:
                await desk.ledger.record(send, claimed.attempt, result, now=NOW)

    await asyncio.gather(*(live(number) for number in range(1, 61)))
    found = await spent(desk)
    assert found == await charged(desk)
    assert found[("all_a_month", "2026-03")] > Decimal("0.5")


async def test_an_attempt_known_not_to_have_gone_out_gives_back_what_it_took(desk: Desk) -> None:
    under(desk, {**DAILY, "limit": 0.05})
    send = order(desk)
    assert isinstance(await desk.claim(send), Claimed)
    await desk.db.pool.execute("UPDATE messages SET call_until = clock_timestamp() - interval '1 hour'")
    assert isinstance(await desk.claim(send, not_accepted=1), Claimed)
    assert await spent(desk) == {("sms_a_day", "2026-03-01"): Decimal("0.05")}
    await desk.end()
    await desk.claim(send, not_accepted=2)
    assert await spent(desk) == await charged(desk) == {}


async def test_what_a_used_up_budget_means_for_each_message(desk: Desk) -> None:
    under(desk, {**DAILY, "limit": 0.05})
    await desk.people(8)
    assert isinstance(await desk.claim(order(desk, 1)), Claimed)
    verdicts = []
    told: list[dict[str, Any]] = [{}, {"valid_for": timedelta(hours=3)}, {"on_cap": "next_channel"}]
    for number, more in enumerate(told, 2):
        receipt = await desk.claim(order(desk, number, **more))
        assert isinstance(receipt, Receipt)
        verdicts.append(receipt.verdict)
    assert verdicts == ["held", "expired", "suppressed"]
    assert isinstance(await desk.claim(order(desk, 5, message="receipt")), Claimed), "transactional messages pass"
    assert await spent(desk) == {("sms_a_day", "2026-03-01"): Decimal("0.10")}, "and count"
    assert isinstance(await desk.claim(order(desk, 6, channel="email")), Claimed), "another channel is not meant"
    assert isinstance(await desk.claim(order(desk, 2, at=MIDNIGHT)), Claimed), "a new day has its own"
    under(desk, {**DAILY, "limit": 0.05, "on_reached": "drop"})
    dropped = await desk.claim(order(desk, 7))
    assert isinstance(dropped, Receipt)
    assert dropped.verdict == "suppressed"


async def test_the_control_group_of_all_journeys_is_drawn_once_and_kept(desk: Desk) -> None:
    await desk.people(60)
    under(desk, control=50)
    first = [await desk.claim(order(desk, number)) for number in range(1, 61)]
    held_out = {number for number, one in enumerate(first, 1) if isinstance(one, Receipt)}
    assert 15 <= len(held_out) <= 45
    arms = await desk.db.pool.fetch("SELECT customer_id, arm FROM arms WHERE experiment = 'control/*'")
    assert {row["customer_id"] for row in arms if row["arm"] == "held_out"} == held_out
    marked = await desk.db.pool.fetch("SELECT customer_id FROM enrolments WHERE arm = 'held_out'")
    assert {row["customer_id"] for row in marked} == held_out
    under(desk, control=1)
    again = await asyncio.gather(*(desk.claim(order(desk, number, channel="email")) for number in range(1, 61)))
    assert {number for number, one in enumerate(again, 1) if isinstance(one, Receipt)} == held_out
    one = min(held_out)
    assert isinstance(await desk.claim(order(desk, one, channel="whatsapp", message="receipt")), Claimed)
    under(desk)
    assert isinstance(await desk.claim(order(desk, one, channel="voice")), Claimed), "without `control`, nobody is"
