"""Tracked links: short addresses of ours. Each leads to one web address of one message, and shows who opened it."""

from collections.abc import Callable
from typing import NamedTuple

TOKEN_LENGTH = 11
"""Letters and digits, 62 of them: 65 bits, of which nobody guesses one that is in use; an SMS pays for each."""


class Link(NamedTuple):
    """`address` is what the message shows, `token` its last part (None: nobody keeps it), and `url` where it leads."""

    address: str
    token: str | None
    url: str


class TrackedLinks:
    """`public_url` is where customers reach the API; `new_token` never makes the same one twice."""

    def __init__(self, public_url: str, new_token: Callable[[], str]) -> None:
        self._start, self._new_token = f"{public_url.rstrip('/')}/l/", new_token

    def make(self, url: str) -> Link:
        token = self._new_token()
        return Link(self._start + token, token, url)


EXAMPLE = "https://example.com/l/" + "x" * TOKEN_LENGTH

USUAL_LENGTH = len(EXAMPLE)
"""Characters that a tracked link takes up where nobody knows yet where customers reach the API."""


def nowhere(url: str) -> Link:
    """Where there is no customer: in the simulator's texts, as long as real ones are."""
    return Link(EXAMPLE, None, url)
