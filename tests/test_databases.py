"""The database that a test gets is as it was migrated, whatever was done to the one before."""

import asyncio
from typing import Any

import asyncpg
import pytest

from store.database import Database
from tests.databases import Databases, address_of
from tests.rows import add_customer, add_enrolment, add_version


async def use(databases: Databases, server_url: str, *changes: str) -> str:
    """The name of a database that was written to, with some of it refused; given back with somebody connected."""
    name = await asyncio.to_thread(databases.take)
    db, listener = (
        await Database.open(address_of(server_url, name)),
        await asyncpg.connect(address_of(server_url, name)),
    )
    await add_version(db)
    await add_enrolment(db, await add_customer(db))
    with pytest.raises(asyncpg.NotNullViolationError):
        await db.pool.execute("INSERT INTO customers (traits, first_seen_at) VALUES ('{}', now()), (NULL, NULL)")
    for change in changes:
        await db.pool.execute(change)
    await db.close()
    await asyncio.to_thread(databases.give_back, name)
    async with asyncio.timeout(10):
        while not listener.is_closed():
            await asyncio.sleep(0.01)
    return name


async def contents(url: str) -> tuple[dict[str, Any], int]:
    """The number of rows by table, and the id that the next customer gets."""
    db = await Database.open(url)
    names = await db.pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    counts = {name: await db.pool.fetchval(f"SELECT count(*) FROM {name}") for (name,) in names}
    customer = await add_customer(db)
    await db.close()
    return counts, customer


async def test_rows_and_their_numbers_are_gone(postgres_url: str, database_template: str) -> None:
    databases = await asyncio.to_thread(Databases, postgres_url, database_template)
    used = await use(databases, postgres_url)
    again = await asyncio.to_thread(databases.take)
    counts, customer = await contents(address_of(postgres_url, again))
    assert again == used
    assert {name for name, count in counts.items() if count} == {"alembic_version"}
    assert customer == 1


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE customers RENAME COLUMN traits TO gone",
        "DROP INDEX events_customer",
        "CREATE FUNCTION poison() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "UPDATE alembic_version SET version_num = '0001'",
        "ANALYZE customers",
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public",
    ],
)
async def test_what_was_changed_beyond_rows_is_not_used_again(
    postgres_url: str, database_template: str, change: str
) -> None:
    databases = await asyncio.to_thread(Databases, postgres_url, database_template)
    used = await use(databases, postgres_url, change)
    assert await asyncio.to_thread(databases.take) != used
