from datetime import timedelta

from store.database import Database
from store.ingest import Ingest
from tests.store.ingesting import Clock, alias, customer_of, identify, track


async def owner(db: Database, kind: str, value: str) -> int:
    row = await customer_of(db, kind, value)
    return int(row["id"])


async def count(db: Database) -> int:
    """Customers that are somebody."""
    return int(await db.pool.fetchval("SELECT count(*) FROM customers WHERE merged_into IS NULL"))


async def test_an_anonymous_visitor_who_identifies_stays_one_customer(db: Database, ingest: Ingest) -> None:
    await ingest.accept([track("Viewed", None, anonymous_id="a1")])
    await ingest.accept([identify("u1", {"n": 1}, anonymous_id="a1")])
    assert await owner(db, "user_id", "u1") == await owner(db, "anonymous_id", "a1")
    assert await count(db) == 1


async def test_a_visitor_is_merged_into_the_known_customer(db: Database, ingest: Ingest, clock: Clock) -> None:
    await ingest.accept([identify("u1", {"plan": "pro"}), track("Viewed", None, anonymous_id="a1")])
    clock.advance(timedelta(hours=1))
    await ingest.accept([identify(None, {"plan": "free", "city": "Riga"}, anonymous_id="a1", time_zone="Europe/Riga")])
    gone = await owner(db, "anonymous_id", "a1")
    await ingest.accept([track("Signed In", "u1", anonymous_id="a1")])
    row = await customer_of(db, "anonymous_id", "a1")
    assert row["id"] == await owner(db, "user_id", "u1")
    assert row["traits"] == {"plan": "free", "city": "Riga"}  # the newest word wins
    assert row["time_zone"] == "Europe/Riga"
    assert await db.pool.fetchval("SELECT merged_into FROM customers WHERE id = $1", gone) == row["id"]
    assert await db.pool.fetchval("SELECT count(DISTINCT customer_id) FROM events") == 1


async def test_a_shared_anonymous_id_moves_to_the_latest_user(db: Database, ingest: Ingest) -> None:
    await ingest.accept([track("A", "u1", anonymous_id="tablet")])
    await ingest.accept([track("B", "u2", anonymous_id="tablet")])
    assert await count(db) == 2
    assert await owner(db, "anonymous_id", "tablet") == await owner(db, "user_id", "u2")
    await ingest.accept([track("C", "u1", anonymous_id="tablet")])
    assert await owner(db, "anonymous_id", "tablet") == await owner(db, "user_id", "u1")
    assert await count(db) == 2


async def test_the_same_within_one_batch(db: Database, ingest: Ingest) -> None:
    await ingest.accept(
        [
            track("A", None, anonymous_id="a1"),
            track("B", "u1"),
            track("C", "u1", anonymous_id="a1"),
            track("D", "u2", anonymous_id="a1"),
            track("E", None, anonymous_id="a1"),
        ]
    )
    names = {
        user: await db.pool.fetchval(
            "SELECT string_agg(name, '' ORDER BY id) FROM events WHERE customer_id = $1",
            await owner(db, "user_id", user),
        )
        for user in ("u1", "u2")
    }
    assert names == {"u1": "ABC", "u2": "DE"}
    assert await count(db) == 2


async def test_an_alias_unites_even_two_users(db: Database, ingest: Ingest) -> None:
    await ingest.accept([identify("old", {"a": 1}), identify("new", {"b": 2})])
    await ingest.accept([alias("new", "old")])
    assert await owner(db, "user_id", "old") == await owner(db, "user_id", "new")
    assert (await customer_of(db, "user_id", "new"))["traits"] == {"a": 1, "b": 2}


async def test_an_alias_of_somebody_unknown_holds_for_the_future(db: Database, ingest: Ingest) -> None:
    await ingest.accept([alias("u1", "later")])
    await ingest.accept([track("A", None, anonymous_id="later"), track("B", "later"), track("C", "u1")])
    assert await count(db) == 1


async def test_chains_of_merges_end_at_one_customer(db: Database, ingest: Ingest) -> None:
    await ingest.accept([track("A", user) for user in ("u1", "u2", "u3", "u4")])
    await ingest.accept([alias("u2", "u1"), alias("u3", "u2")])
    await ingest.accept([alias("u4", "u3")])
    last = await owner(db, "user_id", "u4")
    rows = await db.pool.fetch("SELECT merged_into FROM customers WHERE id <> $1", last)
    assert [row["merged_into"] for row in rows] == [last] * 3


async def test_a_user_id_that_repeats_the_anonymous_id_is_none(db: Database, ingest: Ingest) -> None:
    """rudder-sdk-python sends one when it was given only an anonymous id."""
    await ingest.accept([track("A", "anon-1", anonymous_id="anon-1")])
    await ingest.accept([identify("u1", {"n": 1}, anonymous_id="anon-1")])
    assert await owner(db, "user_id", "u1") == await owner(db, "user_id", "anon-1")
    assert await count(db) == 1


async def test_a_shared_address_is_noted_once_and_never_merges(db: Database, ingest: Ingest) -> None:
    await ingest.accept([identify("u1", {"email": "a@example.com"})])
    await ingest.accept([identify("u2", {"email": " A@Example.com"})])
    await ingest.accept([identify("u2", {"email": "a@example.com"})])
    assert await count(db) == 2
    rows = await db.pool.fetch("SELECT customer_id, verdict, reason FROM verdicts")
    assert [(row["customer_id"], row["verdict"]) for row in rows] == [(await owner(db, "user_id", "u2"), "disputed")]
    assert "example.com" not in rows[0]["reason"]


async def test_what_was_refused_once_stays_refused_after_a_merge(db: Database, ingest: Ingest, clock: Clock) -> None:
    await ingest.accept([track("A", "u1"), track("B", None, anonymous_id="a1")])
    for kind, value, state, hours in [("user_id", "u1", "opted_out", 1), ("anonymous_id", "a1", "opted_in", 2)]:
        await db.pool.execute(
            "INSERT INTO consents (customer_id, channel, topic, state, source, at)"
            " VALUES ($1, 'sms', 'news', $2, '', $3)",
            await owner(db, kind, value),
            state,
            clock.now + timedelta(hours=hours),
        )
    clock.advance(timedelta(hours=3))
    await ingest.accept([track("C", "u1", anonymous_id="a1")])
    newest = await db.pool.fetchrow("SELECT * FROM consents ORDER BY at DESC LIMIT 1")
    assert newest is not None
    assert (newest["state"], newest["source"]) == ("opted_out", "merge")
    assert newest["customer_id"] == await owner(db, "user_id", "u1")
