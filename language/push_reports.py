"""What a browser or an app tells of a push message: each message brings an address, and a token that speaks for it
alone."""

from typing import Any, Literal, NamedTuple, cast

from language.customer_pages import Signer

PushReport = Literal["delivered", "opened"]
"""`delivered`: it came to the device. `opened`: the customer tapped it. Who opens a tracked link has `clicked`."""

PATH = "/push/reports"
PURPOSE = "push report"


class AskedFor(NamedTuple):
    """`to`: the address; `token`: what is told there with the word."""

    to: str
    token: str


class PushReports:
    """`public_url` is where customers' devices reach the API. Tokens hold a message's key, and nobody else can make
    one: keys can be guessed."""

    def __init__(self, public_url: str, signer: Signer) -> None:
        self._to, self._signer = public_url.rstrip("/") + PATH, signer

    def ask(self, key: str) -> AskedFor:
        """What goes with the message; the same each time that it is sent."""
        return AskedFor(self._to, self._signer.sign(PURPOSE, [key]))

    def key(self, token: str) -> str | None:
        """The message that a token speaks for; None: it is none of ours."""
        values: list[Any] | None = self._signer.read(PURPOSE, token)
        return cast(str, values[0]) if values is not None else None
