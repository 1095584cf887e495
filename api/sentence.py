"""What happened to a customer, in plain words, for the people who are asked about it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from language.local_time import find_zone
from store.reading_timeline import Kind, TimelineRecord

CHANNELS = {"sms": "SMS", "email": "E-mail", "voice": "Call", "whatsapp": "WhatsApp", "push": "Push message"}
SINCE = {
    "opened": ", and opened",
    "clicked": ", and clicked",
    "answered": ", and answered",
    "no_answer": ", and not answered",
    "busy": ": the line was busy",
    "machine": ", and answered by a machine",
    "spam": ", and marked as spam",
}
"""What has become of a message that went out, by its status."""

REPORTED = {
    "no_answer": "not answered",
    "busy": "not answered: the line was busy",
    "machine": "answered by a machine",
    "failed": "did not arrive",
    "spam": "marked as spam",
    "machine_opened": "opened by a program, not by the customer",
    "machine_clicked": "looked into by a program, which followed a link",
}
"""The reports whose own word is not what people say."""


def sentence(record: TimelineRecord, time_zone: str | None) -> str:
    """One sentence without a full stop; moments in it are in the customer's zone, or UTC."""
    return _SENTENCES[record.kind](record, time_zone)


def spoken(moment: datetime, beside: datetime, time_zone: str | None) -> str:
    """`Tue 6 Jan 09:00 UTC`; with the year where it is not that of `beside`."""
    try:
        zone, suffix = (find_zone(time_zone), f"({time_zone})") if time_zone else (UTC, "UTC")
    except ValueError:
        zone, suffix = UTC, "UTC"
    local = moment.astimezone(zone)
    year = f" {local.year}" if local.year != beside.astimezone(zone).year else ""
    return f"{local:%a} {local.day} {local:%b}{year} {local:%H:%M} {suffix}"


def _event(record: TimelineRecord, _: str | None) -> str:
    details = record.details
    properties: Mapping[str, Any] = details["properties"]
    match details["type"]:
        case "identify":
            return f"Identified{_with(', '.join(sorted(properties)))}"
        case "page" | "screen" as kind:
            return f"Viewed {kind} {properties['name']}" if properties.get("name") else f"Viewed a {kind}"
        case "group":
            return f"Joined group {properties['groupId']}" if properties.get("groupId") else "Joined a group"
        case "alias":
            return "Known by another id from here on"
    return str(details["name"])


def _not_started(record: TimelineRecord, _: str | None) -> str:
    return f"Did not enter {record.journey}: {record.details['reason']}"


def _goal_reached(record: TimelineRecord, _: str | None) -> str:
    value = record.details["value"]
    return f"Reached the goal of {record.journey}" + (f", worth {value:,}" if value is not None else "")


def _started(record: TimelineRecord, _: str | None) -> str:
    return f"Entered {record.journey}{_with(record.details['key'])}"


def _entered(record: TimelineRecord, time_zone: str | None) -> str:
    details = record.details
    if details["is_inside"]:
        until = details["waits_until"]
        at = f" until {spoken(datetime.fromisoformat(until), record.at, time_zone)}" if until else ""
        what = f"Sending in step {record.step}{', held back' if at else ''}" if details["verb"] == "send" else None
        return f"{what or f'Waiting in step {record.step}'}{at}"
    return _with_result(f"Reached step {record.step}", details)


def _left(record: TimelineRecord, _: str | None) -> str:
    if record.details["is_cut_short"]:
        return f"Left step {record.step}: {record.journey} had ended"
    return _with_result(f"Left step {record.step}", record.details)


def _with_result(text: str, details: Mapping[str, Any]) -> str:
    result = details["result"] or {}
    if "skipped" in result:
        return f"{text}: passed over, {result['skipped']}"
    match details["verb"], result.get("outcome"):
        case "wait_for", "timeout":
            return f"{text}: the time was up"
        case "wait_for" | "branch", str(outcome):
            return f"{text}: {outcome}"
    return text


def _message(record: TimelineRecord, _: str | None) -> str:
    details = record.details
    name, status, why = _named(details), details["status"], _why(details["reason"])
    match status:
        case "sent" | "delivered":
            return f"{name} {_went(details)}"
        case _ if status in SINCE:
            return f"{name} {_went(details)}{SINCE[status]}"
        case "claimed":
            return f"{name} is being sent"
        case "held" | "released":
            return f"{name} held back{why}"
        case "unknown":
            return f"{name} may or may not have gone out{why}"
    return f"{name} {_went(details)}, but did not arrive{why}" if details["is_sent"] else f"Not sent{why} ({name})"


def _went(details: Mapping[str, Any]) -> str:
    return "made" if details["channel"] == "voice" else "sent"


def _reported(record: TimelineRecord, _: str | None) -> str:
    details = record.details
    told, report = details["details"], details["report"]
    if report == "answered" and details["channel"] != "voice":
        return f"{_named(details)} replied to{_why(told.get('text'))}"
    return f"{_named(details)} {REPORTED.get(report, report)}{_why(told.get('reason'))}"


def _delivered(record: TimelineRecord, _: str | None) -> str:
    return f"{_named(record.details)} delivered"


def _task_opened(record: TimelineRecord, time_zone: str | None) -> str:
    details = record.details
    until = details["due_at"]
    by = f", by {spoken(datetime.fromisoformat(until), record.at, time_zone)}" if until else ""
    return f"Task for {details['team']}: {details['title']} ({details['task']}{by})"


def _task_claimed(record: TimelineRecord, _: str | None) -> str:
    return f"Task {record.details['task']} claimed by {record.details['by']}"


def _task_completed(record: TimelineRecord, _: str | None) -> str:
    details = record.details
    return f"Task {details['task']} done by {details['by']}{_why(details['result'])}{_with(details['note'] or '')}"


def _coupon_taken(record: TimelineRecord, _: str | None) -> str:
    return f"Given the coupon {record.details['code']} ({record.details['pool']})"


def _consent(record: TimelineRecord, _: str | None) -> str:
    details = record.details
    did = {"opted_out": "Opted out of", "opted_in": "Opted in to", "pending": "Asked for, to be confirmed:"}
    what = f"the topic {details['topic']}" if details["topic"] else "everything"
    if details["topic"] == "*":
        what = "all topics"
    return f"{did[details['state']]} {what}" + (f" by {_channel(details['channel'])}" if details["channel"] else "")


def _verdict(record: TimelineRecord, _: str | None) -> str:
    verdict, reason = record.details["verdict"], record.details["reason"]
    words = {"restarted": "Restarted where it stood", "broken": "Stuck: a person has to look", "disputed": "To look at"}
    return f"{words.get(verdict, verdict.replace('_', ' ').capitalize())}: {reason}"


def _call(record: TimelineRecord, _: str | None) -> str:
    details = record.details
    name, why = details["destination"], _why(details["reason"])
    match details["status"]:
        case "done":
            return f"Called {name}"
        case "claimed":
            return f"Calling {name}"
        case "held":
            return f"Call of {name} waits{why}"
        case "cut_off":
            return f"Call of {name} was not settled when {record.journey} ended{why}"
    return f"Call of {name} came to nothing{why}"


def _replayed(record: TimelineRecord, _: str | None) -> str:
    details = record.details
    name, why = details["destination"], _why(details["reason"])
    match details["status"]:
        case "done":
            return f"Called {name} again, as somebody had asked: done"
        case "waiting":
            return f"Call of {name} will be made again, as somebody has asked{why}"
    return f"Called {name} again, as somebody had asked, and it came to nothing{why}"


def _paused(record: TimelineRecord, _: str | None) -> str:
    return f"Paused in {record.journey}{_why(record.details['reason'])}"


def _ended(record: TimelineRecord, _: str | None) -> str:
    details = record.details
    outcome = str(details["outcome"] or "").replace("_", " ")
    reason = f" ({details['reason']})" if details["reason"] else ""
    return f"Left {record.journey}{_with(details['key'])}{_why(outcome)}{reason}"


def _named(details: Mapping[str, Any]) -> str:
    return f"{_channel(details['channel'])} {details['message']}"


def _channel(channel: str) -> str:
    return CHANNELS.get(channel, channel.replace("_", " ").capitalize())


def _why(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def _with(what: str) -> str:
    return f" ({what})" if what else ""


_SENTENCES: dict[Kind, Callable[[TimelineRecord, str | None], str]] = {
    "event": _event,
    "not_started": _not_started,
    "goal_reached": _goal_reached,
    "enrolment_started": _started,
    "step_entered": _entered,
    "message": _message,
    "message_delivered": _delivered,
    "message_report": _reported,
    "step_left": _left,
    "task_opened": _task_opened,
    "task_claimed": _task_claimed,
    "task_completed": _task_completed,
    "coupon_taken": _coupon_taken,
    "call": _call,
    "call_replayed": _replayed,
    "consent": _consent,
    "verdict": _verdict,
    "enrolment_paused": _paused,
    "enrolment_ended": _ended,
}
