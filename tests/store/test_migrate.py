import asyncio
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlmodel import SQLModel

import store.tables  # noqa: F401  (fills the metadata)
from store.database import Database
from store.migrate import make_engine, migrate_database


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, SQLModel.metadata))


async def look(db: Database) -> list[Any]:
    engine = make_engine(db.url)
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    return found


async def test_migrations_make_exactly_the_tables_of_the_models(db: Database) -> None:
    assert await look(db) == []


async def test_a_missing_column_would_be_noticed(db: Database) -> None:
    await db.pool.execute("ALTER TABLE events DROP COLUMN kind")
    assert await look(db)


async def test_two_processes_migrating_at_once_take_turns(db: Database) -> None:
    await db.pool.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await asyncio.gather(*(migrate_database(db.url) for _ in range(3)))
    assert await db.pool.fetchval("SELECT version_num FROM alembic_version") is not None


async def test_jsonb_comes_back_as_it_went_in(db: Database) -> None:
    value = {"a": [1, 2.5, None, True, "Köln 🏠"], "b": {}}
    assert await db.pool.fetchval("SELECT $1::jsonb", value) == value
    assert await db.pool.fetchval("SELECT $1::jsonb[]", [value, {}]) == [value, {}]
