"""Invariant 4: what is committed before the claim counts, whatever the workflow still believes."""

import asyncio
from typing import Any

import pytest

from language.delivery import Delivery, Fact
from tests.sending import NOW, Desk


@pytest.mark.parametrize("state", ["ending", "ended"])
async def test_nothing_goes_out_after_the_end(desk: Desk, state: str) -> None:
    await desk.db.pool.execute("UPDATE enrolments SET state = $1, outcome = 'bought'", state)
    receipt = await desk.send(desk.order())
    row = await desk.row()
    assert (receipt.verdict, desk.provider.calls) == ("closed", 0)
    assert (row["status"], row["reason"]) == ("suppressed", "the enrolment had ended: bought")


async def test_unseen_deliveries_come_back_instead_of_a_claim(desk: Desk) -> None:
    fact = Fact(name="Reservation Extended", properties={"days": 3}, at=NOW)
    delivery = Delivery(seq=2, kind="event", at=NOW, fact=fact)
    await desk.db.pool.execute("UPDATE enrolments SET last_seq = 2")
    await desk.db.pool.execute(
        "INSERT INTO deliveries (enrolment_id, seq, kind, payload) VALUES (1, 2, 'event', $1)",
        delivery.model_dump(mode="json"),
    )
    receipt = await desk.send(desk.order())
    assert (receipt.verdict, receipt.unseen, desk.provider.calls) == ("behind", (delivery,), 0)
    assert (await desk.send(desk.order(seen_seq=2))).verdict == "sent"


@pytest.mark.parametrize("column", ["paused_at = now()", "suspended_by = 7"])
async def test_a_paused_enrolment_claims_nothing_until_it_goes_on(desk: Desk, column: str) -> None:
    await desk.db.pool.execute(f"UPDATE enrolments SET {column}")
    assert (await desk.send(desk.order())).verdict == "paused"
    assert (await desk.row())["status"] == "held"
    await desk.db.pool.execute("UPDATE enrolments SET paused_at = NULL, suspended_by = NULL")
    assert (await desk.send(desk.order())).verdict == "sent"


async def test_another_run_claims_nothing_and_writes_nothing(desk: Desk) -> None:
    await desk.db.pool.execute("UPDATE enrolments SET run_id = 'another'")
    assert (await desk.send(desk.order())).verdict == "closed"
    assert await desk.row() is None


async def test_an_exit_that_holds_the_row_beats_the_claim_that_waits_for_it(desk: Desk) -> None:
    async with desk.db.pool.acquire() as ingest:
        transaction = ingest.transaction()
        await transaction.start()
        await ingest.execute("UPDATE enrolments SET state = 'ending', outcome = 'bought', last_seq = 2")
        sending = asyncio.create_task(desk.send(desk.order()))
        await asyncio.sleep(0.1)
        assert not sending.done()
        await transaction.commit()
    assert (await sending).verdict == "closed"
    assert desk.provider.calls == 0


async def test_a_word_of_consent_that_holds_the_customer_beats_the_claim(desk: Desk) -> None:
    async with desk.db.pool.acquire() as webhook:
        transaction = webhook.transaction()
        await transaction.start()
        await webhook.execute("SELECT FROM customers WHERE id = 1 FOR UPDATE")
        await opt_out(webhook, channel="sms")
        sending = asyncio.create_task(desk.send(desk.order()))
        await asyncio.sleep(0.1)
        await transaction.commit()
    assert (await sending).verdict == "suppressed"
    assert desk.provider.calls == 0


@pytest.mark.parametrize(
    ("channel", "topic", "message", "verdict"),
    [
        (None, None, "hello", "suppressed"),
        (None, None, "receipt", "suppressed"),
        ("sms", None, "hello", "suppressed"),
        ("sms", None, "receipt", "suppressed"),
        (None, "news", "hello", "suppressed"),
        ("sms", "news", "hello", "suppressed"),
        ("sms", "news", "receipt", "sent"),
        ("email", None, "hello", "sent"),
        (None, "offers", "hello", "sent"),
    ],
)
async def test_opting_out(desk: Desk, channel: str | None, topic: str | None, message: str, verdict: str) -> None:
    await opt_out(desk.db.pool, channel, topic)
    assert (await desk.send(desk.order(message=message))).verdict == verdict


async def test_the_newest_word_counts(desk: Desk) -> None:
    await opt_out(desk.db.pool, "sms")
    await opt_out(desk.db.pool, "sms", state="opted_in")
    assert (await desk.send(desk.order())).verdict == "sent"


async def test_opting_in_to_a_topic_does_not_lift_a_stop(desk: Desk) -> None:
    await opt_out(desk.db.pool, "sms")
    await opt_out(desk.db.pool, "sms", "news", state="opted_in")
    assert (await desk.send(desk.order())).verdict == "suppressed"


async def test_a_merged_customer_is_asked_under_the_new_id(desk: Desk) -> None:
    await desk.db.pool.execute(
        "INSERT INTO customers (id, traits, first_seen_at) OVERRIDING SYSTEM VALUE VALUES (2, $1, $2)",
        {"first_name": "Bo", "phone": "+15005550002"},
        NOW,
    )
    await desk.db.pool.execute("UPDATE customers SET merged_into = 2 WHERE id = 1")
    await desk.db.pool.execute("UPDATE enrolments SET customer_id = 2")
    assert (await desk.send(desk.order())).verdict == "sent"
    assert desk.provider.accepted[0].text == "Hello Bo"
    assert (await desk.row())["customer_id"] == 2


async def test_claims_under_concurrent_exits_agree_with_the_order_of_commits(desk: Desk) -> None:
    """Fifty enrolments end while they are being sent to: whoever was claimed was still active when it was."""
    for number in range(2, 52):
        await desk.enrol(number)

    async def end(number: int) -> None:
        await desk.db.pool.execute(
            "UPDATE enrolments SET state = 'ending', outcome = 'bought', last_seq = 2 WHERE id = $1", number
        )

    async def race(number: int) -> tuple[int, str]:
        sending = asyncio.create_task(desk.send(desk.order(enrolment_id=number)))
        await asyncio.sleep(number / 1000)
        await end(number)
        return number, (await sending).verdict

    verdicts = await asyncio.gather(*(race(number) for number in range(2, 52)))
    sent = {int(key.split("/")[0]) for key in desk.provider.count_by_key}
    assert sent == {number for number, verdict in verdicts if verdict == "sent"}
    assert {verdict for _, verdict in verdicts} <= {"sent", "closed"}


async def opt_out(
    connection: Any, channel: str | None = None, topic: str | None = None, *, state: str = "opted_out"
) -> None:
    await connection.execute(
        "INSERT INTO consents (customer_id, channel, topic, state, source, at) VALUES (1, $1, $2, $3, 'test', $4)",
        channel,
        topic,
        state,
        NOW,
    )
