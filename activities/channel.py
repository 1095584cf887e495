"""What a channel is to the messaging activity: one vendor's way to send, and to find out what it has sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from language.sending import Draft


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One claimed message, exactly as it is stored: retries and look-ups use nothing else.

    `content` is what a channel needs besides texts, see `language.rendering.Rendered`; `lasts` how long from now the
    message is of use (real time), None: nobody says.
    """

    key: str
    channel: str
    recipient: str
    sender: str
    subject: str | None
    text: str
    html: str | None
    content: dict[str, Any] = field(default_factory=dict)
    message_class: str = "service"
    lasts: timedelta | None = None

    @classmethod
    def of(cls, key: str, channel: str, draft: Draft, message_class: str, lasts: timedelta | None = None) -> "Outgoing":
        """What was drafted, as the message with this key."""
        texts = (draft.subject, draft.text, draft.html)
        return cls(key, channel, draft.recipient, draft.sender, *texts, draft.content, message_class, lasts)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has taken the message; `segments` where it counts them."""

    provider_id: str | None
    segments: int | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a look-up found. `is_proof`: the provider showed our own key, so each id is certainly this message.

    Without proof the ids are look-alikes, of which those that another message owns have still to be taken away.
    """

    provider_ids: tuple[str, ...] = ()
    is_proof: bool = False


class Channel(Protocol):
    """`call_timeout` bounds one send, `settle` is how long the provider may take to show what it accepted."""

    name: str
    provider: str
    sender: str
    call_timeout: timedelta
    settle: timedelta

    async def send(self, outgoing: Outgoing, *, within: float) -> Accepted:
        """Call the provider once, for `within` seconds at most; raises a `SendError`."""

    async def look_up(self, outgoing: Outgoing, *, since: datetime) -> Sighting:
        """What the provider knows of an attempt whose answer is lost. It was not made before `since` (wall time).

        Raises a `SendError`.
        """


MAIN = "main"
"""The account that a channel sends by while nothing is wrong with it."""


@dataclass(frozen=True, slots=True)
class Route:
    """The accounts that a channel may send by, as channels by their names, in the order in which they are tried.

    They may be different vendors'. The names are kept with messages, and hold no secret.
    """

    by_account: Mapping[str, Channel]

    @classmethod
    def by(cls, channel: Channel) -> "Route":
        """By one account only."""
        return cls({MAIN: channel})

    @property
    def first(self) -> Channel:
        return next(iter(self.by_account.values()))

    @property
    def settle(self) -> timedelta:
        """However long any of the providers may take to show what it accepted."""
        return max(it.settle for it in self.by_account.values())

    @property
    def call_timeout(self) -> timedelta:
        return max(it.call_timeout for it in self.by_account.values())

    def of(self, account: str | None) -> Channel | None:
        """The account that a message went by, None when it is not configured any more. Messages of the time when there
        was one only name none."""
        return self.by_account.get(account or MAIN)


class SendError(Exception):
    """Why a send did not end well. The text never holds an address or a message."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotAccepted(SendError):
    """Surely not accepted: the same message may be sent again, `retry_after` from now if the provider said so."""

    def __init__(self, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Unreachable(NotAccepted):
    """There was no connection: surely not accepted, and a sign that the provider is away."""


class Ambiguous(SendError):
    """It may or may not have been accepted."""


class DeadAddress(SendError):
    """Nothing will ever arrive at this address on this channel."""


class OptedOut(SendError):
    """The provider knows that the recipient wants nothing from this sender."""


class Refused(SendError):
    """The message itself is refused, by content or policy: never send it as it is again."""


class AccountTrouble(SendError):
    """Our own set-up: key, credits, number, permissions. No message of this channel can go out until it is mended."""


class NotPermitted(AccountTrouble):
    """Our own set-up does not let this message out, such as to this region; others may go."""


class Unknowable(SendError):
    """The provider will not tell, now or later, what became of a message."""
