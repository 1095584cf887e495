"""What a provider has really accepted, whatever it answered."""

import json
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

Fault = Literal["drop", "accept_then_drop", "too_many", "error_after_accept", "unavailable", "hang"]
FAULTS: tuple[Fault, ...] = ("drop", "accept_then_drop", "too_many", "error_after_accept", "unavailable", "hang")

Fate = Literal["answered", "no_answer", "busy", "machine"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """One message that really goes out. `key` is our own, read from where the channel puts it."""

    provider: str
    id: str
    key: str
    sender: str
    recipient: str
    subject: str | None
    text: str
    at: float = field(default_factory=time.time)


class Ledger:
    """`lag`: seconds before an accepted message shows in lists, `lag_share` of them for each message. `journal`: a file
    that keeps all of it. `fate`: how a call to a number ends; `code`: why messages to a number fail; `mailed`: what
    became of mails to an address, and why. `told`: who hears of each message, with the address for its statuses.
    `may_read`: whether the Email Logs may be read for an address."""

    def __init__(self, lag: float, journal: Path | None) -> None:
        self.accepted: list[Accepted] = []
        self.calls = 0
        self.looks = 0
        self.lag = lag
        self.lag_share: Callable[[str], float] = lambda id: 1.0
        self.may_look = True
        self.may_read: Callable[[str], bool] = lambda address: True
        self.fate: Callable[[str], Fate | None] = lambda number: None
        self.code: Callable[[str], int | None] = lambda number: None
        self.mailed: Callable[[str], tuple[str, str]] = lambda address: ("processed", "")
        self.told: Callable[[Accepted, str | None], None] = lambda message, callback: None
        self.callbacks: dict[str, str] = {}
        self.queries: deque[list[str]] = deque(maxlen=100)
        self._journal = journal

    @property
    def count_by_key(self) -> Counter[str]:
        return Counter(message.key for message in self.accepted)

    def accept(self, message: Accepted) -> None:
        self.accepted.append(message)
        if self._journal is not None:
            with self._journal.open("a") as journal:
                journal.write(json.dumps(asdict(message)) + "\n")
        self.told(message, self.callbacks.get(message.id))

    def visible(self, provider: str) -> list[Accepted]:
        """What lists show by now, the oldest first."""
        now = time.time()
        return [m for m in self.accepted if m.provider == provider and m.at + self.lag * self.lag_share(m.id) <= now]

    def next_id(self, prefix: str) -> str:
        return f"{prefix}{self.calls:032x}"
