import asyncio
import random

from store.coupons import Coupons, Loaded, PoolRecord, count_pools, load_codes
from store.database import Database
from tests.deeds import add_enrolments, take_coupon
from tests.rows import add_customer, deliver

POOL = "bonus30"


async def fill(db: Database, count: int) -> None:
    await load_codes(db, POOL, (f"CODE-{number:05}" for number in range(count)))


async def test_same_code_never_goes_to_two_of_200_takers_at_once(database_url: str) -> None:
    db = await Database.open(database_url, pool_size=40)
    people = await add_enrolments(db, 200)
    await fill(db, 150)
    answers = await asyncio.gather(*(Coupons(db).take(take_coupon(*one)) for one in people))
    codes = [answer.result["code"] for answer in answers if answer.verdict == "done"]
    assert len(codes) == len(set(codes)) == 150
    assert [answer.reason for answer in answers if answer.verdict == "refused"] == ["the pool bonus30 is empty"] * 50
    assert await count_pools(db) == [PoolRecord(POOL, left=0, taken=150)]
    await db.close()


async def test_taker_who_dies_at_any_moment_gets_one_code_when_it_tries_again(database_url: str) -> None:
    """Cut off before, during and after the commit, and with two attempts at once."""
    db = await Database.open(database_url, pool_size=20)
    people = await add_enrolments(db, 60)
    await fill(db, 60)
    dice = random.Random(4)

    async def take(customer: int, enrolment: int) -> str:
        deed = take_coupon(customer, enrolment)
        for _ in range(3):
            attempt = asyncio.create_task(Coupons(db).take(deed))
            await asyncio.sleep(dice.uniform(0, 0.05))
            attempt.cancel()
            await asyncio.gather(attempt, return_exceptions=True)
        first, second = await asyncio.gather(*(Coupons(db).take(deed) for _ in range(2)))
        assert first == second
        return str(first.result["code"])

    codes = await asyncio.gather(*(take(*one) for one in people))
    assert len(set(codes)) == 60
    assert await count_pools(db) == [PoolRecord(POOL, left=0, taken=60)]
    await db.close()


async def test_taken_is_taken_also_when_the_answer_got_lost_and_the_journey_has_ended(db: Database) -> None:
    [one] = await add_enrolments(db, 1)
    await fill(db, 2)
    first = await Coupons(db).take(take_coupon(*one))
    await deliver(db, one[1], kind="end")
    await db.pool.execute("UPDATE enrolments SET state = 'ending', outcome = 'stopped'")
    assert await Coupons(db).take(take_coupon(*one)) == first


async def test_nothing_is_taken_for_whom_something_has_happened_meanwhile(db: Database) -> None:
    [one] = await add_enrolments(db, 1)
    await fill(db, 1)
    await deliver(db, one[1], name="Bought")
    assert (await Coupons(db).take(take_coupon(*one))).verdict == "behind"
    assert await count_pools(db) == [PoolRecord(POOL, left=1, taken=0)]


async def test_pool_that_nobody_has_loaded_says_so(db: Database) -> None:
    [one] = await add_enrolments(db, 1)
    answer = await Coupons(db).take(take_coupon(*one))
    assert (answer.verdict, answer.reason) == ("refused", "the pool bonus30 has never been loaded")


async def test_last_code_that_is_given_back_is_waited_for(db: Database) -> None:
    """Somebody holds it and fails: it would be wrong to say that the pool is empty."""
    [one] = await add_enrolments(db, 1)
    await fill(db, 1)
    async with db.pool.acquire() as other:
        failing = other.transaction()
        await failing.start()
        await other.execute("UPDATE coupons SET taken_key = 'other'")
        taking = asyncio.create_task(Coupons(db).take(take_coupon(*one)))
        done, _ = await asyncio.wait([taking], timeout=0.2)
        assert not done
        await failing.rollback()
    assert (await taking).result == {"code": "CODE-00000"}


async def test_it_is_the_merged_customers(db: Database) -> None:
    [(gone, enrolment)] = await add_enrolments(db, 1)
    stays = await add_customer(db)
    await db.pool.execute("UPDATE customers SET merged_into = $2 WHERE id = $1", gone, stays)
    await fill(db, 1)
    await Coupons(db).take(take_coupon(gone, enrolment))
    assert await db.pool.fetchval("SELECT customer_id FROM coupons") == stays


async def test_codes_are_loaded_once(db: Database) -> None:
    assert await load_codes(db, POOL, ["A", "B", "A"]) == Loaded(new=2, repeated=1)
    assert await load_codes(db, POOL, ["B", "C"]) == Loaded(new=1, repeated=1)
    assert await load_codes(db, "other", ["A"]) == Loaded(new=1, repeated=0)
    assert [(pool.pool, pool.left) for pool in await count_pools(db)] == [(POOL, 3), ("other", 1)]


async def test_loading_again_gives_no_taken_code_back(db: Database) -> None:
    [one] = await add_enrolments(db, 1)
    await fill(db, 1)
    await Coupons(db).take(take_coupon(*one))
    await fill(db, 1)
    assert await count_pools(db) == [PoolRecord(POOL, left=0, taken=1)]


async def test_what_is_left_is_counted_so_far_as_one_asks(db: Database) -> None:
    await fill(db, 30)
    assert [await Coupons(db).left(POOL, at_most) for at_most in (10, 100)] == [10, 30]


async def test_taking_from_a_large_pool_reads_no_more_than_it_needs(db: Database) -> None:
    await fill(db, 50_000)
    await db.pool.execute("ANALYZE coupons")
    first_left = "SELECT code FROM coupons WHERE pool = 'bonus30' AND taken_key IS NULL ORDER BY code LIMIT 1"
    assert "coupons_left" in str(await db.pool.fetchval(f"EXPLAIN (FORMAT JSON) {first_left}"))
