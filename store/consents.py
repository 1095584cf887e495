"""The ledger of consents: what a customer said about being written to, how it was said, and what holds now."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter

from language.consent import is_given
from language.sending import Consent
from store.database import Database
from store.reading_page import Moment, Number, Page, decode_cursor, page
from store.retry import retried

State = Literal["opted_in", "opted_out", "pending"]

_PLACE: TypeAdapter[tuple[datetime, int]] = TypeAdapter(tuple[Moment, Number])
_COLUMNS = "id, channel, topic, state, source, evidence, at"

_LOCK = "SELECT id, merged_into FROM customers WHERE id = $1 FOR NO KEY UPDATE"

_NEWEST = f"""
SELECT DISTINCT ON (channel, topic, state = 'pending') {_COLUMNS} FROM consents
WHERE customer_id = ANY($1::bigint[]) ORDER BY channel, topic, state = 'pending', at DESC, id DESC
"""

_WRITE = f"""
INSERT INTO consents (customer_id, channel, topic, state, source, evidence, at)
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_COLUMNS}
"""

_LIST = f"""
SELECT {_COLUMNS} FROM consents
WHERE customer_id = ANY($1::bigint[]) AND ($2::timestamptz IS NULL OR (at, id) < ($2, $3))
  AND ($4::text IS NULL OR channel = $4) AND ($5::text IS NULL OR topic = $5) AND ($6::text IS NULL OR state = $6)
ORDER BY at DESC, id DESC LIMIT $7
"""


class Wish(NamedTuple):
    """What the customer wants from now on; no channel or no topic: all of them (`language.consent`)."""

    channel: str | None
    topic: str | None
    state: State


@dataclass(frozen=True, slots=True)
class Said:
    """How it was said. `at` is journey time, None: now. `is_confirmed`: that it was the customer is proved already."""

    source: str
    evidence: str | None = None
    at: datetime | None = None
    is_confirmed: bool = False


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """A row of `consents`."""

    id: int
    channel: str | None
    topic: str | None
    state: State
    source: str
    evidence: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ConsentStanding:
    """The newest word of each channel and topic. `pending` are those that were asked for since, unconfirmed."""

    words: tuple[ConsentRecord, ...]
    pending: tuple[ConsentRecord, ...]

    @property
    def consents(self) -> tuple[Consent, ...]:
        """As the gate sees them."""
        return tuple(Consent(word.channel, word.topic, word.state) for word in self.words)

    def newest(self, channel: str | None, topic: str | None) -> ConsentRecord | None:
        """Of this very channel and topic, also if it waits for its confirmation."""
        same = [one for one in (*self.words, *self.pending) if (one.channel, one.topic) == (channel, topic)]
        return max(same, key=lambda one: (one.at, one.id), default=None)


async def read_consents(db: Database, family: Collection[int]) -> ConsentStanding:
    """How things stand for a customer, whose rows stand under the ids `family`."""
    return _standing(await db.pool.fetch(_NEWEST, list(family)))


async def write_consents(
    db: Database,
    clock: Callable[[], datetime],
    customer_id: int,
    wishes: Sequence[Wish],
    said: Said,
    *,
    to_confirm: Collection[str] = (),
) -> list[ConsentRecord]:
    """The word that holds for each wish: a new one, or the same as before. Of the topics `to_confirm` an opt-in only
    waits for its confirmation, unless it has that. Nobody has this id: LookupError."""

    async def transaction() -> list[ConsentRecord]:
        async with db.pool.acquire() as connection, connection.transaction():
            final = await _lock(connection, customer_id)
            standing = _standing(await connection.fetch(_NEWEST, [final]))
            now = clock()
            at = min(said.at or now, now)
            asked = [_to_confirm(wish, standing, () if said.is_confirmed else to_confirm) for wish in wishes]
            return [await _write(connection, final, wish, standing, said, at) for wish in dict.fromkeys(asked)]

    return await retried(transaction)


async def list_consents(
    db: Database,
    family: Collection[int],
    *,
    channel: str | None = None,
    topic: str | None = None,
    state: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[ConsentRecord]:
    """The newest first. Raises BadCursorError."""
    before, before_id = decode_cursor(cursor, _PLACE) if cursor else (None, 0)
    rows = await db.pool.fetch(_LIST, list(family), before, before_id, channel, topic, state, limit + 1)
    return page(_records(rows), limit, lambda it: (it.at, it.id))


async def _lock(connection: Any, customer_id: int) -> int:
    """The customer, locked; the one that they were merged into, if they were."""
    row = await connection.fetchrow(_LOCK, customer_id)
    if row is None:
        raise LookupError(f"there is no customer {customer_id}")
    return int(row["id"]) if row["merged_into"] is None else await _lock(connection, row["merged_into"])


def _to_confirm(wish: Wish, standing: ConsentStanding, topics: Collection[str]) -> Wish:
    if wish.state != "opted_in" or wish.topic not in topics:
        return wish
    is_confirmed = is_given(standing.consents, wish.topic, wish.channel or "")
    return wish if is_confirmed else wish._replace(state="pending")


async def _write(
    connection: Any, customer_id: int, wish: Wish, standing: ConsentStanding, said: Said, at: datetime
) -> ConsentRecord:
    """Said again, it is as it was; only a request may be made again, for its confirmation may have got lost."""
    before = standing.newest(wish.channel, wish.topic)
    if before is not None and before.state == wish.state != "pending" and before.at <= at:
        return before
    row = await connection.fetchrow(_WRITE, customer_id, *wish, said.source, said.evidence, at)
    return ConsentRecord(**row)


def _standing(rows: Sequence[Any]) -> ConsentStanding:
    records = _records(rows)
    words = {(one.channel, one.topic): one for one in records if one.state != "pending"}
    requests = (one for one in records if one.state == "pending")
    open_ = (one for one in requests if (word := words.get((one.channel, one.topic))) is None or _is_newer(one, word))
    return ConsentStanding(tuple(words.values()), tuple(open_))


def _is_newer(one: ConsentRecord, other: ConsentRecord) -> bool:
    return (one.at, one.id) > (other.at, other.id)


def _records(rows: Iterable[Any]) -> list[ConsentRecord]:
    return [ConsentRecord(**row) for row in rows]
