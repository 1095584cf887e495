"""Why nothing was even decided about a message yet: no step that sends it was reached, or it was passed over."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from api.sentence import spoken
from store.reading_enrolments import EnrolmentRecord
from store.reading_why import PassedOverRecord, RefusalRecord, SenderRecord


class NotTriedRead(BaseModel):
    """A message that was not decided about, in one journey."""

    journey: str | None = Field(description="null: no journey has such a message.", examples=["win_back"])
    enrolment: int | None = Field(examples=[1017])
    step: str | None = Field(description="The step that was passed over.", examples=["send_offer"])
    sentence: str = Field(description="For people.", examples=["Passed over in step send_offer: not enabled"])


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a customer stands in the journeys, the newest first."""

    enrolments: Sequence[EnrolmentRecord]
    refusals: Sequence[RefusalRecord]
    passed_over: Sequence[PassedOverRecord]
    time_zone: str | None


def all_passed_over(standing: Standing) -> list[NotTriedRead]:
    """Every send that was passed over."""
    journey_by_id = {it.id: it.journey for it in standing.enrolments}
    return [_passed_over(it, journey_by_id[it.enrolment_id], standing) for it in standing.passed_over]


def not_tried(
    message: str, senders: Sequence[SenderRecord], tried: set[int], standing: Standing
) -> Iterator[NotTriedRead]:
    """Why nothing was decided about `message`, by journey. `tried`: the enrolments in which something was."""
    if not senders and not tried:
        yield _told(None, f"No journey that is live, and none that the customer has been in, sends {message}")
    sender_by_version = {(it.journey, it.version): it for it in senders}
    for enrolment in standing.enrolments:
        sender = sender_by_version.get((enrolment.journey, enrolment.version))
        if sender is not None:
            yield from _of_enrolment(message, sender, enrolment, tried, standing)
    entered = {it.journey for it in standing.enrolments}
    for journey in sorted({it.journey for it in senders if it.is_live and it.journey not in entered}):
        yield _told(journey, _never_entered(journey, standing))


def _of_enrolment(
    message: str, sender: SenderRecord, enrolment: EnrolmentRecord, tried: set[int], standing: Standing
) -> Iterator[NotTriedRead]:
    steps = set(_steps_sending(json.loads(sender.definition or "{}"), message))
    passed_over = [it for it in standing.passed_over if it.enrolment_id == enrolment.id and it.step in steps]
    for it in passed_over:
        yield _passed_over(it, enrolment.journey, standing)
    if not passed_over and enrolment.id not in tried:
        yield _told(enrolment.journey, _not_reached(enrolment, standing.time_zone), enrolment.id)


def _steps_sending(part: Any, message: str) -> Iterator[str]:
    """The ids of the steps of a definition that send the message."""
    if isinstance(part, dict):
        if message in (part.get("send"), part.get("cascade")) and "id" in part:
            yield part["id"]
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _steps_sending(inner, message)


def _not_reached(enrolment: EnrolmentRecord, time_zone: str | None) -> str:
    if enrolment.state == "active":
        return f"Not reached in {enrolment.journey} so far: {where_it_stands(enrolment, time_zone)}"
    outcome = str(enrolment.outcome or "").replace("_", " ")
    return f"Not reached in {enrolment.journey} before the customer left it: {outcome}"


def where_it_stands(enrolment: EnrolmentRecord, time_zone: str | None) -> str:
    """`waits in step X until Thu 5 Mar 09:00 UTC`, of an enrolment that has not ended."""
    if enrolment.paused_at is not None:
        return f"paused in step {enrolment.step}" if enrolment.step else "paused"
    if enrolment.waits_until is not None:
        return f"waits in step {enrolment.step} until {spoken(enrolment.waits_until, enrolment.started_at, time_zone)}"
    return f"now in step {enrolment.step}" if enrolment.step else "about to begin"


def _never_entered(journey: str, standing: Standing) -> str:
    refusal = next((it for it in standing.refusals if it.journey == journey), None)
    if refusal is not None:
        return f"Did not enter {journey}: {refusal.reason}"
    return f"Never entered {journey}: nothing has happened that starts it, or its condition did not hold then"


def _passed_over(record: PassedOverRecord, journey: str, standing: Standing) -> NotTriedRead:
    at = spoken(record.at, record.at, standing.time_zone)
    sentence = f"Passed over in step {record.step} on {at}: {record.reason}"
    return NotTriedRead(journey=journey, enrolment=record.enrolment_id, step=record.step, sentence=sentence)


def _told(journey: str | None, sentence: str, enrolment: int | None = None) -> NotTriedRead:
    return NotTriedRead(journey=journey, enrolment=enrolment, step=None, sentence=sentence)
