"""Ids drawn ahead, when PostgreSQL dies and the process that drew them does not."""

from datetime import datetime

import pytest

from store.database import Database
from store.ingest import Ingest
from tests.store.ingesting import NOW, enrolments, publish_journey, track

SEQUENCES = ("customers_id_seq", "enrolments_id_seq")


class Dying:
    """A clock that fails once: when both kinds of ids have been drawn, and nothing is committed."""

    def __init__(self) -> None:
        self.has_died = False

    def __call__(self) -> datetime:
        if not self.has_died:
            self.has_died = True
            raise RuntimeError("PostgreSQL is gone")
        return NOW


async def test_what_was_drawn_and_not_committed_is_drawn_again_by_others_alone(db: Database) -> None:
    await publish_journey(db, journey="greeting", start=[{"on": "Asked"}])
    stays, comes = Ingest(db, Dying()), Ingest(db, lambda: NOW)
    before = [await db.pool.fetchval(f"SELECT nextval('{it}')") for it in SEQUENCES]
    with pytest.raises(RuntimeError, match="gone"):
        await stays.accept([track("Asked", "u1")])
    for sequence, last in zip(SEQUENCES, before, strict=True):  # recovered, it has not heard of what was drawn
        await db.pool.execute("SELECT setval($1::regclass, $2)", sequence, last)

    for ingest, users in ((comes, ("u1", "u2")), (stays, ("u3", "u4")), (comes, ("u5",)), (stays, ("u6",))):
        await ingest.accept([track("Asked", user) for user in users])
    assert len(await enrolments(db)) == 6
    assert await db.pool.fetchval("SELECT count(*) FROM customers") == 6


async def test_what_a_transaction_left_over_serves_the_next(db: Database) -> None:
    ingest = Ingest(db, lambda: NOW)
    for number in range(3):
        await ingest.accept([track("Seen", f"u{number}"), track("Seen", f"u{number}")])
    rows = await db.pool.fetch("SELECT id FROM customers ORDER BY id")
    assert [row["id"] - rows[0]["id"] for row in rows] == [0, 1, 2]
    assert await db.pool.fetchval("SELECT last_value - $1::bigint FROM customers_id_seq", rows[0]["id"]) < 1100
