"""What happens to a request that brings events."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

from starlette.requests import Request

from api.parcel import Parcel, open_parcel, unpack
from api.problem import Problem
from api.security import WriteKeys, basic_user
from api.segment import Reading
from runtime.metrics import EVENTS_ACCEPTED, EVENTS_QUARANTINED, EVENTS_REPEATED, INGEST_SECONDS
from store.ingest_event import Accepted, Kind, Reject
from store.ingest_queue import IngestQueue

LARGE = 256 * 1024
"""Bytes of a body above which it is read in a thread, so that others need not wait for it."""


class Intake:
    """`clock` is journey time; `in_demo_time`: events occur when they are received."""

    def __init__(
        self, queue: IngestQueue, keys: WriteKeys, clock: Callable[[], datetime], *, in_demo_time: bool = False
    ) -> None:
        self._queue = queue
        self._keys = keys
        self._clock = clock
        self._in_demo_time = in_demo_time

    async def take(self, request: Request, kind: Kind | None = None) -> None:
        """Returns once everything in the request is stored: as events, or in quarantine. Raises Problem.

        `kind` is what a route for single calls takes; None is a batch.
        """
        began = time.perf_counter()
        body = await unpack(request)
        parcel = await open_parcel(body, kind)
        source = self._source(request, parcel)
        received_at = None if self._in_demo_time else self._clock()
        reading = Reading(source, kind, received_at, parcel.sent_at, parcel.may_hold_nul)
        is_large = len(body) > LARGE
        events, rejects = await asyncio.to_thread(parcel.sort, reading) if is_large else parcel.sort(reading)
        _count(source, await self._queue.submit(events, rejects), rejects)
        INGEST_SECONDS.observe(time.perf_counter() - began)
        if not parcel.is_object:
            raise Problem(400, "The body is not a JSON object", "It was kept in quarantine.")

    def _source(self, request: Request, parcel: Parcel) -> str:
        key = basic_user(request.headers.get("authorization")) or parcel.write_key
        source = self._keys.source(key)
        if source is None:
            detail = "Give it as the user name of Basic authorization, or as `writeKey` in the body."
            raise Problem(401, "The write key is not known", detail, headers={"WWW-Authenticate": "Basic"})
        return source


def _count(source: str, accepted: Accepted, rejects: list[Reject]) -> None:
    EVENTS_ACCEPTED.labels(source).inc(len(accepted.stored))
    EVENTS_REPEATED.labels(source).inc(accepted.repeated)
    for reject in rejects:
        EVENTS_QUARANTINED.labels(reject.reason).inc()
