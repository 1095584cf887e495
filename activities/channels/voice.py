"""Phone calls through Twilio's own SDK."""

from datetime import datetime, timedelta
from typing import Any

from activities.channel import Accepted, Outgoing, Refused, Sighting
from activities.channels.twilio_client import (
    CLOCK_SKEW,
    LOOK_BACK,
    TwilioAccount,
    TwilioClient,
    judged,
    marked,
)
from language.twiml import call_script
from language.unheard import Learnt, Unheard

EVENTS = ["initiated", "answered", "completed"]
"""Of what Twilio tells us; however a call ends, it is completed."""

LONGEST_SCRIPT = 4000
"""Characters of TwiML that a request may carry."""


class VoiceChannel:
    """Make it inside the running event loop, once: it keeps its connections; `await close()` ends them."""

    name = "voice"
    provider = "twilio"

    def __init__(self, account: TwilioAccount, *, call_timeout: timedelta = timedelta(seconds=10)) -> None:
        self.sender = account.sender
        self.call_timeout = call_timeout
        self.settle = account.settle
        self._account = account
        self._twilio = TwilioClient(account)

    async def close(self) -> None:
        await self._twilio.close()

    async def send(self, outgoing: Outgoing, *, within: float) -> Accepted:
        fields = self._fields(outgoing)
        async with judged(within):
            call = await self._twilio.sdk.calls.create_async(
                to=outgoing.recipient, from_=outgoing.sender, timeout=outgoing.content["timeout"], **fields
            )
        return Accepted(call.sid)

    async def ask(self, unheard: Unheard) -> Learnt | None:
        """See `activities.asking.Askable`."""
        return await self._twilio.ask_call(unheard.provider_id, within=self.call_timeout.total_seconds())

    async def look_up(self, outgoing: Outgoing, *, since: datetime) -> Sighting:
        """Twilio's calls show neither words nor a mark of ours: whatever rang the same number since is alike.

        Not asked for by their time: a call that still waits for its turn at Twilio has none.
        """
        async with judged(self.call_timeout.total_seconds()):
            calls = await self._twilio.sdk.calls.list_async(
                to=outgoing.recipient, from_=outgoing.sender, limit=LOOK_BACK, page_size=LOOK_BACK
            )
        return Sighting(tuple(call.sid for call in calls if call.sid and _is_ours(call, since)))

    def _fields(self, outgoing: Outgoing) -> dict[str, Any]:
        reports = marked(self._account.callback, outgoing.key, "status_callback")
        return reports | ({"status_callback_event": EVENTS} if reports else {}) | self._script(outgoing)

    def _script(self, outgoing: Outgoing) -> dict[str, Any]:
        """What the call does once somebody, or a machine, has answered.

        Only we can hang up on a machine: for that Twilio asks us when it knows who has answered. Where it cannot reach
        us, a machine gets what a human would.
        """
        leaves_message = outgoing.content["machine"] == "leave_message"
        asks_us = marked(self._account.script, outgoing.key, "url")
        detection = {"machine_detection": "DetectMessageEnd" if leaves_message else "Enable"}
        if outgoing.content.get("gather") and not asks_us:
            raise Refused("the call asks for digits, and Twilio cannot reach us to tell them")
        script = call_script(outgoing.content)
        is_too_long = len(script) > LONGEST_SCRIPT
        if asks_us and (is_too_long or not leaves_message or outgoing.content.get("gather")):
            return asks_us | detection
        if is_too_long:
            raise Refused(f"what the call says comes to more than {LONGEST_SCRIPT:,} characters")
        return {"twiml": script} | (detection if leaves_message else {})


def _is_ours(call: Any, since: datetime) -> bool:
    return call.direction == "outbound-api" and (call.date_created is None or call.date_created >= since - CLOCK_SKEW)
