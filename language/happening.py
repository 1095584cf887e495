"""What happens in a scenario, in order."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened, that long after the beginning.

    `kind`: event, started, refused, ignored, sent, held, not_sent, task, start (of another journey), call, paused,
    ended; impossible, when what is given cannot be; cut_short, when it would never have come to rest.
    """

    at: timedelta
    kind: str
    name: str
    channel: str | None = None
    text: str | None = None
    why: str | None = None
