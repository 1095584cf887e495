"""The deliveries of an enrolment are numbered without gaps, in the order of commits (the ingest's part)."""

import asyncio
import random
from collections import defaultdict
from datetime import UTC, datetime

from language.delivery import Delivery
from store.database import Database
from store.ingest import Ingest
from tests.store.ingesting import NOW, Clock, alias, enrolments, identify, publish_journey, track


async def test_many_senders_leave_no_gap_and_no_double_and_keep_their_order(db: Database) -> None:
    await publish_order_journey(db)
    ingests = [Ingest(db, lambda: datetime.now(UTC)) for _ in range(4)]
    dice = random.Random(3)
    users = [f"u{number}" for number in range(6)]
    await ingests[0].accept([track("Begun", user) for user in users])

    async def send(sender: int, ingest: Ingest) -> None:
        for number in range(30):
            batch = [track("Moved", user, {"by": sender, "n": number}) for user in dice.sample(users, 4)]
            await ingest.accept(batch)

    await asyncio.gather(*(send(number, ingest) for number, ingest in enumerate(ingests)))
    for row in await enrolments(db):
        found = await read(db, row["id"])
        assert [it.seq for it in found] == list(range(1, row["last_seq"] + 1))
        assert [it.at for it in found] == sorted(it.at for it in found)
        by_sender: dict[int, list[int]] = defaultdict(list)
        for it in found[1:]:
            assert it.fact is not None
            by_sender[it.fact.properties["by"]].append(it.fact.properties["n"])
        assert all(numbers == sorted(numbers) for numbers in by_sender.values())
    assert sum(row["last_seq"] for row in await enrolments(db)) == 6 + 4 * 30 * 4


async def test_starts_and_ends_at_once_leave_one_open_at_most(db: Database) -> None:
    """`again: after_exit`, with starts and exits of one customer from all sides."""
    await publish_order_journey(db)
    ingests = [Ingest(db, Clock(NOW)) for _ in range(4)]
    dice = random.Random(4)

    async def send(ingest: Ingest) -> None:
        for _ in range(40):
            await ingest.accept([track(dice.choice(["Begun", "Moved", "Left"]), dice.choice(["u1", "u2"]))])

    await asyncio.gather(*(send(ingest) for ingest in ingests))
    rows = await enrolments(db)
    assert len(rows) > 4
    for row in rows:
        kinds = [it.kind for it in await read(db, row["id"])]
        assert kinds[0] == "start"
        assert set(kinds[1:-1]) <= {"event"}
        assert (kinds[-1] == "end") == (row["state"] == "ending")
    starts = await db.pool.fetchval("SELECT count(*) FROM events WHERE name = 'Begun'")
    refused = await db.pool.fetchval("SELECT count(*) FROM verdicts")
    assert len(rows) + refused == starts


async def test_two_equal_starts_at_once_are_one_enrolment(db: Database) -> None:
    await publish_journey(db, journey="welcome", start={"on": "Begun"})
    ingests = [Ingest(db, Clock(NOW)) for _ in range(8)]
    await asyncio.gather(*(ingest.accept([track("Begun", "somebody new")]) for ingest in ingests))
    assert len(await enrolments(db)) == 1
    assert await db.pool.fetchval("SELECT count(*) FROM customers") == 1
    assert await db.pool.fetchval("SELECT count(*) FROM verdicts") == 7


async def test_merges_meanwhile_lose_nothing(db: Database) -> None:
    """Visitors become known, and users one, while events of all of them come in."""
    await publish_order_journey(db)
    ingests = [Ingest(db, Clock(NOW)) for _ in range(4)]
    dice = random.Random(5)

    async def send(ingest: Ingest) -> None:
        for _ in range(25):
            n = dice.randrange(8)
            event = dice.choice(
                [
                    track("Begun", None, anonymous_id=f"a{n}"),
                    track("Moved", f"u{n}"),
                    identify(f"u{n}", {"n": n}, anonymous_id=f"a{n}"),
                    alias(f"u{n}", f"u{n - n % 2}"),
                ]
            )
            await ingest.accept([event, track("Begun", f"u{n}")])

    await asyncio.gather(*(send(ingest) for ingest in ingests))
    assert await db.pool.fetchval("SELECT count(*) FROM events") == 4 * 25 * 2
    for table in ("events", "enrolments", "identifiers", "verdicts"):
        gone = f"SELECT count(*) FROM {table} JOIN customers c ON c.id = customer_id WHERE merged_into IS NOT NULL"
        assert await db.pool.fetchval(gone) == 0, table
    for row in await enrolments(db):
        assert [it.seq for it in await read(db, row["id"])] == list(range(1, row["last_seq"] + 1))
    open_ones = "SELECT count(*) - count(DISTINCT customer_id) FROM enrolments WHERE state = 'active'"
    assert await db.pool.fetchval(open_ones) == 0


async def publish_order_journey(db: Database) -> None:
    await publish_journey(
        db,
        journey="order",
        start={"on": "Begun"},
        again="after_exit",
        exit={"on": "Left"},
        steps=[{"wait_for": [{"on": "Moved"}], "within": "5d"}],
    )


async def read(db: Database, enrolment_id: int) -> list[Delivery]:
    rows = await db.pool.fetch("SELECT payload FROM deliveries WHERE enrolment_id = $1 ORDER BY seq", enrolment_id)
    return [Delivery.model_validate(row["payload"]) for row in rows]
