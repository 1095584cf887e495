"""What people say on the sandbox page: that a message was opened, a call answered, a reply written."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args
from uuid import uuid4

from api.problem import Problem
from api.sandbox.webhooks import SandboxWebhooks
from language.channel import Channel
from language.message_event import CALL_ENDS, REPORTS, Report, reports_of
from store.database import Database
from store.links import first_link
from store.message_reports import report
from store.sandbox import SandboxInbox, SandboxMessage

AGAIN: tuple[Report, ...] = ("opened", "clicked", "answered")
"""What a person may do more than once; everything else is said of a message once."""


@dataclass(frozen=True, slots=True)
class SandboxReports:
    """What a provider tells goes through `webhooks`, as the provider's word; the rest, and all without them, is
    reported here. `clock` is the journeys'; `wake` rouses the relay."""

    db: Database
    clock: Callable[[], datetime]
    wake: Callable[[], None]
    webhooks: SandboxWebhooks | None = None

    async def tell(self, message_id: int, what: Report, text: str | None) -> dict[str, Any]:
        """Report it as the provider would; the message as it stands then. Raises Problem."""
        shown = await self._find(message_id)
        possible = tellable(shown)
        if what not in possible:
            can = f"it can be {', '.join(possible)}" if possible else "nothing more can be"
            raise Problem(409, "That cannot be said of this message", f"By {shown['channel']} and now, {can}.")
        await self.say(message_id, what, text)
        return await self._find(message_id)

    async def say(self, message_id: int, what: Report, text: str | None = None) -> None:
        """Report it, whether it can be or not. Raises Problem."""
        message = await SandboxInbox(self.db).get_by_id(message_id)
        if message is None:
            return
        url = await self._link(message) if what == "clicked" else None
        if url is None and self.webhooks and await self.webhooks.say(message, what, text):
            return
        if what == "pressed":
            details = {"digits": text or "1"}
        else:
            details = {"url": url} if url else {"text": text} if text else {}
        event_id = _event_id(message_id, message.channel, what)
        await report(self.db, self.clock, message.details["key"], what, event_id=event_id, details=details)
        if what == "pressed":  # by somebody who has picked up
            await self.say(message_id, "answered")
        self.wake()

    async def _link(self, message: SandboxMessage) -> str | None:
        """Where the first tracked link of the message leads: of clicks on these no provider tells."""
        shown = f"{message.text or ''} {message.html or ''} {message.details.get('url', '')}"
        return await first_link(self.db, message.details.get("key", ""), shown)

    async def _find(self, message_id: int) -> dict[str, Any]:
        shown = await SandboxInbox(self.db).show_one(message_id)
        if shown is None:
            raise Problem(404, "There is no such message", f"The sandbox has received no message {message_id}.")
        return shown


def tellable(shown: dict[str, Any]) -> tuple[Report, ...]:
    """What can be reported of a message now: nothing of one that we do not know, or of a call that is over."""
    channel, status = shown["channel"], shown["status"]
    is_out = status in ("claimed", "unknown", "sent", *REPORTS)
    if not is_out or channel not in get_args(Channel) or (channel == "voice" and status in CALL_ENDS):
        return ()
    if channel == "voice" and not shown["details"].get("gather"):
        return CALL_ENDS
    return reports_of(channel)


def _event_id(message_id: int, channel: str, what: Report) -> str:
    """A call ends once: however many sides report it, the first counts."""
    if channel == "voice":
        return f"sandbox/{message_id}/{'digits' if what == 'pressed' else 'end'}"
    return f"sandbox/{message_id}/{what}" + (f"/{uuid4().hex}" if what in AGAIN else "")
