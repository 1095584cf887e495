"""Databases for tests: a copy of a migrated template takes a tenth of a second, emptying one that was used a fifth of
that. Only what is as it was copied is used again."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

import asyncpg

T = TypeVar("T")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_numbers = itertools.count(1)

DISCONNECT = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
WRITTEN = """
SELECT oid::regclass::text FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0 ORDER BY 1
"""
"""Tables with pages, whether or not there are rows on them."""

RESTART = """
SELECT setval(seqrelid, seqstart, false) FROM pg_sequence
JOIN pg_class ON pg_class.oid = seqrelid AND relnamespace = 'public'::regnamespace
"""
_CHANGES = "(SELECT concat(count(*), '/', sum(xmin::text::bigint)) FROM {})"
_CATALOGS = ("pg_class", "pg_attribute", "pg_constraint", "pg_trigger", "pg_proc", "pg_namespace", "pg_statistic")
FORM = f"SELECT ARRAY[{', '.join(map(_CHANGES.format, _CATALOGS))}]"
"""Differs once anything but rows was changed, and once there are statistics for the planner."""


def execute(url: str, *statements: str) -> None:
    """Outside the test's loop, so that fixtures of any scope and kind can use it."""

    async def run(connection: Connection) -> None:
        for statement in statements:
            await connection.execute(statement)

    _connected(url, run)


def address_of(server_url: str, name: str) -> str:
    return server_url.replace("/postgres?", f"/{name}?")


class Databases:
    """Copies of a template on one server. `server_url` is the address of its database `postgres`."""

    def __init__(self, server_url: str, template: str) -> None:
        self._server_url, self._template = server_url, template
        self._free: list[str] = []
        self._pristine = _connected(address_of(server_url, template), _state)

    def take(self) -> str:
        """The name of a database that is as the template."""
        if self._free:
            return self._free.pop()
        name = f"test_{next(_numbers)}"
        execute(self._server_url, f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY file_copy")
        return name

    def give_back(self, name: str) -> None:
        """Whatever was done to it, and whoever is still connected."""
        if _connected(address_of(self._server_url, name), self._emptied):
            self._free.append(name)
        else:
            execute(self._server_url, f"DROP DATABASE {name} WITH (FORCE)")

    async def _emptied(self, connection: Connection) -> bool:
        """Empty it, also of the room that rows leave behind; returns whether it is as the template then."""
        await connection.execute(DISCONNECT)
        form, kept = self._pristine
        if await connection.fetchval(FORM) != form:
            return False
        written = [name for (name,) in await connection.fetch(WRITTEN) if name not in kept]
        deletions = [f"DELETE FROM {table}" for table in written]
        # As a replica: neither foreign keys nor triggers are asked.
        as_replica = "SET session_replication_role = replica"
        await connection.execute(";".join([as_replica, *deletions, RESTART, "SELECT pg_stat_reset()"]))
        if written:
            await connection.execute(f"VACUUM {', '.join(written)}")
        return await _state(connection) == self._pristine


async def _state(connection: Connection) -> tuple[list[str], dict[str, str]]:
    """Its form, and what is in the tables that rows are or were in."""
    written = [table for (table,) in await connection.fetch(WRITTEN)]
    rows = "SELECT concat(string_agg(whole::text, ',')) FROM {} AS whole"
    return await connection.fetchval(FORM), {it: await connection.fetchval(rows.format(it)) for it in written}


def _connected(url: str, work: Callable[[Connection], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        connection = await asyncpg.connect(url)
        try:
            return await work(connection)
        finally:
            await connection.close()

    with asyncio.Runner() as runner:
        return runner.run(run())
