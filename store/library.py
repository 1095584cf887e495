"""The messages that journeys' versions hold."""

from language.message import Message
from store.database import Database


class UnknownMessage(LookupError):
    """A journey's version names no such message: it was not published with it."""


class MessageLibrary:
    """Reads each version once: what is published never changes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._messages_by_version: dict[tuple[str, int], dict[str, Message]] = {}

    async def message(self, journey: str, version: int, name: str) -> Message:
        messages = self._messages_by_version.get((journey, version))
        if messages is None:
            messages = self._messages_by_version[journey, version] = await self._read(journey, version)
        if name not in messages:
            raise UnknownMessage(f"{journey}, version {version}: {name}")
        return messages[name]

    async def _read(self, journey: str, version: int) -> dict[str, Message]:
        held = await self._db.pool.fetchval(
            "SELECT messages FROM journey_versions WHERE journey = $1 AND version = $2", journey, version
        )
        if held is None:
            raise UnknownMessage(f"{journey} has no version {version}")
        return {name: Message.model_validate(content) for name, content in held.items()}
