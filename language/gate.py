"""Whether a message may go out now, and what it says: the last word, spoken while the customer's row is locked."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from language.address import NoAddress, address
from language.cap import Contact
from language.channel import Channel
from language.consent import objection
from language.contact_rules import ContactRules, Kind, counts_since
from language.customer_pages import Whose
from language.message import Message
from language.opt_out_offer import NOWHERE, OptOutOffer
from language.policy import Policy
from language.port import SendMessage
from language.rendering import Rendered, Undeliverable, render
from language.sending import Addressee, Consent, Draft, Hold, Judgement, Refusal
from language.spending import Charge
from language.time_zone import CustomerZone, customer_zone
from language.tracked_links import Link, nowhere

NO_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class MessageGate:
    """The rules, in the order in which a person would name them: too late, not wanted, no way to reach, not now, not
    complete.

    `now` is journey time; `link` makes a tracked link of an address, `offer` knows the pages on which customers choose.
    `away`: no account of the channel takes messages now.
    """

    send: SendMessage
    message: Message
    provider: str
    sender: str
    now: datetime
    link: Callable[[str], Link] = nowhere
    policy: Policy = NO_POLICY
    offer: Callable[[Whose], OptOutOffer] = lambda whose: NOWHERE
    account: str | None = None
    away: Hold | None = None

    @property
    def message_class(self) -> str:
        return self.message.class_

    @property
    def topic(self) -> str | None:
        return self.message.topic

    @property
    def counts_since(self) -> datetime | None:
        return counts_since(self.policy, self._kind, self.now)

    @property
    def in_a_row(self) -> int | None:
        lines = self.send.channel in ("sms", "whatsapp") and self.message_class == "promotional"
        return self.policy.promotional_in_a_row if lines else None

    @property
    def control(self) -> float:
        """Per cent of all customers who get no message of this kind; 0: nobody is drawn."""
        return 0 if self._kind.is_free else self.policy.control

    def charges(self, draft: Draft) -> tuple[Charge, ...]:
        return self.policy.charges(self.send.channel, self.message_class, draft.cost, self.now)

    def over_budget(self, charge: Charge, addressee: Addressee, contacts: tuple[Contact, ...]) -> Refusal | Hold:
        zone = customer_zone(addressee.traits, addressee.time_zone, self.policy.time_zones)
        rules = ContactRules(self.policy, self._kind, zone, contacts)
        verdict = rules.spent(self.now, charge, self.policy.costs.currency)
        if charge.budget.on_reached == "drop" or self.send.on_cap == "next_channel":
            return Refusal("suppressed", verdict.reason)
        return self._hold(verdict.until, verdict.reason)

    def recipient(self, addressee: Addressee) -> str | Refusal:
        try:
            return address(self.send.channel, addressee.traits)
        except NoAddress as error:
            return Refusal("undeliverable", str(error))

    def judge(
        self,
        addressee: Addressee,
        recipient: str | Refusal,
        consents: tuple[Consent, ...],
        *,
        is_dead: bool,
        contacts: tuple[Contact, ...] = (),
        is_in_a_row: bool = False,
        is_held_out: bool = False,
    ) -> Judgement:
        """`contacts` are the customer's earlier messages since `counts_since`; `is_in_a_row`: the last
        `in_a_row` of all were promotional, and the customer has taken notice of none; `is_held_out`: from all
        journeys, by `control`."""
        refusal = (
            self._refused_before()
            or self._too_late()
            or objection(consents, self.message_class, self.topic, self.send.channel, self.policy)
            or self._held_out(is_held_out)
        )
        if refusal is not None:
            return refusal
        if isinstance(recipient, Refusal):
            return recipient
        if is_dead:
            return Refusal("undeliverable", "a provider has said that nothing arrives at this address")
        zone = customer_zone(addressee.traits, addressee.time_zone, self.policy.time_zones)
        return self._not_now(zone, contacts) or self._away() or self._draft(addressee, recipient, zone, is_in_a_row)

    def _refused_before(self) -> Refusal | None:
        """What the run has decided already, such as passing over what fell due during a pause."""
        return Refusal("suppressed", self.send.refuse) if self.send.refuse else None

    def _too_late(self) -> Refusal | None:
        last = self.send.valid_until
        if last is None or self.now <= last:
            return None
        if self.away is not None:
            return Refusal("expired", f"{self.away.reason}, longer than it is valid for")
        return Refusal("expired", "it was due longer ago than it is valid for")

    def _away(self) -> Refusal | Hold | None:
        """Until an account takes messages again, but not longer than it is valid for: who knows when that will be."""
        last = self.send.valid_until
        if self.away is None or last is None or self.away.until <= last:
            return self.away
        if self.now < last:
            return Hold(last, self.away.reason)
        return Refusal("expired", f"{self.away.reason}, longer than it is valid for")

    def _held_out(self, is_held_out: bool) -> Refusal | None:
        if self.control and is_held_out:
            return Refusal("held_out", "the customer is in the control group of all journeys, which gets nothing")
        if not self.send.held_out or self.message_class == "transactional":
            return None
        return Refusal("held_out", "the customer is in the control group, which gets nothing")

    @property
    def _kind(self) -> Kind:
        send = self.send
        step = f"{send.progress.enrolment_id}/{send.step}/{send.visit}"
        return Kind(send.channel, self.message_class, self.topic, step)

    def _not_now(self, zone: CustomerZone, contacts: tuple[Contact, ...]) -> Refusal | Hold | None:
        """Quiet hours hold; a cap drops, or holds where the step says so."""
        if self._kind.is_free:
            return None
        rules = ContactRules(self.policy, self._kind, zone, contacts)
        if quiet := rules.quiet(self.now):
            return self._hold(quiet.until, quiet.reason)
        if capped := rules.capped(self.now):
            defers = self.send.on_cap == "defer"
            return self._hold(capped.until, capped.reason) if defers else Refusal("suppressed", capped.reason)
        return None

    def _hold(self, until: datetime, reason: str) -> Refusal | Hold:
        last = self.send.valid_until
        if last is not None and until > last:
            return Refusal("expired", f"{reason}, later than it is valid for")
        return Hold(until, reason)

    def _draft(self, addressee: Addressee, recipient: str, zone: CustomerZone, is_in_a_row: bool) -> Draft | Refusal:
        links: list[Link] = []

        def link(url: str) -> str:
            links.append(made := self.link(url))
            return made.address

        try:
            rendered = self._rendered(addressee, zone, is_in_a_row, link)
        except Undeliverable as error:
            return Refusal("undeliverable", str(error))
        return Draft(
            recipient,
            self.sender,
            rendered.subject,
            rendered.text,
            rendered.html,
            rendered.segments,
            self.policy.costs.of(self.send.channel, recipient, rendered.segments),
            {**rendered.content, "has_tracked_links": True} if links and rendered.html else rendered.content,
            tuple(links),
        )

    def _rendered(
        self, addressee: Addressee, zone: CustomerZone, is_in_a_row: bool, link: Callable[[str], str]
    ) -> Rendered:
        own = {"id": addressee.id, "time_zone": addressee.time_zone, "locale": addressee.locale}
        return render(
            self.message,
            cast(Channel, self.send.channel),  # the loader has checked it
            scope={"now": self.now, **self.send.scope, "profile": {**addressee.traits, **own}},
            locale=addressee.locale,
            time_zone=zone.name,
            link=link,
            offer=self.offer(Whose(addressee.id, self.send.channel, self.topic, self.send.key)),
            opt_out_words=self.policy.opt_out_words if is_in_a_row else None,
        )
