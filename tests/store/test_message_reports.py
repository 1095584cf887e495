"""What becomes of messages reaches who sent them: once, in any order, and only those who listen."""

import asyncio
import itertools
import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from language.delivery import Fact
from language.message_event import REPORTS, Report, outranks
from language.port import LookUp
from store.database import Database
from store.facts import look_up
from store.ingest import Ingest
from store.message_reports import UntellableError, latest_message, report
from tests.store.ingesting import DAY, NOW, Clock, customer_of, deliveries, enrolments, publish_journey, track

HEARS_OPENS: list[dict[str, Any]] = [
    {"wait_for": [{"on": "Email Opened", "of": "send_offer"}, {"on": "SMS Delivered"}], "within": "30d"}
]
_numbers = itertools.count(1)


async def enrol(db: Database, ingest: Ingest, **definition: Any) -> int:
    """A customer in a journey; its only delivery is the start."""
    await publish_journey(db, journey="offer", start=[{"on": "Asked"}], **{"steps": HEARS_OPENS} | definition)
    await ingest.accept([track("Asked")])
    return int((await enrolments(db))[-1]["id"])


async def sent(db: Database, enrolment_id: int, channel: str = "email", **columns: Any) -> str:
    """The key of a message of the step `send_offer`, sent a minute ago."""
    row = {"step": "send_offer", "visit": 1, "message": "offer", "status": "sent", "sent_at": NOW} | columns
    key = f"{enrolment_id}/{row['step']}/{row['visit']}/{channel}"
    await db.pool.execute(
        "INSERT INTO messages (key, enrolment_id, customer_id, step, visit, channel, message, message_class, status,"
        " attempt, created_at, sent_at, provider_id)"
        " SELECT $1, $2, customer_id, $3, $4, $5, $6, 'service', $7, 1, $8, $9, $10 FROM enrolments WHERE id = $2",
        *(key, enrolment_id, row["step"], row["visit"], channel, row["message"], row["status"], NOW, row["sent_at"]),
        row.get("provider_id"),
    )
    return key


async def tell(db: Database, clock: Clock, of: str, what: Report, **more: Any) -> bool:
    return await report(db, clock, of, what, **{"event_id": f"e{next(_numbers)}"} | more)


async def message(db: Database, key: str) -> Any:
    return await db.pool.fetchrow("SELECT * FROM messages WHERE key = $1", key)


async def facts(db: Database, enrolment_id: int) -> list[dict[str, Any]]:
    """What was delivered after the start."""
    return [row["payload"]["fact"] for row in (await deliveries(db, enrolment_id))[1:]]


async def test_who_sent_it_hears_of_it(db: Database, ingest: Ingest, clock: Clock) -> None:
    enrolment = await enrol(db, ingest)
    key = await sent(db, enrolment)
    clock.advance(DAY)
    assert await tell(db, clock, key, "opened", details={"user_agent": "Mail"})
    [fact] = await facts(db, enrolment)
    about = {"step": "send_offer", "visit": "1", "channel": "email", "message": "offer"}
    assert (fact["name"], fact["about"], fact["is_activity"]) == ("Email Opened", about, True)
    assert fact["properties"] == {
        "user_agent": "Mail",
        "message": "offer",
        "step": "send_offer",
        "channel": "email",
    }
    assert (await message(db, key))["status"] == "opened"


async def test_what_nobody_listens_for_is_kept_and_not_delivered(db: Database, ingest: Ingest, clock: Clock) -> None:
    enrolment = await enrol(db, ingest)
    key, other = await sent(db, enrolment), await sent(db, enrolment, step="send_reminder")
    await tell(db, clock, key, "clicked")
    await tell(db, clock, other, "opened")  # the clause is about send_offer
    assert await facts(db, enrolment) == []
    assert [(await message(db, it))["status"] for it in (key, other)] == ["clicked", "opened"]
    assert await db.pool.fetchval("SELECT count(*) FROM message_events") == 2


async def test_other_enrolments_hear_nothing(db: Database, ingest: Ingest, clock: Clock) -> None:
    await publish_journey(db, journey="offer", start=[{"on": "Asked"}], key="event.flat", steps=HEARS_OPENS)
    await ingest.accept([track("Asked", properties={"flat": 1}), track("Asked", properties={"flat": 2})])
    one, two = await enrolments(db)
    await tell(db, clock, await sent(db, two["id"]), "opened")
    assert await facts(db, one["id"]) == []
    assert len(await facts(db, two["id"])) == 1


async def test_same_report_again_changes_nothing(db: Database, ingest: Ingest, clock: Clock) -> None:
    enrolment = await enrol(db, ingest)
    key = await sent(db, enrolment, provider_id="SM1")
    for of in (key, "SM1", key):
        assert await tell(db, clock, of, "opened", event_id="sg-7")
    assert len(await facts(db, enrolment)) == 1
    assert await db.pool.fetchval("SELECT count(*) FROM message_events") == 1


async def test_report_on_what_we_never_sent_is_harmless(db: Database, clock: Clock) -> None:
    assert not await tell(db, clock, "SM404", "delivered")
    assert await db.pool.fetchval("SELECT count(*) FROM message_events") == 0


async def test_report_that_a_channel_cannot_make_is_refused(db: Database, ingest: Ingest, clock: Clock) -> None:
    key = await sent(db, await enrol(db, ingest), "sms")
    with pytest.raises(UntellableError, match="by sms cannot be opened"):
        await tell(db, clock, key, "opened")
    assert await db.pool.fetchval("SELECT count(*) FROM message_events") == 0


async def test_statuses_never_go_back(db: Database, ingest: Ingest, clock: Clock) -> None:
    key = await sent(db, await enrol(db, ingest))
    clock.advance(DAY)
    for what in ("clicked", "opened", "delivered"):
        await tell(db, clock, key, what, at=NOW + timedelta(hours=1))
    row = await message(db, key)
    assert (row["status"], row["delivered_at"]) == ("clicked", NOW + timedelta(hours=1))


@pytest.mark.parametrize("status", ["claimed", "unknown"])
async def test_report_proves_that_a_message_in_doubt_went_out(
    db: Database, ingest: Ingest, clock: Clock, status: str
) -> None:
    enrolment = await enrol(db, ingest)
    key = await sent(db, enrolment, status=status, sent_at=None)
    await tell(db, clock, key, "opened", provider_id="sg1")
    row = await message(db, key)
    assert (row["status"], row["sent_at"], row["provider_id"]) == ("opened", NOW, "sg1")
    assert len(await facts(db, enrolment)) == 1


@pytest.mark.parametrize("status", ["held", "released", "suppressed", "undeliverable", "expired", "held_out"])
async def test_what_did_not_go_out_cannot_be_opened(db: Database, ingest: Ingest, clock: Clock, status: str) -> None:
    enrolment = await enrol(db, ingest)
    key = await sent(db, enrolment, status=status, sent_at=None)
    assert await tell(db, clock, key, "opened")
    assert (await message(db, key))["status"] == status
    assert await facts(db, enrolment) == []


async def test_bounce_says_why(db: Database, ingest: Ingest, clock: Clock) -> None:
    key = await sent(db, await enrol(db, ingest))
    await tell(db, clock, key, "bounced", details={"reason": "no such mailbox"})
    row = await message(db, key)
    assert (row["status"], row["reason"]) == ("bounced", "no such mailbox")


async def test_only_what_people_do_is_a_sign_of_life(db: Database, ingest: Ingest, clock: Clock) -> None:
    key = await sent(db, await enrol(db, ingest))
    clock.advance(DAY)
    await tell(db, clock, key, "delivered")
    assert (await customer_of(db, "user_id", "u1"))["last_seen_at"] == NOW
    await tell(db, clock, key, "opened", at=NOW + timedelta(hours=3))
    assert (await customer_of(db, "user_id", "u1"))["last_seen_at"] == NOW + timedelta(hours=3)


async def test_time_of_arrival_decides_and_the_time_it_happened_is_kept(
    db: Database, ingest: Ingest, clock: Clock
) -> None:
    enrolment = await enrol(db, ingest)
    key = await sent(db, enrolment)
    clock.advance(DAY)
    await tell(db, clock, key, "opened", at=NOW)
    await tell(db, clock, key, "opened", at=NOW + 9 * DAY)  # a clock that is ahead
    assert {datetime.fromisoformat(fact["at"]) for fact in await facts(db, enrolment)} == {NOW + DAY}
    rows = await db.pool.fetch("SELECT at, occurred_at FROM message_events ORDER BY id")
    assert [tuple(row) for row in rows] == [(NOW + DAY, NOW), (NOW + DAY, NOW + DAY)]


async def test_exit_by_a_report_ends_at_once(db: Database, ingest: Ingest, clock: Clock) -> None:
    exits = [{"on": "Email Marked As Spam", "outcome": "complained"}]
    enrolment = await enrol(db, ingest, exit=exits)
    await tell(db, clock, await sent(db, enrolment), "spam")
    [row] = await enrolments(db)
    assert (row["state"], row["outcome"], row["last_seq"]) == ("ending", "complained", 2)


async def test_ended_enrolment_hears_nothing_but_its_late_goal_counts(
    db: Database, ingest: Ingest, clock: Clock
) -> None:
    goal = {"on": "Email Clicked", "within": "10d"}
    enrolment = await enrol(db, ingest, goal=goal)
    key = await sent(db, enrolment)
    await db.pool.execute("UPDATE enrolments SET state = 'ended', outcome = 'expired', ended_at = $1", NOW)
    clock.advance(DAY)
    await tell(db, clock, key, "opened")
    await tell(db, clock, key, "clicked")
    [row] = await enrolments(db)
    assert (row["state"], row["outcome"], row["goal_at"], row["last_seq"]) == ("ended", "expired", NOW + DAY, 1)
    assert await facts(db, enrolment) == []


async def test_goal_outside_of_its_window_does_not_count(db: Database, ingest: Ingest, clock: Clock) -> None:
    enrolment = await enrol(db, ingest, goal={"on": "Email Clicked", "within": "10d"})
    clock.advance(11 * DAY)
    await tell(db, clock, await sent(db, enrolment), "clicked")
    assert (await enrolments(db))[0]["goal_at"] is None


async def test_hundred_reports_at_once_are_each_taken_once(db: Database, ingest: Ingest, clock: Clock) -> None:
    """Every report comes from several sides at once, in any order, while events of the customer come in too."""
    enrolment = await enrol(db, ingest, exit=[])
    key = await sent(db, enrolment)
    told: list[tuple[Report, str]] = [
        (what, f"sg-{number}") for number in range(10) for what in ("delivered", "opened", "clicked", "bounced")
    ]
    several = told * 3
    random.Random(7).shuffle(several)
    seen: list[str] = []

    async def look() -> None:
        while len(seen) < 300:
            seen.append((await message(db, key))["status"])
            await asyncio.sleep(0)

    await asyncio.gather(
        look(),
        *(tell(db, clock, key, what, event_id=f"{id}-{what}") for what, id in several),
        *(ingest.accept([track(f"E{number}")]) for number in range(10)),
    )
    steps = [now for before, now in itertools.pairwise(seen) if before != now]
    assert (await message(db, key))["status"] == "clicked"
    assert all(outranks(now, before) for before, now in itertools.pairwise(["sent", *steps]) if now in REPORTS)
    assert await db.pool.fetchval("SELECT count(*) FROM message_events") == len(told)
    heard = await facts(db, enrolment)
    assert [fact["name"] for fact in heard] == ["Email Opened"] * 10
    assert [row["seq"] for row in await deliveries(db, enrolment)] == list(range(1, 12))


async def test_report_follows_a_merged_customer(db: Database, ingest: Ingest, clock: Clock) -> None:
    enrolment = await enrol(db, ingest)
    key = await sent(db, enrolment)
    [other] = await db.pool.fetch("INSERT INTO customers (first_seen_at) VALUES ($1) RETURNING id", NOW)
    gone = await db.pool.fetchval("SELECT customer_id FROM enrolments")
    await db.pool.execute("UPDATE customers SET merged_into = $1 WHERE id = $2", other["id"], gone)
    clock.advance(DAY)
    assert await tell(db, clock, key, "opened")
    assert await db.pool.fetchval("SELECT last_seen_at FROM customers WHERE id = $1", other["id"]) == NOW + DAY
    assert len(await facts(db, enrolment)) == 1


async def test_latest_message_is_the_newest_that_this_can_be_told_of(db: Database, ingest: Ingest) -> None:
    enrolment = await enrol(db, ingest)
    email = await sent(db, enrolment, "email")
    sms = await sent(db, enrolment, "sms", sent_at=NOW + DAY)
    await sent(db, enrolment, "push", status="suppressed", sent_at=None)
    customer = await db.pool.fetchval("SELECT customer_id FROM enrolments")
    assert await latest_message(db, "offer") == sms
    assert await latest_message(db, "offer", customer, report="opened") == email
    assert await latest_message(db, "offer", via="email") == email
    assert await latest_message(db, "offer", report="opened", via="sms") is None
    assert await latest_message(db, "offer", customer + 1) is None
    assert await latest_message(db, "other") is None


async def test_what_was_told_can_be_looked_up_as_it_was_heard(db: Database, ingest: Ingest, clock: Clock) -> None:
    enrolment = await enrol(db, ingest)
    key = await sent(db, enrolment)
    for what in ("delivered", "opened"):
        clock.advance(DAY)
        await tell(db, clock, key, what)
    customer = await db.pool.fetchval("SELECT customer_id FROM enrolments")
    [heard] = await facts(db, enrolment)
    for name in ("Email Opened", "*"):
        question = LookUp(enrolment_id=enrolment, customer_id=customer, events=(name,), since=NOW)
        [known] = [Fact.model_validate(event) for event in (await look_up(db, question)).events]
        assert known == Fact.model_validate(heard)
    elsewhere = LookUp(enrolment_id=enrolment + 1, customer_id=customer, events=("Email Opened",), since=NOW)
    assert (await look_up(db, elsewhere)).events == ()
