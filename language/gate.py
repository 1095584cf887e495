"""Whether a message may go out now, and what it says: the last word, spoken while the customer's row is locked."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from language.address import NoAddress, address
from language.channel import Channel
from language.message import Message
from language.port import SendMessage
from language.rendering import Undeliverable, render
from language.sending import Addressee, Consent, Draft, Refusal

DEFAULT_ZONE = "UTC"


@dataclass(frozen=True, slots=True)
class MessageGate:
    """The rules, in the order in which a person would name them: too late, not wanted, no way to reach, not complete.

    `now` is journey time; `link` makes a tracked link of an address.
    """

    send: SendMessage
    message: Message
    provider: str
    sender: str
    now: datetime
    link: Callable[[str], str] = str

    @property
    def message_class(self) -> str:
        return self.message.class_

    @property
    def topic(self) -> str | None:
        return self.message.topic

    def recipient(self, addressee: Addressee) -> str | Refusal:
        try:
            return address(self.send.channel, addressee.traits)
        except NoAddress as error:
            return Refusal("undeliverable", str(error))

    def judge(
        self, addressee: Addressee, recipient: str | Refusal, consents: tuple[Consent, ...], *, is_dead: bool
    ) -> Draft | Refusal:
        refusal = (
            self._refused_before()
            or self._too_late()
            or objection(consents, self.message_class, self.topic, self.send.channel)
        )
        if refusal is not None:
            return refusal
        if isinstance(recipient, Refusal):
            return recipient
        if is_dead:
            return Refusal("undeliverable", "a provider has said that nothing arrives at this address")
        return self._draft(addressee, recipient)

    def _refused_before(self) -> Refusal | None:
        """What the run has decided already, such as passing over what fell due during a pause."""
        return Refusal("suppressed", self.send.refuse) if self.send.refuse else None

    def _too_late(self) -> Refusal | None:
        valid_for = self.send.valid_for
        if valid_for is None or self.now <= self.send.due_at + valid_for:
            return None
        return Refusal("expired", "it was due longer ago than it is valid for")

    def _draft(self, addressee: Addressee, recipient: str) -> Draft | Refusal:
        profile = {
            **addressee.traits,
            "id": addressee.id,
            "time_zone": addressee.time_zone,
            "locale": addressee.locale,
        }
        try:
            rendered = render(
                self.message,
                cast(Channel, self.send.channel),  # the loader has checked it
                scope={"now": self.now, **self.send.scope, "profile": profile},
                locale=addressee.locale,
                time_zone=addressee.time_zone or DEFAULT_ZONE,
                link=self.link,
            )
        except Undeliverable as error:
            return Refusal("undeliverable", str(error))
        return Draft(recipient, self.sender, rendered.subject, rendered.text, rendered.html, rendered.segments)


def objection(consents: tuple[Consent, ...], message_class: str, topic: str | None, channel: str) -> Refusal | None:
    """What the customer has said against it. A word about everything or about a channel binds every class; one about a
    topic does not bind transactional messages."""
    for consent in consents:
        if consent.state == "opted_out" and _binds(consent, message_class, topic, channel):
            return Refusal("suppressed", f"the customer has opted out of {_named(consent)}")
    return None


def _binds(consent: Consent, message_class: str, topic: str | None, channel: str) -> bool:
    if consent.channel not in (None, channel):
        return False
    return consent.topic is None or (consent.topic == topic and message_class != "transactional")


def _named(consent: Consent) -> str:
    topic = f"the topic {consent.topic}" if consent.topic else "everything"
    return f"{topic} by {consent.channel}" if consent.channel else topic
