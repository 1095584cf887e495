"""What the messaging activity and the ledger of messages say to each other about one message on one channel."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, Protocol

from language.cap import Contact
from language.port import Receipt, SendMessage
from language.spending import Charge
from language.tracked_links import Link

DEAD_ADDRESS = "dead address"
"""How the reason begins when a provider said that nothing ever arrives there. The ledger knows the address by it."""


class Consent(NamedTuple):
    """The newest word of a customer on a channel and a topic; none means all of them. `state`: opted_in, opted_out.

    What waits for its confirmation is no word yet. The topic `*` is every topic.
    """

    channel: str | None
    topic: str | None
    state: str


@dataclass(frozen=True, slots=True)
class Addressee:
    """The customer as the claiming transaction sees them, locked."""

    id: int
    traits: dict[str, Any]
    locale: str | None
    time_zone: str | None


@dataclass(frozen=True, slots=True)
class Draft:
    """What is about to go out, complete: the claim stores it, retries and look-ups use nothing else. `links` are the
    tracked ones that its texts show."""

    recipient: str
    sender: str
    subject: str | None
    text: str
    html: str | None
    segments: int | None = None
    cost: Decimal | None = None
    content: dict[str, Any] = field(default_factory=dict)
    links: tuple[Link, ...] = ()

    @property
    def digest(self) -> str:
        """32 hex digits over everything that the customer would see, and whom it goes to."""
        parts = (self.recipient, self.sender, self.subject or "", self.text, self.html or "")
        return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A decision not to send, for good, in words for people and without personal data."""

    verdict: Literal["suppressed", "undeliverable", "expired", "held_out"]
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now: everything is judged anew at `until` (journey time)."""

    until: datetime
    reason: str


Judgement = Draft | Refusal | Hold


class Gate(Protocol):
    """Decides within the claiming transaction. Pure and quick: two rows are locked meanwhile."""

    @property
    def message_class(self) -> str: ...

    @property
    def topic(self) -> str | None: ...

    @property
    def provider(self) -> str: ...

    @property
    def account(self) -> str | None:
        """Which of the channel's accounts the message shall go by; None: it has but one."""

    @property
    def counts_since(self) -> datetime | None:
        """Since when the customer's earlier messages bear on the judgement (journey time); None: not at all."""

    @property
    def in_a_row(self) -> int | None:
        """How many of the customer's last messages bear on how this one ends; None: none do."""

    @property
    def control(self) -> float:
        """Per cent of all customers who are held out of all journeys; 0: nobody is drawn."""

    def charges(self, draft: Draft) -> tuple[Charge, ...]:
        """What the draft takes from the policy's budgets."""

    def over_budget(self, charge: Charge, addressee: Addressee, contacts: tuple[Contact, ...]) -> Refusal | Hold:
        """What is said instead of a draft when this charge did not fit."""

    def recipient(self, addressee: Addressee) -> str | Refusal: ...

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
    ) -> Judgement: ...


@dataclass(frozen=True, slots=True)
class Claimed:
    """The attempt is ours: call the provider, once, before `call_until`."""

    attempt: int
    draft: Draft


@dataclass(frozen=True, slots=True)
class InFlight:
    """An earlier attempt may still be talking to the provider, or the provider not yet show it: come back after."""

    wait: timedelta


@dataclass(frozen=True, slots=True)
class Unresolved:
    """An earlier attempt was claimed and never recorded: look it up, at the account that it went by. `called_at` is
    wall time."""

    attempt: int
    draft: Draft
    called_at: datetime
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Stranded:
    """A claimed message whose attempt nobody came to resolve. `over`: why no run will come for it any more, None where
    one may; `is_old`: it has been so for long. `call_until` is wall time."""

    key: str
    customer_id: int
    channel: str
    message_class: str
    attempt: int
    draft: Draft
    call_until: datetime
    account: str | None = None
    over: str | None = None
    is_old: bool = False

    def unresolved(self, call_window: timedelta) -> Unresolved:
        return Unresolved(self.attempt, self.draft, self.call_until - call_window, self.account)


Claim = Claimed | InFlight | Unresolved | Receipt

Adoption = Receipt | InFlight | Literal["none", "unclear"]
"""`none`: nothing of it went out. `unclear`: what the provider shows may be this message, or another of ours or not."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an attempt. `released` and `held` are not final; `opts_out` writes the provider's STOP down."""

    status: Literal["sent", "released", "held", "suppressed", "undeliverable", "failed", "unknown"]
    reason: str | None = None
    provider_id: str | None = None
    segments: int | None = None
    opts_out: bool = False


class Overtaken(Exception):
    """A later attempt has the message: this one may say nothing about it any more."""


class Identified(Protocol):
    """A message, as far as saying what became of it takes."""

    @property
    def key(self) -> str: ...

    @property
    def customer_id(self) -> int: ...

    @property
    def channel(self) -> str: ...


class Ledger(Protocol):
    """The messages, one row a key. PostgreSQL's clock judges `call_until`, so workers' clocks need not agree."""

    async def claim(
        self,
        send: SendMessage,
        gate: Gate,
        *,
        now: datetime,
        call_window: timedelta,
        settle: timedelta,
        not_accepted: int | None = None,
    ) -> Claim:
        """Pass the gate and take the next attempt, in one transaction that writes the run's progress too.

        `now` is journey time. `not_accepted`: the attempt of which a look-up has shown that nothing went out.
        """

    async def record(self, send: Identified, attempt: int, result: Result, *, now: datetime) -> Receipt:
        """Write what became of an attempt, unless that is known; what stands then is returned.

        Raises Overtaken.
        """

    async def adopt(
        self,
        send: Identified,
        unresolved: Unresolved,
        provider_ids: tuple[str, ...],
        *,
        settle: timedelta,
        now: datetime,
    ) -> Adoption:
        """Settle an attempt by what a look-up found that is alike: each id can stand for one message only.

        Messages alike are as good as one another: of several unresolved ones, whoever comes first takes an id, and
        the last find none. Nothing is taken while another attempt alike may still be recorded by who made it.
        """
