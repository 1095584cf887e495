"""Which queue a send waits in, and who goes first: a blast never stands before a message that somebody waits for."""

import json
from functools import lru_cache

from temporalio.common import Priority

from language.channel import CHANNELS
from language.message import MessageClass
from language.urgency import URGENCY, USUAL, urgency_of

JOURNEYS = "journeys"
"""The queue of workflows and of all activities but sends."""

TRANSACTIONAL = "send-transactional"
LANE_BY_CHANNEL: dict[str, str] = {channel: f"send-{channel.replace('_', '-')}" for channel in CHANNELS}
LANES = (TRANSACTIONAL, *LANE_BY_CHANNEL.values())


def lane(channel: str, message_class: MessageClass | None) -> str:
    """The queue of a send."""
    return TRANSACTIONAL if message_class == "transactional" else LANE_BY_CHANNEL.get(channel, JOURNEYS)


def place(message_class: MessageClass | None, *, has_queued: bool = False) -> Priority:
    """Whom a send stands behind. One that has queued before goes ahead of its class."""
    key = URGENCY[message_class] if message_class else USUAL
    return Priority(priority_key=max(1, key - 1) if has_queued else key)


@lru_cache(maxsize=256)
def urgency(definition: str) -> Priority:
    """How soon the decisions of a journey's enrolments are made: by the most urgent of its messages."""
    classes = json.loads(definition).get("classes", {}).values()
    return Priority(priority_key=urgency_of(classes))
