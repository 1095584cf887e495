"""SMS through Twilio's own SDK."""

from datetime import datetime, timedelta

from activities.channel import Accepted, Outgoing, Sighting
from activities.channels.twilio_client import (
    LOOK_BACK,
    TwilioAccount,
    TwilioClient,
    addressed,
    is_ours,
    judged,
    marked,
)
from language.unheard import Learnt, Unheard


class SmsChannel:
    """Make it inside the running event loop, once: it keeps its connections; `await close()` ends them."""

    name = "sms"
    provider = "twilio"

    def __init__(self, account: TwilioAccount, *, call_timeout: timedelta = timedelta(seconds=10)) -> None:
        self.sender = account.sender
        self.call_timeout = call_timeout
        self.settle = account.settle
        self._callback = account.callback
        self._twilio = TwilioClient(account)

    async def close(self) -> None:
        await self._twilio.close()

    async def send(self, outgoing: Outgoing, *, within: float) -> Accepted:
        fields = addressed(outgoing.sender) | marked(self._callback, outgoing.key, "status_callback")
        async with judged(within):
            message = await self._twilio.sdk.messages.create_async(to=outgoing.recipient, body=outgoing.text, **fields)
        return Accepted(message.sid, int(message.num_segments or 0) or None)

    async def ask(self, unheard: Unheard) -> Learnt | None:
        """See `activities.asking.Askable`."""
        return await self._twilio.ask_message(unheard.provider_id, within=self.call_timeout.total_seconds())

    async def look_up(self, outgoing: Outgoing, *, since: datetime) -> Sighting:
        """Twilio's messages show no mark of ours: what went to the same number with the same text since is alike."""
        async with judged(self.call_timeout.total_seconds()):
            messages = await self._twilio.sdk.messages.list_async(
                to=outgoing.recipient, limit=LOOK_BACK, page_size=LOOK_BACK
            )
        # A trial account puts its own words before.
        alike = (m for m in messages if m.sid and (m.body or "").endswith(outgoing.text))
        return Sighting(tuple(m.sid for m in alike if is_ours(m, outgoing.sender, since)))
