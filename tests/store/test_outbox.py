import asyncio
from datetime import timedelta

import pytest

from store.database import Database
from store.outbox import PAGE_ROWS, WINDOW, Outbox, Waiting
from store.progress import write_progress
from tests.rows import add_customer, add_enrolment, deliver, progress

SOON = timedelta(milliseconds=50)


@pytest.fixture
async def enrolment_id(db: Database) -> int:
    return await add_enrolment(db, await add_customer(db))


def seqs(waiting: Waiting) -> list[int]:
    return [delivery.seq for delivery in waiting.deliveries()]


async def test_a_lease_brings_all_that_waits_oldest_first(db: Database, enrolment_id: int) -> None:
    for _ in range(3):
        await deliver(db, enrolment_id)
    [waiting] = await Outbox(db).lease(10)
    assert seqs(waiting) == [1, 2, 3, 4]
    assert waiting.deliveries()[0].kind == "start"
    assert (waiting.journey, waiting.version, waiting.start) == ("reservation", 1, {"flat": 7})


async def test_a_leased_enrolment_is_nobody_elses_whatever_comes_in(db: Database, enrolment_id: int) -> None:
    outbox, other = Outbox(db), Outbox(db)
    [mine] = await outbox.lease(10)
    await deliver(db, enrolment_id)
    assert await other.lease(10) == []
    assert await outbox.mark_relayed([mine]), "more came meanwhile"
    [rest] = await other.lease(10)
    assert seqs(rest) == [2]
    assert not await other.mark_relayed([rest])
    assert await outbox.lease(10) == []


async def test_a_stale_lease_is_taken_over_from_the_oldest_on(db: Database, enrolment_id: int) -> None:
    await Outbox(db, lease=SOON).lease(10)
    await deliver(db, enrolment_id)
    await asyncio.sleep(0.1)
    [waiting] = await Outbox(db).lease(10)
    assert seqs(waiting) == [1, 2]


async def test_a_lease_given_back_can_be_taken_at_once_or_after_its_delay(db: Database, enrolment_id: int) -> None:
    outbox = Outbox(db)
    await outbox.defer(await outbox.lease(10))
    leased = await outbox.lease(10)
    assert len(leased) == 1
    await outbox.defer(leased, timedelta(seconds=0.2))
    assert await outbox.lease(10) == []
    await asyncio.sleep(0.25)
    assert len(await outbox.lease(10)) == 1


async def test_pages_follow_each_other_by_enrolment(db: Database) -> None:
    ids = [await add_enrolment(db, await add_customer(db)) for _ in range(5)]
    outbox = Outbox(db)
    first = await outbox.lease(2)
    second = await outbox.lease(2, after=first[-1].enrolment_id)
    assert [one.enrolment_id for one in first + second] == ids[:4]
    assert [one.enrolment_id for one in await outbox.lease(9)] == ids[4:]


async def test_one_signal_is_bounded_in_rows_and_bytes(db: Database, enrolment_id: int) -> None:
    outbox = Outbox(db)
    for _ in range(3):
        await deliver(db, enrolment_id, text="x" * 400_000)
    [waiting] = await outbox.lease(10)
    assert seqs(waiting) == [1, 2]
    await outbox.mark_relayed([waiting])
    [waiting] = await outbox.lease(10)
    assert seqs(waiting) == [3], "one that is too large still goes alone"
    await outbox.mark_relayed([waiting])
    await outbox.mark_relayed(await outbox.lease(10))
    await many(db, enrolment_id, PAGE_ROWS + 1)
    [waiting] = await outbox.lease(10)
    assert len(waiting.payloads) == PAGE_ROWS


async def test_a_run_that_acknowledges_nothing_is_not_buried(db: Database, enrolment_id: int) -> None:
    outbox = Outbox(db)
    await db.pool.execute("UPDATE enrolments SET last_seq = $1", WINDOW + 9)
    await write_progress(db.pool, progress(enrolment_id, seen_seq=4))
    await db.pool.execute("DELETE FROM deliveries")
    await many(db, enrolment_id, WINDOW + 5)
    sent = [await take_all(outbox, enrolment_id), await take_all(outbox, enrolment_id)]
    assert sent == [WINDOW, 0]
    await write_progress(db.pool, progress(enrolment_id, seen_seq=10))
    assert await take_all(outbox, enrolment_id) == 5


async def take_all(outbox: Outbox, enrolment_id: int) -> int:
    taken = 0
    while leased := await outbox.lease(10):
        await outbox.mark_relayed(leased)
        taken += len(leased[0].payloads)
    return taken


async def many(db: Database, enrolment_id: int, number: int) -> None:
    query = """INSERT INTO deliveries (enrolment_id, seq, kind, payload)
        SELECT $1, seq, 'event', jsonb_build_object('seq', seq, 'kind', 'event', 'at', now())
        FROM generate_series(5, 4 + $2) AS seq"""
    await db.pool.execute(query, enrolment_id, number)


async def test_many_relays_never_hold_the_same_enrolment(db: Database) -> None:
    ids = [await add_enrolment(db, await add_customer(db)) for _ in range(40)]
    held: set[int] = set()
    sent: dict[int, list[int]] = {enrolment_id: [] for enrolment_id in ids}

    async def relay() -> None:
        outbox = Outbox(db)
        while sum(map(len, sent.values())) < 40 * 4:
            leased = await outbox.lease(7)
            mine = {one.enrolment_id for one in leased}
            assert not mine & held
            held.update(mine)
            await asyncio.sleep(0.002)
            for one in leased:
                sent[one.enrolment_id] += seqs(one)
            held.difference_update(mine)
            await outbox.mark_relayed(leased)

    async def ingest() -> None:
        for _ in range(3):
            await asyncio.gather(*(deliver(db, enrolment_id) for enrolment_id in ids))

    async with asyncio.timeout(30):
        await asyncio.gather(ingest(), *(relay() for _ in range(4)))
    assert {tuple(one) for one in sent.values()} == {(1, 2, 3, 4)}


async def test_what_a_rival_just_looks_at_is_marked_all_the_same(db: Database, enrolment_id: int) -> None:
    """A relay that wanted the same enrolment holds its row until its own statement has ended."""
    outbox = Outbox(db)
    leased = await outbox.lease(1)
    async with db.pool.acquire() as rival, rival.transaction():
        await rival.execute("SELECT FROM deliveries WHERE enrolment_id = $1 FOR UPDATE", enrolment_id)
        marking = asyncio.create_task(outbox.mark_relayed(leased))
        await asyncio.sleep(0.05)
    assert not await marking
    assert await outbox.waiting() == 0


async def test_a_delivery_goes_when_it_is_relayed_and_acknowledged(db: Database, enrolment_id: int) -> None:
    outbox = Outbox(db)
    await deliver(db, enrolment_id)
    await write_progress(db.pool, progress(enrolment_id, seen_seq=2))
    assert await outbox.purge(older_than=timedelta(0)) == 0, "not relayed yet"
    await outbox.mark_relayed(await outbox.lease(10))
    await deliver(db, enrolment_id)
    await outbox.mark_relayed(await outbox.lease(10))
    assert await outbox.purge() == 0, "a run may still have to ask again"
    assert await outbox.purge(older_than=timedelta(0)) == 2
    assert await db.pool.fetchval("SELECT array_agg(seq) FROM deliveries") == [3], "not acknowledged"
