"""Who stops an address and who claims a message for it take turns, also where nobody knows yet whose address it is.

PostgreSQL's advisory locks, until the transaction ends; in the order of locks they come after customers and enrolments.
"""

from collections.abc import Collection
from typing import Any

_KEY = "hashtextextended(channel || ' ' || lower(address), 0)"
_SHARE = f"SELECT pg_advisory_xact_lock_shared({_KEY}) FROM (SELECT $1::text AS channel, $2::text AS address) AS one"
_LOCK = f"SELECT pg_advisory_xact_lock({_KEY}) FROM unnest($1::text[], $2::text[]) AS one (channel, address)"


async def share_address(connection: Any, channel: str, address: str) -> None:
    """Wait for whoever is stopping the address, so that the next statement sees it; claims do not wait for claims."""
    await connection.execute(_SHARE, channel, address)


async def lock_addresses(connection: Any, addresses: Collection[tuple[str, str]]) -> None:
    """Wait for whoever is claiming for one of them. `addresses`: channel and address."""
    channels, plain = zip(*sorted(addresses), strict=True)
    await connection.execute(_LOCK, list(channels), list(plain))
