"""What SendGrid's events say of our mails and of the addresses that they went to. They come in any order, several
times, and also about mails that are none of ours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from api.webhooks.taking import Said
from language.message_event import Report
from language.sendgrid_report import DEAD_BY_DROP, OPTED_OUT_BY_DROP, drop_reason
from store.address_words import AddressWord
from store.reporting import Told

KEY = "sojourn_key"
"""The custom argument in which each mail carries our message's key."""

REPORT_BY_EVENT: dict[str, Report] = {
    "delivered": "delivered",
    "open": "opened",
    "click": "clicked",
    "bounce": "bounced",
    "dropped": "failed",
    "cancel_drop": "failed",
    "spamreport": "spam",
}
ON_ITS_WAY = frozenset({"processed", "deferred"})
"""Only proof that SendGrid has the mail."""

REST_OF_SECOND = timedelta(seconds=1, microseconds=-1)
"""SendGrid tells whole seconds: of two words within one, the one that it brings counts."""

LONGEST = {"event_id": 100, "reason": 100, "url": 2000, "user_agent": 300, "address": 320}


@dataclass(frozen=True, slots=True)
class Event:
    """One event, as far as it can be understood. `of`: the message's key, or its id at SendGrid."""

    fields: Mapping[str, Any]
    at: datetime | None = None

    @property
    def name(self) -> str:
        return self.text("event")

    @property
    def id(self) -> str:
        """SendGrid's own; where it is missing, one that follows from the content."""
        given = self.text("sg_event_id")
        if given and len(given) <= LONGEST["event_id"]:
            return given
        said = sorted((name, str(value)) for name, value in self.fields.items() if isinstance(value, str | int | float))
        return blake2b(repr(said).encode(), digest_size=16).hexdigest()

    @property
    def provider_id(self) -> str | None:
        """What Mail Send answered, which the id in events begins with."""
        return self.text("sg_message_id").partition(".")[0] or None

    @property
    def of(self) -> str | None:
        return self.text(KEY) or self.provider_id

    @property
    def address(self) -> str:
        return self.text("email")[: LONGEST["address"]]

    @property
    def is_soft(self) -> bool:
        """A bounce that says nothing of the address: it was blocked this time."""
        return self.text("type") == "blocked"

    @property
    def is_by_machine(self) -> bool:
        """Nobody has opened it: a mail program has fetched the pictures in advance."""
        return self.fields.get("sg_machine_open") in (True, 1, "true", "True", "1")

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        return value.replace("\0", "\ufffd") if isinstance(value, str) else ""


def said_of(items: list[Any], journey_time: Callable[[datetime], datetime | None]) -> Said:
    """What all of it comes to. `journey_time` of a moment by SendGrid's clock; None: it counts when it is received."""
    said = Said()
    for item in items:
        if not isinstance(item, dict):
            continue
        event = Event(item, _moment(item.get("timestamp"), journey_time))
        if (told := _told(event)) is not None:
            said.reports.append(told)
        if (word := _word(event)) is not None:
            said.words.append(word)
    return said


def _told(event: Event) -> Told | None:
    report = REPORT_BY_EVENT.get(event.name)
    if event.of is None or (report is None and event.name not in ON_ITS_WAY):
        return None
    by_machine = report == "opened" and event.is_by_machine
    details = _details(event)
    return Told(event.of, report, f"sendgrid/{event.id}", event.at, details, event.provider_id, by_machine)


def _details(event: Event) -> dict[str, Any]:
    """What a journey, or a person, may want to know. SendGrid's own words may hold the address and are not kept."""
    match event.name:
        case "bounce":
            return {"reason": _bounce(event), "bounce": "soft" if event.is_soft else "hard"}
        case "dropped" | "cancel_drop":
            return {"reason": drop_reason(event.text("reason"))}
        case "click":
            return _kept(url=event.text("url")[: LONGEST["url"]], user_agent=_user_agent(event))
        case "open":
            return _kept(user_agent=_user_agent(event))
    return {}


def _word(event: Event) -> AddressWord | None:
    """What the event means for the address."""
    dead, consent, evidence = _meaning(event)
    if not event.address or (dead is None and consent is None):
        return None
    return AddressWord(
        event_id=event.id,
        channel="email",
        address=event.address,
        source="sendgrid",
        evidence=evidence,
        dead=dead,
        consent=consent,
        by_topic=event.name.startswith("group_"),
        of=event.of,
        at=event.at and event.at + REST_OF_SECOND,
    )


def _meaning(event: Event) -> tuple[str | None, Any, str]:
    """Why the address is dead, what its reader has agreed to, and in which words that is noted."""
    match event.name:
        case "bounce" if not event.is_soft:
            return _bounce(event), None, ""
        case "dropped":
            reason = event.text("reason")
            out = OPTED_OUT_BY_DROP.get(reason)
            return DEAD_BY_DROP.get(reason), "opted_out" if out else None, out or ""
        case "spamreport":
            return "marked as spam", "opted_out", "marked a mail as spam"
        case "unsubscribe" | "group_unsubscribe":
            return None, "opted_out", "unsubscribed in a mail"
        case "group_resubscribe":
            return None, "opted_in", "subscribed again at SendGrid"
    return None, None, ""


def _bounce(event: Event) -> str:
    """`hard bounce 5.1.1: Invalid Address`."""
    kind = "soft bounce" if event.is_soft else "hard bounce"
    status, classification = event.text("status"), event.text("bounce_classification")
    code = f" {status}" if status.replace(".", "").isdigit() and len(status) < 12 else ""
    plain = classification[: LONGEST["reason"]] if classification.replace(" ", "").isalpha() else ""
    return f"{kind}{code}" + (f": {plain}" if plain else "")


def _user_agent(event: Event) -> str:
    return event.text("useragent")[: LONGEST["user_agent"]]


def _kept(**details: str) -> dict[str, Any]:
    return {name: value for name, value in details.items() if value}


def _moment(timestamp: Any, journey_time: Callable[[datetime], datetime | None]) -> datetime | None:
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float):
        return None
    try:
        return journey_time(datetime.fromtimestamp(timestamp, UTC))
    except (OverflowError, ValueError, OSError):
        return None
