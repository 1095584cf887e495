"""What a channel is to the messaging activity: one vendor's way to send, and to find out what it has sent."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol


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


class Unknowable(SendError):
    """The provider will not tell, now or later, what became of a message."""
