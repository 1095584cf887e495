"""WhatsApp through Twilio's own SDK: an approved template, or free text while the customer's 24 hours last."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any, Protocol

from activities.channel import Accepted, Outgoing, Sighting
from activities.channels.twilio_client import (
    LOOK_BACK,
    TwilioAccount,
    TwilioClient,
    addressed,
    is_ours,
    is_service,
    judged,
    marked,
)
from language.unheard import Learnt, Unheard

PREFIX = "whatsapp:"


class Windows(Protocol):
    """For how long WhatsApp takes free text: 24 hours after whatever the customer wrote last."""

    async def is_open(self, key: str, recipient: str) -> bool:
        """Whether it is, when the message with this key was claimed; when in doubt it is not."""


class WhatsappChannel:
    """Make it inside the running event loop, once: it keeps its connections; `await close()` ends them."""

    name = "whatsapp"
    provider = "twilio"

    def __init__(
        self, account: TwilioAccount, windows: Windows, *, call_timeout: timedelta = timedelta(seconds=10)
    ) -> None:
        self.sender = account.sender
        self.call_timeout = call_timeout
        self.settle = account.settle
        self._callback = account.callback
        self._windows = windows
        self._twilio = TwilioClient(account)

    async def close(self) -> None:
        await self._twilio.close()

    async def send(self, outgoing: Outgoing, *, within: float) -> Accepted:
        deadline = asyncio.get_running_loop().time() + within
        fields = addressed(_sender(outgoing)) | marked(self._callback, outgoing.key, "status_callback")
        words = await self._words(outgoing, within / 2)
        async with judged(deadline - asyncio.get_running_loop().time()):
            message = await self._twilio.sdk.messages.create_async(to=PREFIX + outgoing.recipient, **fields, **words)
        return Accepted(message.sid)

    async def ask(self, unheard: Unheard) -> Learnt | None:
        """See `activities.asking.Askable`."""
        return await self._twilio.ask_message(unheard.provider_id, within=self.call_timeout.total_seconds())

    async def look_up(self, outgoing: Outgoing, *, since: datetime) -> Sighting:
        """Twilio shows a template filled, which we never see: whatever went to the same number since is alike."""
        async with judged(self.call_timeout.total_seconds()):
            messages = await self._twilio.sdk.messages.list_async(
                to=PREFIX + outgoing.recipient, limit=LOOK_BACK, page_size=LOOK_BACK
            )
        return Sighting(tuple(m.sid for m in messages if m.sid and is_ours(m, _sender(outgoing), since)))

    async def _words(self, outgoing: Outgoing, within: float) -> dict[str, Any]:
        content = outgoing.content
        if content.get("text") and await self._is_open(outgoing, within):
            return {"body": content["text"]}
        filled = {"content_variables": json.dumps(content["variables"])} if content.get("variables") else {}
        return {"content_sid": content["content_sid"], **filled}

    async def _is_open(self, outgoing: Outgoing, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                return await self._windows.is_open(outgoing.key, outgoing.recipient)
        except TimeoutError:
            return False


def _sender(outgoing: Outgoing) -> str:
    return outgoing.sender if is_service(outgoing.sender) else PREFIX + outgoing.sender
