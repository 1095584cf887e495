"""Ids handed out in memory, so that rows can name each other before they are written."""

from typing import Any


class IdBlock:
    """Draws ids from a table's sequence, many at a time; a block lost with its process leaves a gap, no harm."""

    def __init__(self, table: str, *, size: int = 1000) -> None:
        self._sequence = f"{table}_id_seq"
        self._size = size
        self._ids: list[int] = []

    async def reserve(self, connection: Any, number: int) -> None:
        """Make sure that `take` can be called that many times before anything else is awaited."""
        if len(self._ids) < number:
            rows = await connection.fetch(
                "SELECT nextval($1::regclass) AS id FROM generate_series(1, $2)", self._sequence, number + self._size
            )
            self._ids = [row["id"] for row in reversed(rows)] + self._ids

    def take(self) -> int:
        return self._ids.pop()
