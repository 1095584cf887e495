"""How urgent the classes of messages are, in the words of Temporal's priority keys: 1 goes first, 5 last."""

from collections.abc import Iterable, Mapping

from language.message import MessageClass

URGENCY: Mapping[MessageClass, int] = {"transactional": 1, "service": 3, "promotional": 5}
USUAL = URGENCY["service"]
"""Also of what says nothing of its class: journeys without messages, and versions older than lanes."""

LEVELS = tuple(sorted(URGENCY.values()))


def urgency_of(classes: Iterable[MessageClass]) -> int:
    """That of a journey: of the most urgent of its messages."""
    return min((URGENCY[it] for it in classes), default=USUAL)
