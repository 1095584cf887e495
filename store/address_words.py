"""What is said of an address rather than of one message: that nothing arrives there, or that whoever reads it wants
nothing more, or something again. Each word is taken once."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal

from language.channel import Channel
from store import ingest_read as read
from store.address_locks import lock_addresses
from store.database import Database
from store.retry import retried

TOGETHER = 200

REPLY = "reply"
"""The source of what is written by whoever has the number: STOP, START."""

STOPPED = "STOP was written from this number"

# Taken for good, as the ids of events are; waits for whoever is just taking the same.
_REGISTER = "INSERT INTO event_ids (hash) SELECT unnest($1::bytea[]) ON CONFLICT DO NOTHING RETURNING hash"

# Whoever is known by the address, whoever got something there, and whom the message went to that the word is about.
_WHOSE = """
WITH said AS (
  SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS said (place, channel, kind, address, of)
)
SELECT place, customer_id, NULL AS topic FROM said JOIN identifiers ON (identifiers.kind, value) = (said.kind, address)
UNION SELECT place, customer_id, NULL FROM said JOIN messages m
  ON m.recipient = address AND (m.channel = said.channel OR said.kind = 'phone')
UNION SELECT place, customer_id, topic FROM said JOIN messages ON key = of
UNION SELECT place, customer_id, topic FROM said JOIN messages ON provider_id = of
"""

_CONSENT = """
INSERT INTO consents (customer_id, channel, topic, state, source, evidence, at)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
"""

# STOP and START are said by whoever has the number, also of customers whom it will only reach later.
_LIFT = """
UPDATE suppressions SET lifted_at = $3 WHERE address = $1 AND channel = $2 AND source = $4 AND lifted_at IS NULL
"""

# What was lifted stays so, unless it is found anew. A STOP stays one until START: else whoever lifts what a provider
# has said of the number later would lift the STOP with it. A STOP bears the time when it came, by the clock of whoever
# took it: however that one goes, it comes after the START before it.
_SUPPRESS = f"""
INSERT INTO suppressions (channel, address, reason, source, at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
ON CONFLICT (address, channel) DO UPDATE SET reason = excluded.reason, source = excluded.source, at = excluded.at,
  lifted_at = NULL
WHERE suppressions.lifted_at < excluded.at OR suppressions.lifted_at IS NOT NULL AND excluded.source = '{REPLY}'
  OR suppressions.lifted_at IS NULL AND suppressions.source <> '{REPLY}'
"""

_IS_OPTED_OUT = """
SELECT EXISTS (
  SELECT FROM (
    SELECT DISTINCT ON (customer_id) state FROM consents
    WHERE channel = $2 AND topic IS NULL
      AND customer_id IN (SELECT coalesce(merged_into, id) FROM customers WHERE id = ANY($1::bigint[]))
    ORDER BY customer_id, at DESC, id DESC
  ) newest WHERE state = 'opted_out'
) OR EXISTS (
  SELECT FROM suppressions WHERE channel = $2 AND address = $3 AND source = $4 AND lifted_at IS NULL
)
"""


@dataclass(frozen=True, slots=True)
class AddressWord:
    """`dead` is why nothing arrives at the address, `consent` what its reader says of the channel; either may be None.

    `event_id` is the reporter's own. `of` names a message it is about, by key or provider's id; `by_topic`: the consent
    is about that message's topic alone. `at` when it happened, if that was said (journey time).
    """

    event_id: str
    channel: Channel
    address: str
    source: str
    evidence: str
    dead: str | None = None
    consent: Literal["opted_in", "opted_out"] | None = None
    by_topic: bool = False
    of: str | None = None
    at: datetime | None = None

    @property
    def hash(self) -> bytes:
        return blake2b(f"word\0{self.source}\0{self.event_id}".encode(), digest_size=16).digest()

    @property
    def is_start(self) -> bool:
        return self.source == REPLY and self.consent == "opted_in"

    @property
    def suppresses(self) -> str | None:
        """Why nothing goes to the address any more, whoever has it."""
        return STOPPED if self.source == REPLY and self.consent == "opted_out" else self.dead

    @property
    def kind(self) -> str:
        """Of the identifier that the address is."""
        return "email" if self.channel == "email" else "phone"

    @property
    def plain_address(self) -> str:
        """In the form in which addresses are compared."""
        return self.address.lower() if self.channel == "email" else self.address


async def take_words(db: Database, clock: Callable[[], datetime], words: Sequence[AddressWord]) -> int:
    """How many were new. `clock` is the journeys'."""
    taken = 0
    for start in range(0, len(words), TOGETHER):
        taken += await _take(db, clock, words[start : start + TOGETHER])
    return taken


async def is_opted_out(db: Database, channel: Channel, address: str) -> bool:
    """Whether somebody whom this address reaches has opted out of the whole channel, or has stopped it from there."""
    word = AddressWord("", channel, address, "", "")
    async with db.pool.acquire() as connection:
        whose = await _whose(connection, [word])
    return bool(await db.pool.fetchval(_IS_OPTED_OUT, sorted(whose[0]), channel, address, REPLY))


async def _take(db: Database, clock: Callable[[], datetime], words: Sequence[AddressWord]) -> int:
    async def transaction() -> int:
        async with db.pool.acquire() as connection, connection.transaction():
            by_hash: dict[bytes, AddressWord] = {}
            for word in words:
                by_hash.setdefault(word.hash, word)
            fresh = {row["hash"] for row in await connection.fetch(_REGISTER, sorted(by_hash))}
            await _store(connection, clock, [word for hash, word in by_hash.items() if hash in fresh])
            return len(fresh)

    return await retried(transaction)


async def _store(connection: Any, clock: Callable[[], datetime], words: Sequence[AddressWord]) -> None:
    whose = await _whose(connection, words)
    final = await _lock_customers(connection, {id for customers in whose.values() for id in customers})
    stopped = {(word.channel, word.plain_address) for word in words if word.suppresses}
    if stopped:
        await lock_addresses(connection, stopped)
    now = clock()
    consents: dict[tuple[Any, ...], None] = {}
    for place, word in enumerate(words):
        topic = next((it for it in whose[place].values() if it), None) if word.by_topic else None
        at = min(word.at or now, now)
        for id in sorted(whose[place]) if word.consent else ():
            consents[final[id], word.channel, topic, word.consent, word.source, word.evidence, at] = None
    if consents:
        await connection.execute(_CONSENT, *(list(column) for column in zip(*consents, strict=True)))
    await _suppress(connection, words, now)


async def _suppress(connection: Any, words: Sequence[AddressWord], now: datetime) -> None:
    newest = {(word.plain_address, word.channel): word for word in words if word.suppresses or word.is_start}
    for (address, channel), word in sorted(newest.items()):
        if word.is_start:
            await connection.execute(_LIFT, address, channel, min(word.at or now, now), REPLY)
    rows = [
        (channel, address, word.suppresses, word.source, min(word.at or now, now))
        for (address, channel), word in sorted(newest.items())
        if word.suppresses
    ]
    if rows:
        await connection.execute(_SUPPRESS, *(list(column) for column in zip(*rows, strict=True)))


async def _whose(connection: Any, words: Sequence[AddressWord]) -> dict[int, dict[int, str | None]]:
    """By the place of each word the customers it concerns, each with the topic of the message that it is about."""
    said = [
        (place, word.channel, word.kind, address, word.of)
        for place, word in enumerate(words)
        for address in sorted({word.address, word.plain_address})
    ]
    found: dict[int, dict[int, str | None]] = defaultdict(dict)
    if said:
        for row in await connection.fetch(_WHOSE, *(list(column) for column in zip(*said, strict=True))):
            own = found[row["place"]]
            own[row["customer_id"]] = row["topic"] or own.get(row["customer_id"])
    return found


async def _lock_customers(connection: Any, ids: Collection[int]) -> dict[int, int]:
    """Lock the customers and those that they were merged into; who each of them is now."""
    into: dict[int, int | None] = {}
    wanted = set(ids)
    while wanted:
        rows = await read.lock_customers(connection, wanted, ())
        into |= {row["id"]: row["merged_into"] for row in rows}
        wanted = {it for it in into.values() if it is not None} - into.keys()
    return {id: _final(id, into) for id in into}


def _final(id: int, into: dict[int, int | None]) -> int:
    stays = into[id]
    return id if stays is None else _final(stays, into)
