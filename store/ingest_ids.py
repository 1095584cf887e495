"""Ids handed out in memory, so that rows can name each other before they are written."""

from typing import Any


async def draw(connection: Any, table: str, number: int) -> list[int]:
    """New ids of a table, the smallest last, for rows of this transaction.

    For others only once it has been committed: when PostgreSQL dies before, its sequence may begin again where it stood
    before they were drawn.
    """
    rows = await connection.fetch(
        "SELECT nextval($1::regclass) AS id FROM generate_series(1, $2)", f"{table}_id_seq", number
    )
    return [row["id"] for row in reversed(rows)]


class IdBlock:
    """Ids of a table, drawn many at a time; what is lost with a process or a transaction leaves a gap, no harm."""

    def __init__(self, table: str, *, size: int = 1000) -> None:
        self.table = table
        self.size = size
        self.ids: list[int] = []

    def lend(self) -> "Lent":
        return Lent(self)


class Lent:
    """Those for one transaction."""

    def __init__(self, block: IdBlock) -> None:
        self._block = block
        self._ids: list[int] = []

    async def reserve(self, connection: Any, number: int) -> None:
        """Make sure that `take` can be called that many times."""
        block, missing = self._block, number - len(self._ids)
        if missing > len(block.ids):
            self._ids = await draw(connection, block.table, missing + block.size) + self._ids
        elif missing > 0:
            self._ids = block.ids[-missing:] + self._ids
            del block.ids[-missing:]

    def take(self) -> int:
        return self._ids.pop()

    def keep(self) -> None:
        """The transaction has been committed: what it did not take is good for others."""
        self._block.ids += self._ids
        self._ids = []
