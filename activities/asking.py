"""Messages of which nothing final was heard: their provider is asked, since a report can be lost for good."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol, runtime_checkable

import structlog
from prometheus_client import Counter, Gauge

from activities.channel import MAIN, NotAccepted, Route, SendError, Unknowable
from language.twilio_codes import ACCOUNT
from language.unheard import Learnt, Unheard

PAGE = 20
"""Messages that one worker asks after before it looks again."""

APART = 0.2
"""Seconds between two questions."""

IDLE = 15.0
MANY = 10_000
LATER = timedelta(minutes=5)
MUTE = timedelta(hours=1)
"""For which an account that does not tell is not asked: its key may be given the right to."""

ASKED = Counter("sojourn_messages_asked_after", "Messages of which nothing was heard.", ["channel", "result"])
SILENT = Gauge("sojourn_messages_silent", f"Messages of which nothing is heard, counted up to {MANY}.")

log = structlog.get_logger()


@runtime_checkable
class Askable(Protocol):
    """A channel whose provider tells, by its own id, what became of a message."""

    async def ask(self, unheard: Unheard) -> Learnt | None:
        """None: nothing final yet. Raises a `SendError`; Unknowable: it tells nothing."""


class Silences(Protocol):
    """Messages of which nothing final was heard. Who takes some has them alone."""

    async def take(self, accounts: Sequence[tuple[str, str]], most: int) -> list[Unheard]:
        """Those due by these channels and accounts, oldest first; each is due again later by itself, a few times in
        all."""

    async def learn(self, unheard: Unheard, learnt: Learnt) -> None:
        """As if the provider had reported it. The same again changes nothing."""

    async def put_back(self, key: str, after: timedelta) -> None:
        """It could not be asked after: that time does not count."""

    async def count(self, accounts: Sequence[tuple[str, str]], most: int) -> int:
        """How many there are, due or not."""


class Asking:
    """The loop of a worker that asks. `run` ends when it is cancelled. `clock` tells seconds."""

    def __init__(
        self,
        silences: Silences,
        routes: Mapping[str, Route],
        *,
        apart: float = APART,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._silences = silences
        self._askable: dict[tuple[str, str], Askable] = {
            (name, account): by
            for name, route in routes.items()
            for account, by in route.by_account.items()
            if isinstance(by, Askable)
        }
        self._mute_until: dict[tuple[str, str], float] = {}
        self._apart, self._clock = apart, clock

    async def run(self) -> None:
        while True:
            try:
                asked = await self.round()
                SILENT.set(await self._silences.count(self._accounts(), MANY))
            except Exception as error:  # the database is away, say; its text may hold values
                log.error("asking.failed", error=type(error).__name__)
                asked = 0
            if asked < PAGE:
                await asyncio.sleep(IDLE)

    async def round(self) -> int:
        """Ask after a page of those due; how many they were."""
        taken = await self._silences.take(self._accounts(), PAGE)
        for unheard in taken:
            result = await self._ask(unheard)
            ASKED.labels(unheard.channel, result).inc()
            await asyncio.sleep(self._apart)
        return len(taken)

    def _accounts(self) -> list[tuple[str, str]]:
        return sorted(it for it in self._askable if not self._is_mute(it))

    def _is_mute(self, account: tuple[str, str]) -> bool:
        return account in self._mute_until and self._clock() < self._mute_until[account]

    async def _ask(self, unheard: Unheard) -> str:
        account = unheard.channel, unheard.account or MAIN
        if self._is_mute(account):
            await self._silences.put_back(unheard.key, MUTE)
            return "refused"
        try:
            learnt = await self._askable[account].ask(unheard)
        except Unknowable as error:
            self._mute_until[account] = self._clock() + MUTE.total_seconds()
            await self._silences.put_back(unheard.key, MUTE)
            log.warning("asking.put_off", channel=account[0], account=account[1], reason=error.reason)
            return "refused"
        except SendError as error:
            later = error.retry_after if isinstance(error, NotAccepted) else None
            await self._silences.put_back(unheard.key, later or LATER)
            log.warning("asking.refused", channel=unheard.channel, reason=error.reason)
            return "refused"
        if learnt is None:
            return "nothing"
        if (code := learnt.details.get("code")) in ACCOUNT:
            log.error("twilio.account_trouble", code=code, meaning=ACCOUNT[code])
        await self._silences.learn(unheard, learnt)
        return "learnt"
