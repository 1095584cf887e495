"""Time limits and retry policies of every activity, in one place."""

from datetime import timedelta

from temporalio.common import RetryPolicy

LOCAL_START_TO_CLOSE = timedelta(seconds=10)
SEND_START_TO_CLOSE = timedelta(seconds=30)
"""Longer than a claim's `call_until`, which is longer than the HTTP deadline."""

CALL_START_TO_CLOSE = timedelta(seconds=60)
"""Longer than the longest timeout that a destination may have."""

READS = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=10)
)
"""Reads and trace writes in PostgreSQL: tried until it is back."""

SENDS = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=1)
)
"""Sends: each attempt passes the whole gate again, and the gate knows when to give up."""

CALLS = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=5)
)
"""Calls of destinations; the activity knows when to give up."""
