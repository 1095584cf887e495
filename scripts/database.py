"""PostgreSQL for a command that people type: where it does not go, it says so and what to do, and the process ends."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import asyncpg
import typer

from runtime.settings import Settings
from store.database import Database

REFUSALS = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ClientConfigurationError,
)


@asynccontextmanager
async def opened(settings: Settings, *, pool_size: int = 1) -> AsyncIterator[Database]:
    try:
        db = await Database.open(settings.database_url, pool_size=pool_size)
    except (OSError, *REFUSALS) as error:
        refused(error)
    try:
        yield db
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        _end("the database has no tables yet, or old ones; run `sojourn migrate`")
    except REFUSALS as error:
        refused(error)
    finally:
        await db.close()


def refused(error: Exception) -> NoReturn:
    """Why PostgreSQL did not let the command in, and what to do about it."""
    _end(
        f"PostgreSQL does not let us in: {str(error) or type(error).__name__}",
        "start it, or set SOJOURN_DATABASE_URL; `sojourn up` prints the address of its own",
    )


def _end(*lines: str) -> NoReturn:
    for line in lines:
        typer.echo(f"sojourn: {line}", err=True)
    sys.exit(1)
