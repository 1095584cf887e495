"""Lets journeys hear of consents, soon after they are written, by whomever."""

import asyncio
from contextlib import suppress

import structlog

from language.customer_pages import CustomerPages, Whose
from store.consents_told import tell_consents
from store.database import POSTGRES_AWAY, Database
from store.ingest_queue import Full, IngestQueue, Unavailable

log = structlog.get_logger()


class ConsentTeller:
    """Any number may run; `every` (seconds) is how often it looks for what others have written."""

    def __init__(self, db: Database, queue: IngestQueue, pages: CustomerPages, *, every: float = 5.0) -> None:
        self._db, self._queue, self._pages, self._every = db, queue, pages, every
        self._called = asyncio.Event()
        self._is_stopping = False

    async def run(self) -> None:
        """Look again and again until `stop()`. Survives the absence of PostgreSQL."""
        while not self._is_stopping:
            self._called.clear()
            try:
                await self.tell()
            except (Full, Unavailable, *POSTGRES_AWAY) as error:
                log.debug("consents will be told later", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._called.wait(), self._every)

    def stop(self) -> None:
        self._is_stopping = True
        self._called.set()

    def wake(self) -> None:
        """There is something new to tell."""
        self._called.set()

    async def tell(self) -> int:
        """How many consents there were to tell of."""
        return await tell_consents(self._db, self._queue.submit, self._confirm_url)

    def _confirm_url(self, customer_id: int, channel: str | None, topic: str | None, consent_id: int) -> str:
        return self._pages.url("confirm", Whose(customer_id, channel, topic, consent_id=consent_id))
