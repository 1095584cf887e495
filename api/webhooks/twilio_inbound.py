"""What customers write to us: STOP and START change what they have agreed to, everything else is an event of theirs and
the answer to our latest message."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from api.parts import Parts
from api.webhooks.taking import Said, take
from api.webhooks.twilio_statuses import LONGEST_ID, number_of
from language.channel import Channel
from language.opt_out import Keyword, keyword
from store.address_words import REPLY, AddressWord, is_opted_out
from store.database import EncodedJson
from store.inbound import Writer, find_writer
from store.ingest_event import IncomingEvent, Reject
from store.policies import PolicyShelf
from store.reporting import Told

EVENT_BY_CHANNEL = {"sms": "SMS Received", "whatsapp": "WhatsApp Received"}
LONGEST = 4096
MEDIA = re.compile(r"MediaUrl\d{1,2}")


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message to us. `replied_to` is Twilio's id of the message that it quotes."""

    id: str
    channel: Channel
    number: str
    text: str
    opt_out_type: str = ""
    replied_to: str | None = None
    media: tuple[str, ...] = ()
    button: str | None = None

    @classmethod
    def of(cls, form: Mapping[str, str]) -> "Inbound | None":
        """None: the fields make no sense, or it came by no channel of ours."""
        id, whom = form.get("MessageSid") or form.get("SmsSid") or "", number_of(form.get("From", ""))
        if not id or whom is None or not whom[1]:
            return None
        return cls(
            id=id[:LONGEST_ID],
            channel=whom[0],
            number=whom[1][:LONGEST_ID],
            text=form.get("Body", "")[:LONGEST],
            opt_out_type=form.get("OptOutType", "").lower(),
            replied_to=form.get("OriginalRepliedMessageSid") or None,
            media=tuple(form[name] for name in sorted(form) if MEDIA.fullmatch(name)),
            button=form.get("ButtonPayload") or None,
        )

    @property
    def properties(self) -> dict[str, Any]:
        """Of the event."""
        said: dict[str, Any] = {"text": self.text}
        return (
            said
            | ({"media": list(self.media)} if self.media else {})
            | ({"button": self.button} if self.button else {})
        )


async def receive(parts: Parts, inbound: Inbound) -> None:
    """Returns once it is stored; the same again changes nothing."""
    meant = await _meant(parts, inbound)
    if meant in ("stop", "start"):
        await take(parts, "twilio", Said(words=[_consent(inbound, is_stop=meant == "stop")]))
        return
    writer = await find_writer(parts.db, inbound.channel, inbound.number, replied_to=inbound.replied_to)
    if writer.is_known:
        await parts.queue.submit([_event(inbound, writer)], [])
    else:
        body = orjson.dumps({"from": inbound.number, **inbound.properties}).decode()
        await parts.queue.submit([], [Reject("twilio", "it was written by a number that no customer has", body)])
    if writer.answers is not None and meant is None:
        details = {"text": inbound.text} if inbound.text else {}
        told = Told(writer.answers, "answered", f"twilio/{inbound.id}", details=details)
        await take(parts, "twilio", Said(reports=[told]))


async def _meant(parts: Parts, inbound: Inbound) -> Keyword | None:
    """Twilio's own word for it counts more than ours."""
    match inbound.opt_out_type:
        case "stop" | "start" | "help" as said:
            return said
    policy = await PolicyShelf(parts.db).policy()
    meant = keyword(inbound.text, (word for words in policy.opt_out_words.values() for word in words))
    if meant == "yes":
        return "start" if await is_opted_out(parts.db, inbound.channel, inbound.number) else None
    return meant


def _consent(inbound: Inbound, *, is_stop: bool) -> AddressWord:
    return AddressWord(
        event_id=inbound.id,
        channel=inbound.channel,
        address=inbound.number,
        source=REPLY,
        evidence=inbound.text[:100],
        consent="opted_out" if is_stop else "opted_in",
    )


def _event(inbound: Inbound, writer: Writer) -> IncomingEvent:
    properties = inbound.properties
    return IncomingEvent(
        source="twilio",
        message_id=inbound.id,
        kind="track",
        name=EVENT_BY_CHANNEL[inbound.channel],
        properties=properties,
        encoded=EncodedJson(orjson.dumps(properties)),
        user_id=writer.user_id,
        anonymous_id=writer.anonymous_id,
        is_activity=True,
    )
