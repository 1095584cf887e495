"""What the customer has said about being written to, and what follows from it for one message."""

from collections.abc import Iterable

from language.policy import Policy
from language.sending import Consent, Refusal

EVERY_TOPIC = "*"
"""In a consent's topic: all that is not transactional. No topic at all binds transactional messages too."""

REQUESTED, GIVEN, WITHDRAWN = "Consent Requested", "Consent Given", "Consent Withdrawn"

EVENT_BY_STATE = {"pending": REQUESTED, "opted_in": GIVEN, "opted_out": WITHDRAWN}
"""What journeys hear of each word. `pending`: it waits for its confirmation, and changes nothing so far."""

CONSENT_EVENTS = frozenset(EVENT_BY_STATE.values())


def objection(
    consents: tuple[Consent, ...], message_class: str, topic: str | None, channel: str, policy: Policy
) -> Refusal | None:
    """What the customer has said against it, or has not said that has to be said first."""
    for consent in consents:
        if consent.state == "opted_out" and binds(consent, message_class, topic, channel):
            return Refusal("suppressed", f"the customer has opted out of {_named(consent)}")
    if message_class == "promotional" and topic in policy.confirmed_topics and not is_given(consents, topic, channel):
        return Refusal("suppressed", f"the customer's consent to the topic {topic} is not confirmed")
    return None


def binds(consent: Consent, message_class: str, topic: str | None, channel: str) -> bool:
    """A word about everything or about a channel binds every class; one about topics does not bind transactional
    messages."""
    if consent.channel not in (None, channel):
        return False
    if consent.topic is None:
        return True
    return message_class != "transactional" and consent.topic in (EVERY_TOPIC, topic)


def is_given(consents: Iterable[Consent], topic: str | None, channel: str) -> bool:
    """Whether the customer has asked for this very topic."""
    return any(one.state == "opted_in" and one.topic == topic and one.channel in (None, channel) for one in consents)


def _named(consent: Consent) -> str:
    match consent.topic:
        case None:
            what = "everything"
        case "*":
            what = "all topics"
        case topic:
            what = f"the topic {topic}"
    return f"{what} by {consent.channel}" if consent.channel else what
