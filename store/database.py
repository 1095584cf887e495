"""The way to PostgreSQL."""

from typing import Any

import asyncpg
import orjson

POSTGRES_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""Whatever PostgreSQL may answer, or not, to somebody who will ask again."""


class EncodedJson(bytes):
    """JSON that is encoded already; a jsonb parameter takes it as it is."""


class Database:
    """Open with `await Database.open(url)`; `url` is anything libpq understands (`postgresql://…?host=/socket`).

    On each connection of `pool`, jsonb goes in and comes out as Python objects.
    """

    def __init__(self, url: str, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self.url = url
        self.pool = pool

    @classmethod
    async def open(cls, url: str, *, pool_size: int = 10) -> "Database":
        pool = await asyncpg.create_pool(url, min_size=1, max_size=pool_size, init=set_codecs, reset=_keep)
        return cls(url, pool)

    async def connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        """A connection outside the pool, for LISTEN and NOTIFY; the caller closes it."""
        return await asyncpg.connect(self.url)

    async def close(self) -> None:
        await self.pool.close()


async def _keep(connection: Any) -> None:
    """Leave a returned connection as it is (open transactions are rolled back all the same): no code here locks,
    listens or sets anything beyond a transaction, and cleaning up would cost every statement a second round trip."""


async def set_codecs(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=_encode_json, decoder=_decode_json
    )


def _encode_json(value: Any) -> bytes:
    return b"\x01" + (value if type(value) is EncodedJson else orjson.dumps(value))


def _decode_json(data: bytes) -> Any:
    return orjson.loads(memoryview(data)[1:])
