"""Messages of which nothing final was heard: their provider is asked, since a report can be lost for good."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable

import structlog
from prometheus_client import Counter

from activities.channel import NotAccepted, Route, SendError
from language.message_event import Report
from language.twilio_codes import ACCOUNT

PAGE = 20
"""Messages that one worker asks after before it looks again."""

APART = 0.2
"""Seconds between two questions."""

IDLE = 15.0
LATER = timedelta(minutes=5)

ASKED = Counter("sojourn_messages_asked_after", "Messages of which nothing was heard.", ["channel", "result"])

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Learnt:
    """What became of a message. `event_id` is that of the report that did not come, should it still."""

    report: Report
    event_id: str
    details: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class Askable(Protocol):
    """A channel whose provider tells, by its own id, what became of a message."""

    async def ask(self, provider_id: str) -> Learnt | None:
        """None: nothing final yet. Raises a `SendError`."""


Unheard = tuple[str, str, str | None, str]
"""Key, channel, account and the provider's id of a message that went out."""


class Silences(Protocol):
    """Messages of which nothing final was heard. Who takes some has them alone."""

    async def take(self, channels: Sequence[str], most: int) -> list[Unheard]:
        """Those due, oldest first; each is due again later by itself, a few times in all."""

    async def learn(self, key: str, what: Report, event_id: str, details: dict[str, Any]) -> None:
        """As if the provider had reported it. The same again changes nothing."""

    async def put_back(self, key: str, after: timedelta) -> None:
        """It could not be asked after: that time does not count."""


class Asking:
    """The loop of a worker that asks. `run` ends when it is cancelled."""

    def __init__(self, silences: Silences, routes: Mapping[str, Route], *, apart: float = APART) -> None:
        self._silences = silences
        self._routes = {
            name: route for name, route in routes.items() if all(isinstance(it, Askable) for it in _accounts(route))
        }
        self._apart = apart

    async def run(self) -> None:
        while True:
            try:
                asked = await self.round()
            except Exception as error:  # the database is away, say; its text may hold values
                log.error("asking.failed", error=type(error).__name__)
                asked = 0
            if asked < PAGE:
                await asyncio.sleep(IDLE)

    async def round(self) -> int:
        """Ask after a page of those due; how many they were."""
        taken = await self._silences.take(sorted(self._routes), PAGE)
        for key, channel, account, provider_id in taken:
            result = await self._ask(key, channel, account, provider_id)
            ASKED.labels(channel, result).inc()
            await asyncio.sleep(self._apart)
        return len(taken)

    async def _ask(self, key: str, channel: str, account: str | None, provider_id: str) -> str:
        asked: object = self._routes[channel].of(account)
        if not isinstance(asked, Askable):
            return "no_account"
        try:
            learnt = await asked.ask(provider_id)
        except SendError as error:
            later = error.retry_after if isinstance(error, NotAccepted) else None
            await self._silences.put_back(key, later or LATER)
            log.warning("asking.refused", channel=channel, reason=error.reason)
            return "refused"
        if learnt is None:
            return "nothing"
        if (code := learnt.details.get("code")) in ACCOUNT:
            log.error("twilio.account_trouble", code=code, meaning=ACCOUNT[code])
        await self._silences.learn(key, learnt.report, learnt.event_id, learnt.details)
        return "learnt"


def _accounts(route: Route) -> list[object]:
    return list(route.by_account.values())
