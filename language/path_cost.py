"""What the messages of a path cost at most, by the contact policy: to wherever they go, in their longest language."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from language.message import Message, Wording
from language.opt_out_offer import possible_line
from language.paths import Path
from language.policy import Policy
from language.sms_length import most_segments


def prices(messages: Mapping[str, Message], policy: Policy) -> Callable[[str, str], Decimal]:
    """The price of a message on a channel; nothing where the policy does not say."""

    def price(message: str, channel: str) -> Decimal:
        segments = _segments(messages.get(message), policy) if channel == "sms" else None
        return policy.costs.worst(channel, segments) or Decimal(0)

    return price


def cost(path: Path, price: Callable[[str, str], Decimal]) -> Decimal:
    """Of all its messages."""
    return sum((price(sent.message, sent.channel) for sent in path.messages), Decimal(0))


def _segments(message: Message | None, policy: Policy) -> int:
    """With the line that a promotional one may end with."""
    wordings: dict[str, Wording] = {message.locale: message, **message.locales} if message else {}
    texts = [(tag, wording.sms) for tag, wording in wordings.items() if wording.sms]
    if message and message.class_ == "promotional":
        texts = [(tag, text + possible_line(text, tag, policy.opt_out_words)) for tag, text in texts]
    return max((most_segments(text) for _, text in texts), default=1)
