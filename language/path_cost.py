"""What the messages of a path cost at most, by the contact policy: to wherever they go, in their longest language."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from language.message import Message
from language.paths import Path
from language.policy import Policy
from language.sms_length import most_segments


def prices(messages: Mapping[str, Message], policy: Policy) -> Callable[[str, str], Decimal]:
    """The price of a message on a channel; nothing where the policy does not say."""

    def price(message: str, channel: str) -> Decimal:
        segments = _segments(messages.get(message)) if channel == "sms" else None
        return policy.costs.worst(channel, segments) or Decimal(0)

    return price


def cost(path: Path, price: Callable[[str, str], Decimal]) -> Decimal:
    """Of all its messages."""
    return sum((price(sent.message, sent.channel) for sent in path.messages), Decimal(0))


def _segments(message: Message | None) -> int:
    texts = [wording.sms for wording in (message, *message.locales.values()) if wording.sms] if message else []
    return max(map(most_segments, texts), default=1)
