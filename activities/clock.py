"""Journey time inside an activity."""

import time
from contextvars import ContextVar
from datetime import datetime, timedelta

from temporalio import activity

from language.clock import Pace

_begun: ContextVar[tuple[bytes, int, float] | None] = ContextVar("begun", default=None)


def journey_now(at: datetime, pace: Pace) -> datetime:
    """The journey's now in a running activity that was scheduled at `at` (journey time).

    What has passed since is the server's own reckoning up to this attempt's start, and this process's after it, so a
    virtual server clock and a queue before a rate limit both count. Ask once when the activity begins.
    """
    info = activity.info()
    waited = max(info.started_time - info.scheduled_time, timedelta(0))
    return at + (waited + _running(info.task_token, info.attempt)) * pace.speed


def _running(token: bytes, attempt: int) -> timedelta:
    now = time.monotonic()
    begun = _begun.get()
    if begun is None or begun[:2] != (token, attempt):
        begun = (token, attempt, now)
        _begun.set(begun)
    return timedelta(seconds=now - begun[2])
