"""What is told of a message after it went out: statuses, in their order, and the names of the events they make."""

from typing import Literal, get_args

from language.channel import CHANNELS, Channel

Report = Literal[
    "delivered",
    "opened",
    "clicked",
    "answered",
    "pressed",
    "no_answer",
    "busy",
    "machine",
    "bounced",
    "failed",
    "spam",
]
"""What a provider, or the customer's doing, says of a message. `opened` is a human's; `pressed`: digits,
during a call; `spam`: marked as such."""

REPORTS: tuple[Report, ...] = get_args(Report)

MachineReport = Literal["machine_opened", "machine_clicked"]
MACHINE_REPORTS: dict[Report, MachineReport] = {"opened": "machine_opened", "clicked": "machine_clicked"}
"""What programs do before or instead of the customer, such as previews and scanners: kept, and nothing follows."""

_SUBJECTS: dict[Channel, str] = {
    "email": "Email",
    "sms": "SMS",
    "whatsapp": "WhatsApp",
    "voice": "Call",
    "push": "Push",
    "web_push": "Web Push",
}
_WORDS: dict[Report, str] = {
    "delivered": "Delivered",
    "opened": "Opened",
    "clicked": "Clicked",
    "answered": "Answered",
    "pressed": "Digits Pressed",
    "no_answer": "Not Answered",
    "busy": "Busy",
    "machine": "Answered By Machine",
    "bounced": "Bounced",
    "failed": "Failed",
    "spam": "Marked As Spam",
}
_REPORTS_BY_CHANNEL: dict[Channel, tuple[Report, ...]] = {
    "email": ("delivered", "opened", "clicked", "answered", "bounced", "failed", "spam"),
    "sms": ("delivered", "clicked", "answered", "failed"),
    "whatsapp": ("delivered", "opened", "clicked", "answered", "failed"),
    "voice": ("answered", "no_answer", "busy", "machine", "failed", "pressed"),
    "push": ("delivered", "opened", "clicked", "failed"),
    "web_push": ("delivered", "opened", "clicked", "failed"),
}
_RANK: dict[str, int] = {
    "sent": 0,
    "pressed": 0,
    "delivered": 1,
    "no_answer": 1,
    "busy": 1,
    "machine": 1,
    "failed": 2,
    "bounced": 2,
    "opened": 3,
    "clicked": 4,
    "answered": 4,
    "spam": 5,
}

ACTIVITY: frozenset[str] = frozenset({"opened", "clicked", "answered", "pressed"})
"""What only a person does."""

CALL_ENDS: tuple[Report, ...] = tuple(it for it in _REPORTS_BY_CHANNEL["voice"] if it != "pressed")
"""How a call ends, whatever was reached. What is pressed meanwhile is no end, and no status."""

GONE_WRONG: frozenset[str] = frozenset({"bounced", "failed", "no_answer", "busy", "machine"})
"""Nothing more is to be hoped of the message."""


def event_name(channel: Channel, report: Report) -> str:
    """The event that a report makes, such as `Email Opened`, `SMS Delivered` or `Call Not Answered`."""
    return f"{_SUBJECTS[channel]} {_WORDS[report]}"


def reports_of(channel: Channel) -> tuple[Report, ...]:
    """What can be told of a message on a channel."""
    return _REPORTS_BY_CHANNEL[channel]


EVENTS: dict[str, tuple[Channel, Report]] = {
    event_name(channel, report): (channel, report) for channel in CHANNELS for report in reports_of(channel)
}
"""All events about our own messages, by name."""


def outranks(report: str, status: str) -> bool:
    """Whether a report changes a status: statuses never go back, and what did not go out is not reported on."""
    return status in _RANK and _RANK[report] > _RANK[status]


def fulfils(status: str, wanted: str) -> bool:
    """Whether a message of this status is `delivered`, `opened`, `clicked` or `answered`: a click is an opening too."""
    if status in GONE_WRONG or status == "spam":
        return False
    return status in _RANK and wanted in _RANK and (status == wanted or _RANK[status] > _RANK[wanted])
