"""When a provider says to come back."""

import time
from collections.abc import Mapping
from datetime import timedelta


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """From `Retry-After` (seconds) or SendGrid's `X-RateLimit-Reset` (epoch seconds); none if absent or unreadable."""
    try:
        if (seconds := headers.get("Retry-After")) is not None:
            return timedelta(seconds=max(float(seconds), 0.0))
        if (reset := headers.get("X-RateLimit-Reset")) is not None:
            return timedelta(seconds=max(float(reset) - time.time(), 0.0))
    except (ValueError, OverflowError):
        pass
    return None
