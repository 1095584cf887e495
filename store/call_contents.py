"""What calls say."""

from typing import Any

from store.database import Database

CONTENT = "SELECT content FROM messages WHERE key = $1 AND channel = 'voice'"


async def call_content(db: Database, key: str) -> dict[str, Any] | None:
    """The content of the call with this key, as it was rendered when it was claimed; none: there is no such call."""
    content: dict[str, Any] | None = await db.pool.fetchval(CONTENT, key)
    return content
