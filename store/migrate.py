"""Bring a database to the newest schema."""

import asyncio
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

LOCK = 0x50_6A_0E_4E
"""Two processes that migrate at once take turns: a PostgreSQL advisory lock, the same number everywhere."""


def migrate(database_url: str) -> None:
    """Upgrade to the newest revision; does nothing when it is there already. Not from inside a running event loop."""
    asyncio.run(migrate_database(database_url))


async def migrate_database(database_url: str) -> None:
    engine = make_engine(database_url)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
            await connection.commit()
            await connection.run_sync(_upgrade)
            await connection.commit()
    finally:
        await engine.dispose()


def make_engine(url: str) -> AsyncEngine:
    """SQLAlchemy is for migrations only; everything else talks to PostgreSQL through `store.database`."""
    return create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url))


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    command.upgrade(alembic_config(connection), "head")
