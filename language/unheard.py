"""A message of which nothing final was heard, and what its provider says of it when asked."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from language.channel import Channel
from language.message_event import Report


@dataclass(frozen=True, slots=True)
class Unheard:
    """`account`: None for the main one; `provider_id`: what the provider calls it. It was not sent before `called_at`
    (wall time)."""

    key: str
    channel: Channel
    account: str | None
    provider: str
    provider_id: str
    recipient: str
    called_at: datetime


@dataclass(frozen=True, slots=True)
class Learnt:
    """What became of a message. `event_id` is that of the report that did not come, should it still.

    `dead`: why nothing will ever arrive at the address; `opted_out`: how its reader has said to want nothing more.
    """

    report: Report
    event_id: str
    details: dict[str, Any] = field(default_factory=dict)
    dead: str | None = None
    opted_out: str | None = None
