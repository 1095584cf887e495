"""What Twilio's statuses of messages and calls mean, whether it tells them by itself or when asked."""

from language.message_event import Report
from language.twilio_codes import DEAD, OPTED_OUT, reason_of

REPORT_BY_STATUS: dict[str, Report] = {
    "delivered": "delivered",
    "read": "opened",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
REPORT_BY_CALL: dict[str, Report] = {
    "busy": "busy",
    "no-answer": "no_answer",
    "failed": "failed",
    "canceled": "failed",
}
MACHINES = ("machine", "fax")


def call_report(status: str, answered_by: str) -> Report | None:
    """None: it is not known yet. Who has answered may be said before the end, by itself or with the status."""
    if status in REPORT_BY_CALL:
        return REPORT_BY_CALL[status]
    if answered_by.startswith(MACHINES):
        return "machine"
    return "answered" if status == "completed" or answered_by == "human" else None


def message_event_id(id: str, status: str) -> str:
    """The same however it is learnt, so that it is taken once."""
    return f"twilio/{id}/{status}"


def call_event_id(id: str) -> str:
    """Of a call's end, of which there is one."""
    return f"twilio/{id}/end"


def digits_event_id(id: str) -> str:
    """Of the digits pressed during a call, which asks once."""
    return f"twilio/{id}/digits"


def failure_event_id(id: str) -> str:
    """Of what a message's failure says of the number."""
    return f"{id}/failed"


def bad_news(code: int | None) -> tuple[str | None, str | None]:
    """Why the number is dead, and how its reader has opted out; nothing of either, for most codes."""
    return reason_of(code) if code in DEAD else None, reason_of(code) if code in OPTED_OUT else None
