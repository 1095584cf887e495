"""Tracked links: made by the transaction that claims their message, looked up when somebody opens one."""

import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from language.tracked_links import TOKEN_LENGTH, Link
from store.database import Database

LONGEST = 32
_ALPHABET = string.ascii_letters + string.digits

_WRITE = """
INSERT INTO links (token, message_key, url, created_at)
SELECT token, $1, url, $2 FROM unnest($3::text[], $4::text[]) AS made (token, url)
"""

_FIND = """
SELECT l.token, l.message_key, l.url, coalesce(c.merged_into, c.id) AS customer_id
FROM links l JOIN messages m ON m.key = l.message_key JOIN customers c ON c.id = m.customer_id WHERE l.token = $1
"""

_FIRST = """
SELECT url FROM links WHERE message_key = $1 AND position(token IN $2) > 0 ORDER BY position(token IN $2) LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """`customer_id`: whom the message was for, or who they were merged into."""

    token: str
    message_key: str
    url: str
    customer_id: int


def new_token() -> str:
    """From the system's own randomness."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_LENGTH))


async def write_links(connection: Any, message_key: str, links: Sequence[Link], now: datetime) -> None:
    """Those of earlier attempts stay: should one of these have gone out after all, its links work."""
    kept = [link for link in links if link.token is not None]
    if kept:
        tokens, urls = [link.token for link in kept], [link.url for link in kept]
        await connection.execute(_WRITE, message_key, now, tokens, urls)


async def find_link(db: Database, token: str) -> LinkRecord | None:
    if len(token) > LONGEST or not (token.isascii() and token.isalnum()):
        return None
    row = await db.pool.fetchrow(_FIND, token)
    return LinkRecord(**row) if row else None


async def first_link(db: Database, message_key: str, text: str) -> str | None:
    """Where the first tracked link in a message's text leads."""
    url: str | None = await db.pool.fetchval(_FIRST, message_key, text)
    return url
