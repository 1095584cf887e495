"""When a provider says to come back."""

import time
from collections.abc import Mapping
from datetime import timedelta

LONGEST = timedelta(hours=1)
"""A hint beyond that is taken for that: a slip of theirs, milliseconds for seconds, would hold a message for ever."""


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """From `Retry-After` (seconds) or SendGrid's `X-RateLimit-Reset` (epoch seconds); none if absent or unreadable."""
    try:
        if (seconds := headers.get("Retry-After")) is not None:
            return _bounded(float(seconds))
        if (reset := headers.get("X-RateLimit-Reset")) is not None:
            return _bounded(float(reset) - time.time())
    except ValueError:
        pass
    return None


def _bounded(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST.total_seconds()))
