"""The pages on which customers say what they want to hear of: their addresses, which need no login."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from language.opt_out_offer import OptOutOffer

Purpose = Literal["unsubscribe", "preferences", "confirm"]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Whose(NamedTuple):
    """Whom a page is for, and what the message that leads to it was about; ids only. `consent_id` is the one to
    confirm."""

    customer_id: int
    channel: str | None = None
    topic: str | None = None
    message: str | None = None
    consent_id: int | None = None


class Signer(Protocol):
    """Makes tokens that only it can make, and reads them."""

    def sign(self, purpose: str, values: Sequence[str | int | None]) -> str: ...

    def read(self, purpose: str, token: str) -> list[Any] | None: ...


class CustomerPages:
    """`public_url` is where customers reach the API."""

    def __init__(self, public_url: str, signer: Signer) -> None:
        self._url, self._signer = public_url.rstrip("/"), signer
        parts = urlsplit(self._url)
        self._is_safe = parts.scheme == "https" or parts.hostname in LOOPBACK

    def offer(self, whose: Whose) -> OptOutOffer:
        """What a message can show. One-click needs an address that mail programs trust, and a topic to leave."""
        return OptOutOffer(
            unsubscribe_url=self.url("unsubscribe", whose),
            preferences_url=self.url("preferences", whose),
            is_one_click=self._is_safe and whose.topic is not None,
        )

    def url(self, purpose: Purpose, whose: Whose) -> str:
        return f"{self._url}/{purpose}/{self.token(purpose, whose)}"

    def token(self, purpose: Purpose, whose: Whose) -> str:
        return self._signer.sign(purpose, whose)

    def read(self, purpose: Purpose, token: str) -> Whose | None:
        """None: the token is none of ours, or is for another purpose."""
        values = self._signer.read(purpose, token)
        return Whose(*values) if values is not None else None
