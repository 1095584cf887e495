from datetime import timedelta
from typing import Any

import asyncpg

from store.database import Database, set_codecs
from store.ingest import Ingest
from store.ingest_event import Reject
from tests.store.ingesting import DAY, NOW, Clock, customer_of, identify, publish_journey, track


async def test_an_event_is_stored_with_its_customer(db: Database, ingest: Ingest) -> None:
    accepted = await ingest.accept([track("Order Completed", properties={"order": 1})])
    row = await db.pool.fetchrow("SELECT * FROM events")
    assert row is not None
    assert len(accepted.stored) == 1
    assert (row["name"], row["kind"], row["properties"]) == ("Order Completed", "track", {"order": 1})
    assert row["customer_id"] == (await customer_of(db, "user_id", "u1"))["id"]
    assert row["received_at"] == row["occurred_at"] == NOW


async def test_an_event_sent_again_is_not_stored_again(db: Database, ingest: Ingest) -> None:
    batch = [track("A", message_id="1"), track("A", message_id="1"), identify(traits={"n": 1}, message_id="2")]
    first = await ingest.accept(batch)
    await db.pool.execute("UPDATE customers SET traits = '{}'")
    again = await ingest.accept(batch)
    assert (len(first.stored), first.repeated) == (2, 1)
    assert (len(again.stored), again.repeated) == (0, 3)
    assert await db.pool.fetchval("SELECT count(*) FROM events") == 2
    assert (await customer_of(db, "user_id", "u1"))["traits"] == {}


async def test_events_of_one_transaction_keep_their_order(db: Database, ingest: Ingest) -> None:
    await ingest.accept([track(f"E{number}") for number in range(50)])
    rows = await db.pool.fetch("SELECT name FROM events ORDER BY received_at")
    assert [row["name"] for row in rows] == [f"E{number}" for number in range(50)]
    assert await db.pool.fetchval("SELECT count(DISTINCT received_at) FROM events") == 50


async def test_traits_are_merged_name_by_name_and_null_is_kept(db: Database, ingest: Ingest) -> None:
    await ingest.accept([identify(traits={"plan": "free", "city": "Köln"})])
    await ingest.accept([identify(traits={"plan": "pro"}), identify(traits={"city": None})])
    assert (await customer_of(db, "user_id", "u1"))["traits"] == {"plan": "pro", "city": None}


async def test_time_zone_and_locale_are_the_latest_told(db: Database, ingest: Ingest) -> None:
    await ingest.accept([identify(time_zone="Europe/Berlin", locale="de-DE")])
    await ingest.accept([track("A", time_zone="America/Sao_Paulo"), track("B")])
    row = await customer_of(db, "user_id", "u1")
    assert (row["time_zone"], row["locale"]) == ("America/Sao_Paulo", "de-DE")


async def test_only_activity_counts_as_seen_and_never_goes_back(db: Database, ingest: Ingest, clock: Clock) -> None:
    await ingest.accept([track("A", occurred_at=NOW - DAY)])
    await ingest.accept([track("Earlier", occurred_at=NOW - 2 * DAY)])
    clock.advance(DAY)
    await ingest.accept([identify(traits={"n": 1})])
    row = await customer_of(db, "user_id", "u1")
    assert (row["first_seen_at"], row["last_seen_at"]) == (NOW, NOW - DAY)


async def test_nothing_occurs_in_the_future(db: Database, ingest: Ingest) -> None:
    await ingest.accept([track("A", occurred_at=NOW + timedelta(hours=1))])
    assert await db.pool.fetchval("SELECT occurred_at FROM events") == NOW


async def test_in_demo_time_an_event_occurs_when_it_is_received(db: Database, clock: Clock) -> None:
    await Ingest(db, clock, in_demo_time=True).accept([track("A", occurred_at=NOW - 300 * DAY)])
    assert await db.pool.fetchval("SELECT occurred_at FROM events") == NOW


async def test_rejects_are_kept_once_and_counted(db: Database, ingest: Ingest, clock: Clock) -> None:
    reject = Reject("backend", "it has no type", '{"userId": 1}')
    await ingest.accept([track("A")], [reject, reject, Reject("backend", "other", "[]")])
    clock.advance(DAY)
    await ingest.accept([], [reject])
    rows = await db.pool.fetch("SELECT times, reason, body, last_at FROM quarantine ORDER BY reason")
    assert [tuple(row) for row in rows] == [
        (3, "it has no type", '{"userId": 1}', NOW + DAY),
        (1, "other", "[]", NOW),
    ]


async def test_wakes_only_when_there_is_something_to_relay(db: Database, clock: Clock) -> None:
    calls: list[str] = []
    ingest = Ingest(db, clock, wake=lambda: calls.append("wake"), committed=lambda: calls.append("committed"))
    await ingest.accept([track("A")])
    assert calls == ["committed"]


async def test_a_hundred_events_cost_a_handful_of_statements(db: Database, clock: Clock) -> None:
    """Whoever they concern: known and unknown customers, some of whom start, hear and leave a journey."""
    await publish_journey(db, journey="welcome", start={"on": "Begun"}, exit={"on": "Left"}, again="after_exit")
    statements: list[str] = []

    async def listen(connection: Any) -> None:
        await set_codecs(connection)
        connection.add_query_logger(lambda query: statements.append(query.query))

    async with asyncpg.create_pool(db.url, min_size=1, max_size=1, init=listen) as pool:
        ingest = Ingest(Database(db.url, pool), clock)
        names = ["Begun", "Left", "Begun", "Other"]
        await ingest.accept([track(names[n % 4], f"u{n % 20}") for n in range(100)])
        statements.clear()
        known_and_new = [track(names[n % 4], f"u{n % 40}") for n in range(90)]
        await ingest.accept(known_and_new + [identify(f"u{n}", {"n": n}) for n in range(10)])
    assert 5 < len(statements) <= 16, statements
