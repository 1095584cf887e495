"""The contact policy in the claiming transaction: exact however many claim at once, and kept with its reason."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from language.message_event import REPORTS
from language.policy import Policy
from language.port import Receipt, SendMessage
from language.sending import Claimed, Result
from store.policies import PolicyShelf, publish_policy
from tests.sending import NOW, Desk

DAY = timedelta(days=1)
NIGHT = NOW.replace(hour=23)
QUIET: dict[str, Any] = {"quiet_hours": {"from": "21:00", "to": "09:00"}}
WEEKLY: dict[str, Any] = {"caps": [{"name": "weekly", "limit": 3, "per": "7d", "class": "promotional"}]}
COSTS: dict[str, Any] = {"costs": {"sms": {"default": 0.06, "+1": 0.0083}, "email": 0.0006}}


def under(desk: Desk, **policy: Any) -> Desk:
    desk.policy = Policy.model_validate(policy)
    return desk


def order(desk: Desk, enrolment: int = 1, at: datetime = NOW, channel: str = "sms", **more: Any) -> SendMessage:
    return desk.order(channel, enrolment_id=enrolment, at=at, **{"due_at": at, "message": "offer", **more})


@pytest.fixture(autouse=True)
async def in_lisbon(desk: Desk) -> None:
    """Whose clocks show UTC in winter."""
    await desk.db.pool.execute("UPDATE customers SET time_zone = 'Europe/Lisbon'")


async def test_of_a_thousand_claims_at_once_a_cap_of_three_lets_three_pass(desk: Desk) -> None:
    under(desk, **WEEKLY)
    await desk.db.pool.execute(
        "INSERT INTO enrolments (id, customer_id, journey, version, key, state, started_at, run_id, last_seq)"
        " OVERRIDING SYSTEM VALUE"
        " SELECT n, 1, 'greeting', 1, n, 'active', $1, 'run', 1 FROM generate_series(2, 1000) AS n",
        NOW,
    )
    await asyncio.gather(*(desk.db.pool.execute("SELECT pg_sleep(0.1)") for _ in range(10)))  # opens all connections
    claims = await asyncio.gather(*(desk.claim(order(desk, number)) for number in range(1, 1001)))
    assert sum(isinstance(one, Claimed) for one in claims) == 3
    assert Counter(one.verdict for one in claims if isinstance(one, Receipt)) == {"suppressed": 997}
    rows = await desk.db.pool.fetch("SELECT status, count(*) AS count FROM messages GROUP BY status")
    assert {row["status"]: row["count"] for row in rows} == {"claimed": 3, "suppressed": 997}


async def test_two_channels_of_one_step_at_once_count_as_two(desk: Desk) -> None:
    under(desk, caps=[{"name": "one", "limit": 1, "per": "1d"}])
    claims = await asyncio.gather(*(desk.claim(order(desk, channel=channel)) for channel in ("sms", "email")))
    assert sum(isinstance(one, Claimed) for one in claims) == 1


async def test_what_did_not_go_out_does_not_count(desk: Desk) -> None:
    under(desk, **WEEKLY)
    statuses = ["suppressed", "undeliverable", "expired", "failed", "held", "released", "held_out", "sent", "bounced"]
    for number, status in enumerate(statuses, 2):
        await desk.enrol(number)
        await desk.claim(order(desk, number, at=NOW - DAY))
        await desk.db.pool.execute("UPDATE messages SET status = $1 WHERE enrolment_id = $2", status, number)
    assert isinstance(await desk.claim(order(desk)), Claimed)
    await desk.enrol(99)
    assert not isinstance(await desk.claim(order(desk, 99)), Claimed)


async def test_an_attempt_does_not_count_itself(desk: Desk) -> None:
    under(desk, caps=[{"name": "one", "limit": 1, "per": "7d"}])
    desk.provider.fail("drop")
    assert (await desk.send(order(desk))).verdict == "sent"
    assert len(desk.provider.accepted) == 1


async def test_what_those_got_who_were_merged_into_the_customer_counts(desk: Desk) -> None:
    under(desk, caps=[{"name": "one", "limit": 1, "per": "7d"}])
    await desk.claim(order(desk))
    await desk.db.pool.execute(
        "INSERT INTO customers (id, first_seen_at, merged_into) OVERRIDING SYSTEM VALUE VALUES (2, $1, 1)", NOW
    )
    await desk.db.pool.execute("UPDATE messages SET customer_id = 2")
    await desk.enrol(3)
    receipt = await desk.claim(order(desk, 3))
    assert isinstance(receipt, Receipt)
    assert receipt.verdict == "suppressed"


async def test_a_reached_cap_defers_to_the_very_moment_at_which_it_is_free(desk: Desk) -> None:
    under(desk, **WEEKLY)
    for number, days in ((2, 6), (3, 4), (4, 2)):
        await desk.enrol(number)
        await desk.claim(order(desk, number, at=NOW - days * DAY))
    held = await desk.send(order(desk, on_cap="defer"))
    reason = "3 promotional messages in 7 days, limit 3; next possible Monday 12:00"
    assert (held.verdict, held.retry_at, held.reason) == ("held", NOW + DAY, reason)
    row = await desk.row()
    assert (row["status"], row["reason"], row["attempt"]) == ("held", reason, 0)
    assert (await desk.send(order(desk, at=NOW + DAY, on_cap="defer"))).verdict == "sent"
    assert (await desk.row())["reason"] is None


async def test_quiet_hours_hold_and_the_gate_is_passed_anew_at_their_end(desk: Desk) -> None:
    under(desk, **QUIET)
    held = await desk.send(order(desk, at=NIGHT))
    assert held.verdict == "held"
    assert held.retry_at == NIGHT + timedelta(hours=10)
    assert (await desk.row())["reason"] == (
        "quiet hours, 21:00 to 09:00 in Europe/Lisbon, by the profile; next possible Monday 09:00"
    )
    await desk.db.pool.execute(
        "INSERT INTO consents (customer_id, topic, state, source, at) VALUES (1, 'offers', 'opted_out', 'page', $1)",
        NIGHT,
    )
    receipt = await desk.send(order(desk, at=held.retry_at, due_at=NIGHT))
    assert receipt.verdict == "suppressed"
    assert desk.provider.calls == 0


async def test_an_exit_while_held_is_the_end_of_it(desk: Desk) -> None:
    under(desk, **QUIET)
    held = await desk.send(order(desk, at=NIGHT))
    await desk.end()
    assert held.retry_at is not None
    assert (await desk.send(order(desk, at=held.retry_at))).verdict == "closed"
    assert (await desk.row())["status"] == "suppressed"
    assert desk.provider.calls == 0


async def test_a_hold_beyond_its_validity_expires_at_once(desk: Desk) -> None:
    under(desk, **QUIET)
    receipt = await desk.send(order(desk, at=NIGHT, valid_for=timedelta(hours=9)))
    assert receipt.verdict == "expired"
    assert (await desk.row())["status"] == "expired"


async def test_transactional_goes_at_night_and_past_every_cap(desk: Desk) -> None:
    under(desk, **QUIET, **WEEKLY, minimum_gap="4h")
    assert (await desk.send(order(desk, at=NIGHT, message="receipt", held_out=True))).verdict == "sent"


async def test_the_control_group_leaves_a_record(desk: Desk) -> None:
    receipt = await desk.send(order(desk, held_out=True))
    row = await desk.row()
    assert (receipt.verdict, row["status"]) == ("held_out", "held_out")
    assert "control group" in row["reason"]
    assert (await desk.send(order(desk))).verdict == "held_out"
    assert desk.provider.calls == 0


async def test_the_cost_is_kept_of_what_went_out_and_of_nothing_else(desk: Desk) -> None:
    under(desk, **COSTS)
    results = [Result("sent"), Result("sent", segments=2), Result("unknown"), Result("failed"), Result("released")]
    costs = []
    for number, result in enumerate(results, 2):
        await desk.enrol(number)
        await desk.claim(send := order(desk, number))
        await desk.ledger.record(send, 1, result, now=NOW)
        costs.append((await desk.row(send.key))["cost"])
    assert costs == [Decimal("0.0083"), Decimal("0.0166"), Decimal("0.0083"), None, None]
    await desk.send(order(desk, held_out=True))
    assert (await desk.row())["cost"] is None


@pytest.mark.parametrize("status", sorted({*REPORTS} - {"failed"}))
async def test_what_is_told_of_a_message_later_does_not_undo_that_it_was_sent(desk: Desk, status: str) -> None:
    await desk.send(order(desk))
    await desk.db.pool.execute("UPDATE messages SET status = $1", status)
    assert (await desk.send(order(desk))).verdict == "sent"
    assert desk.provider.calls == 1


async def test_the_newest_published_policy_holds_within_seconds(desk: Desk) -> None:
    seconds = 0.0
    shelf = PolicyShelf(desk.db, fresh=5, clock=lambda: seconds)
    policy = Policy.model_validate({**WEEKLY, **COSTS, **QUIET, "minimum_gap": "4h"})
    assert await shelf.policy() == Policy()
    assert not await publish_policy(desk.db, Policy(), at=NOW)
    assert await publish_policy(desk.db, policy, at=NOW)
    assert not await publish_policy(desk.db, policy, at=NOW)
    assert await shelf.policy() == Policy()
    seconds = 5.0
    assert await shelf.policy() == policy
    assert await publish_policy(desk.db, Policy(), at=NOW)
    seconds = 10.0
    assert await shelf.policy() == Policy()
