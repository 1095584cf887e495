"""Channels without a provider: the sandbox plays one, or nothing goes out and it is said why."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Protocol

from activities.channel import Accepted, AccountTrouble, Ambiguous, Outgoing, Sighting
from language.push_reports import PushReports


class Inbox(Protocol):
    """Where the sandbox keeps what it took, once for each `provider_id`."""

    async def put(
        self,
        provider_id: str,
        *,
        key: str,
        channel: str,
        sender: str,
        recipient: str,
        subject: str | None,
        text: str,
        content: Mapping[str, Any],
    ) -> None: ...

    async def has(self, provider_id: str) -> bool: ...


class SandboxChannel:
    """Puts messages where people can see them, and where they can say what becomes of them: what `reports` asks a
    device to tell goes with each."""

    provider = "sandbox"
    settle = timedelta(0)

    def __init__(
        self,
        name: str,
        sender: str,
        inbox: Inbox,
        *,
        reports: PushReports | None = None,
        call_timeout: timedelta = timedelta(seconds=5),
    ) -> None:
        self.name = name
        self.sender = sender
        self.call_timeout = call_timeout
        self._inbox = inbox
        self._reports = reports

    async def send(self, outgoing: Outgoing, *, within: float) -> Accepted:
        provider_id = sandbox_id(outgoing.key)
        asked = {"report": self._reports.ask(outgoing.key).token} if self._reports else {}
        try:
            async with asyncio.timeout(within):
                await self._inbox.put(
                    provider_id,
                    key=outgoing.key,
                    channel=outgoing.channel,
                    sender=outgoing.sender,
                    recipient=outgoing.recipient,
                    subject=outgoing.subject,
                    text=outgoing.text,
                    content={**outgoing.content, **asked},
                )
        except TimeoutError:
            raise Ambiguous("sandbox: no answer in time") from None
        return Accepted(provider_id)

    async def look_up(self, outgoing: Outgoing, *, since: datetime) -> Sighting:
        provider_id = sandbox_id(outgoing.key)
        return Sighting((provider_id,) if await self._inbox.has(provider_id) else (), is_proof=True)


class UnprovidedChannel:
    """Holds its messages until somebody configures a provider."""

    provider = "none"
    sender = ""
    call_timeout = timedelta(seconds=10)
    settle = timedelta(0)

    def __init__(self, name: str) -> None:
        self.name = name

    async def send(self, outgoing: Outgoing, *, within: float) -> Accepted:
        raise AccountTrouble(f"no provider is configured for {self.name}")

    async def look_up(self, outgoing: Outgoing, *, since: datetime) -> Sighting:
        """An attempt that was cut off has sent nothing, as none can."""
        return Sighting(is_proof=True)


def sandbox_id(key: str) -> str:
    """The sandbox's id of the message with this key: sent again, it is the same."""
    return f"SB{blake2b(key.encode(), digest_size=16).hexdigest()}"
