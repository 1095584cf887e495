"""Rows as the ingest transaction leaves them, for tests of what comes after it."""

from datetime import UTC, datetime
from typing import Any

from language.delivery import Delivery, Fact
from language.port import Progress
from store.database import Database

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOURNEY = "reservation"


async def add_version(db: Database, journey: str = JOURNEY, version: int = 1, definition: str = "{}") -> None:
    await db.pool.execute(
        """INSERT INTO journey_versions (journey, version, digest, definition, title, state, published_at)
           VALUES ($1, $2, 'd', $3, 'Apartment reservation', 'live', $4)""",
        journey,
        version,
        definition,
        AT,
    )


async def add_customer(db: Database, **columns: Any) -> int:
    traits, merged_into = columns.get("traits", {}), columns.get("merged_into")
    query = """INSERT INTO customers (traits, time_zone, locale, first_seen_at, last_seen_at, merged_into)
               VALUES ($1, $2, $3, $4, $5, $6) RETURNING id"""
    named = (columns.get("time_zone"), columns.get("locale"), AT, columns.get("last_seen_at"))
    return int(await db.pool.fetchval(query, traits, *named, merged_into))


async def add_enrolment(db: Database, customer_id: int, *, key: str = "", journey: str = JOURNEY) -> int:
    """An enrolment with its `start` delivery, seq 1."""
    query = """INSERT INTO enrolments (customer_id, journey, version, key, state, start, started_at)
               VALUES ($1, $2, 1, $3, 'active', $4, $5) RETURNING id"""
    enrolment_id = int(await db.pool.fetchval(query, customer_id, journey, key, {"flat": 7}, AT))
    await deliver(db, enrolment_id, kind="start", name="Reserved")
    return enrolment_id


async def deliver(db: Database, enrolment_id: int, *, kind: str = "event", name: str = "Viewed", **more: Any) -> int:
    """One delivery, committed as the ingest does; returns its seq."""
    async with db.pool.acquire() as connection, connection.transaction():
        seq = await connection.fetchval(
            "UPDATE enrolments SET last_seq = last_seq + 1 WHERE id = $1 RETURNING last_seq", enrolment_id
        )
        fact = Fact(name=name, properties=more, at=AT) if kind in ("start", "event") else None
        outcome = "moved_on" if kind == "end" else None
        delivery = Delivery.model_validate({"seq": seq, "kind": kind, "at": AT, "fact": fact, "outcome": outcome})
        await connection.execute(
            "INSERT INTO deliveries (enrolment_id, seq, kind, payload) VALUES ($1, $2, $3, $4)",
            enrolment_id,
            seq,
            kind,
            delivery.model_dump(mode="json"),
        )
    return int(seq)


def progress(enrolment_id: int, seen_seq: int, run_id: str = "run-1", **more: Any) -> Progress:
    return Progress(enrolment_id=enrolment_id, run_id=run_id, seen_seq=seen_seq, at=AT, **more)


async def enrolment_row(db: Database, enrolment_id: int) -> dict[str, Any]:
    [row] = await db.pool.fetch("SELECT * FROM enrolments WHERE id = $1", enrolment_id)
    return dict(row)


async def relayed(db: Database, enrolment_id: int) -> None:
    """As if all of an enrolment's deliveries had been relayed an hour ago."""
    query = "UPDATE deliveries SET relayed_at = now() - interval '1 hour', relay_until = NULL WHERE enrolment_id = $1"
    await db.pool.execute(query, enrolment_id)
