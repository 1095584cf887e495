"""Locks are taken in one order everywhere; a deadlock that merging may still cause is retried inside the request."""

import asyncio
import random

from language.message_event import Report
from store.address_locks import share_address
from store.address_words import AddressWord, take_words
from store.database import Database
from store.ingest import Ingest
from store.message_reports import report, take_reports
from store.reporting import Told
from tests.store.ingesting import NOW, Clock, alias, identify, publish_journey, track


async def deadlocks(db: Database) -> int:
    """Deadlocks PostgreSQL has resolved in this database."""
    await db.pool.execute("SELECT pg_stat_force_next_flush()")
    await asyncio.sleep(1.1)  # backends report their counts at most once a second
    return int(await db.pool.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))


async def claim(db: Database, dice: random.Random) -> None:
    """As a send does: the customer's row, then the enrolment's, then the address, then a while of thinking."""
    async with db.pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow("SELECT id, customer_id FROM enrolments ORDER BY random() LIMIT 1")
        if row is not None:
            await connection.execute("SELECT 1 FROM customers WHERE id = $1 FOR UPDATE", row["customer_id"])
            await connection.execute("SELECT 1 FROM enrolments WHERE id = $1 FOR UPDATE", row["id"])
            await share_address(connection, "email", f"a{dice.randrange(3)}@example.com")
            await asyncio.sleep(dice.uniform(0, 0.005))
            await connection.execute("UPDATE enrolments SET seen_seq = last_seq WHERE id = $1", row["id"])


async def journeys(db: Database) -> None:
    for name in ("one", "two"):
        await publish_journey(
            db, journey=name, key="event.key", start={"on": "Begun"}, again="always", exit={"on": "Left"}
        )


async def test_ingest_and_claims_never_deadlock(db: Database) -> None:
    await journeys(db)
    dice = random.Random(6)
    ingests = [Ingest(db, Clock(NOW)) for _ in range(3)]

    async def send(ingest: Ingest) -> None:
        for _ in range(20):
            users = dice.sample(range(12), 8)
            await ingest.accept(
                [
                    track(dice.choice(["Begun", "Left"]), f"u{user}", {"key": dice.randrange(2)}, message_id=None)
                    for user in users
                ]
                + [identify(f"u{user}", {"email": f"{user}@example.com"}) for user in users]
            )

    async def send_out() -> None:
        for _ in range(60):
            await claim(db, dice)

    await asyncio.gather(*(send(ingest) for ingest in ingests), send_out(), send_out())
    assert await deadlocks(db) == 0
    assert await db.pool.fetchval("SELECT count(*) FROM events") == 3 * 20 * 16


async def test_with_merges_no_deadlock_gets_out(db: Database) -> None:
    await journeys(db)
    dice = random.Random(7)
    ingests = [Ingest(db, Clock(NOW)) for _ in range(4)]

    async def send(ingest: Ingest) -> None:
        for _ in range(20):
            n, other = dice.sample(range(10), 2)
            await ingest.accept(
                [
                    track("Begun", None, {"key": 1}, anonymous_id=f"a{other}"),
                    track("Begun", f"u{n}", {"key": 1}),
                    dice.choice([identify(f"u{n}", {"n": n}, anonymous_id=f"a{n}"), alias(f"u{n}", f"u{other}")]),
                    track("Left", f"u{other}", {"key": 1}),
                ]
            )

    async def send_out() -> None:
        for _ in range(40):
            await claim(db, dice)

    await asyncio.gather(*(send(ingest) for ingest in ingests), send_out())
    assert await db.pool.fetchval("SELECT count(*) FROM events") == 4 * 20 * 4


async def test_equal_new_customers_in_opposite_orders_do_not_deadlock(db: Database) -> None:
    ingests = [Ingest(db, Clock(NOW)) for _ in range(6)]
    for turn in range(5):
        users = [f"turn {turn} user {number}" for number in range(30)]
        orders = [random.Random(seed).sample(users, len(users)) for seed in range(6)]
        batches = [
            [track("A", user, message_id=f"{seed} {user}") for user in order] for seed, order in enumerate(orders)
        ]
        await asyncio.gather(*(ingest.accept(batch) for ingest, batch in zip(ingests, batches, strict=True)))
    assert await db.pool.fetchval("SELECT count(*) FROM customers") == 150
    assert await deadlocks(db) == 0


async def test_reports_of_messages_keep_the_order_too(db: Database) -> None:
    await journeys(db)
    dice = random.Random(8)
    clock = Clock(NOW)
    ingests = [Ingest(db, clock) for _ in range(2)]
    users = [f"u{number}" for number in range(6)]
    await ingests[0].accept([track("Begun", user, {"key": key}) for user in users for key in range(2)])
    await db.pool.execute(
        "INSERT INTO messages (key, enrolment_id, customer_id, step, visit, channel, message, message_class, status,"
        " attempt, created_at, sent_at) SELECT id || '/hi/1/email', id, customer_id, 'hi', 1, 'email', 'hi', 'service',"
        " 'sent', 1, $1, $1 FROM enrolments",
        NOW,
    )
    keys = [row["key"] for row in await db.pool.fetch("SELECT key FROM messages")]

    async def send(ingest: Ingest) -> None:
        for _ in range(20):
            some = dice.sample(users, 4)
            await ingest.accept([track(dice.choice(["Begun", "Left"]), user, {"key": 1}) for user in some])

    async def tell(number: int) -> None:
        for turn in range(40):
            what: Report = dice.choice(("delivered", "opened", "clicked"))
            await report(db, clock, dice.choice(keys), what, event_id=f"{number} {turn}")

    async def send_out() -> None:
        for _ in range(40):
            await claim(db, dice)

    await asyncio.gather(*(send(ingest) for ingest in ingests), *(tell(number) for number in range(3)), send_out())
    assert await deadlocks(db) == 0
    assert await db.pool.fetchval("SELECT count(*) FROM message_events") == 3 * 40


async def test_webhooks_keep_the_order_too(db: Database) -> None:
    """Batches of reports, and opt-outs of shared addresses, beside events and sends."""
    await journeys(db)
    dice = random.Random(9)
    clock = Clock(NOW)
    ingest = Ingest(db, clock)
    users = [f"u{number}" for number in range(8)]
    await ingest.accept([track("Begun", user, {"key": key}) for user in users for key in range(2)])
    await db.pool.execute(
        "INSERT INTO messages (key, enrolment_id, customer_id, step, visit, channel, message, message_class, status,"
        " attempt, created_at, sent_at, recipient) SELECT id || '/hi/1/email', id, customer_id, 'hi', 1, 'email', 'hi',"
        " 'service', 'sent', 1, $1, $1, 'a' || customer_id % 3 || '@example.com' FROM enrolments",
        NOW,
    )
    keys = [row["key"] for row in await db.pool.fetch("SELECT key FROM messages")]

    async def send() -> None:
        for _ in range(15):
            some = dice.sample(users, 4)
            await ingest.accept([track(dice.choice(["Begun", "Left"]), user, {"key": 1}) for user in some])

    async def tell(number: int) -> None:
        for turn in range(15):
            some = dice.sample(keys, 8)
            told = [Told(key, dice.choice(("delivered", "opened")), f"{number} {turn} {key}") for key in some]
            await take_reports(db, clock, told)

    async def opt_out(number: int) -> None:
        for turn in range(15):
            addresses = [f"a{n}@example.com" for n in dice.sample(range(3), 2)]
            said = [(f"{number % 2} {turn} {it}", it) for it in addresses]
            words = [AddressWord(id, "email", it, "sendgrid", "", dead="gone", consent="opted_out") for id, it in said]
            await take_words(db, clock, words)

    async def send_out() -> None:
        for _ in range(30):
            await claim(db, dice)

    await asyncio.gather(send(), *(tell(n) for n in range(3)), *(opt_out(n) for n in range(4)), send_out())
    assert await deadlocks(db) == 0
    assert await db.pool.fetchval("SELECT count(*) FROM message_events") == 3 * 15 * 8
