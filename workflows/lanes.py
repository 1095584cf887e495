"""Which queue a send waits in, and who goes first: a blast never stands before a message that somebody waits for."""

import json
from collections.abc import Mapping
from functools import lru_cache

from temporalio.common import Priority

from language.channel import CHANNELS
from language.message import MessageClass

JOURNEYS = "journeys"
"""The queue of workflows and of all activities but sends."""

TRANSACTIONAL = "send-transactional"
LANE_BY_CHANNEL: dict[str, str] = {channel: f"send-{channel.replace('_', '-')}" for channel in CHANNELS}
LANES = (TRANSACTIONAL, *LANE_BY_CHANNEL.values())

PRIORITY_BY_CLASS: Mapping[MessageClass, int] = {"transactional": 1, "service": 3, "promotional": 5}
"""Temporal's priority keys: the lowest goes first, five is the last."""

CLASS_UNKNOWN: MessageClass = "service"
"""What messages count as in versions that were published before they said so."""


def lane(channel: str, message_class: MessageClass | None) -> str:
    """The queue of a send."""
    return TRANSACTIONAL if message_class == "transactional" else LANE_BY_CHANNEL.get(channel, JOURNEYS)


def place(message_class: MessageClass | None, *, has_queued: bool = False) -> Priority:
    """Whom a send stands behind. One that has queued before goes ahead of its class."""
    key = PRIORITY_BY_CLASS[message_class or CLASS_UNKNOWN]
    return Priority(priority_key=max(1, key - 1) if has_queued else key)


@lru_cache(maxsize=256)
def urgency(definition: str) -> Priority:
    """How soon the decisions of a journey's enrolments are made: by the most urgent of its messages."""
    classes = json.loads(definition).get("classes", {}).values()
    return Priority(priority_key=min((PRIORITY_BY_CLASS[it] for it in classes), default=PRIORITY_BY_CLASS["service"]))
