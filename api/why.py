"""Why a customer did or did not get into a journey, and get a message: each verdict, its reason and its rule."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.customers import Named
from api.naming import customer_of
from api.next_possible import next_possible
from api.not_tried import NotTriedRead, Standing, all_passed_over, not_tried, where_it_stands
from api.paging import Asked
from api.provided import Db
from api.security import NeedsApiKey
from api.sentence import sentence, spoken
from language.deciding_rule import Rule, deciding_rule
from store.database import Database
from store.policies import PolicyShelf
from store.reading_customers import CustomerRecord
from store.reading_enrolments import EnrolmentFilter, EnrolmentRecord, list_enrolments
from store.reading_messages import MessageFilter, MessageRecord, get_message, list_messages
from store.reading_timeline import Kind, TimelineRecord
from store.reading_why import (
    RefusalRecord,
    ReportRecord,
    list_passed_over,
    list_refusals,
    list_reports,
    list_senders,
)

router = APIRouter(prefix="/v1/customers", tags=["customers"], dependencies=[NeedsApiKey])

MOST = 100
"""How many journeys and messages are told of at most: the newest."""

Verdict = Literal["sent", "being_sent", "held", "not_sent", "unknown"]
_VERDICTS: dict[str, Verdict] = {
    "claimed": "being_sent",
    "held": "held",
    "released": "held",
    "unknown": "unknown",
}


class JourneyWhyRead(BaseModel):
    """That the customer entered a journey and how that went, or why they did not."""

    journey: str = Field(examples=["win_back"])
    at: datetime = Field(description="When it was entered, or last refused; journey time.")
    is_entered: bool
    enrolment: int | None = Field(None, examples=[1017])
    state: str | None = Field(None, examples=["active"])
    outcome: str | None = Field(None, description="How it ended.", examples=["converted"])
    reason: str | None = Field(None, description="Why not, or why it ended so.", examples=["already in this journey"])
    times: int = Field(1, description="How often it was refused for this reason.")
    sentence: str = Field(description="For people.", examples=["Did not enter win_back: already in this journey"])


class ReportWhyRead(BaseModel):
    """What was reported of a message since."""

    at: datetime = Field(description="Journey time.")
    report: str = Field(examples=["opened"])
    sentence: str = Field(description="For people.", examples=["E-mail offer opened"])


class MessageWhyRead(BaseModel):
    """What was decided about one message on one channel."""

    key: str = Field(description="`<enrolment>/<step>/<visit>/<channel>`", examples=["1017/send_offer/1/sms"])
    message: str = Field(examples=["offer"])
    channel: str = Field(examples=["sms"])
    journey: str = Field(examples=["win_back"])
    enrolment: int = Field(examples=[1017])
    step: str = Field(examples=["send_offer"])
    at: datetime = Field(description="When it went out, or it was first decided about; journey time.")
    verdict: Verdict
    status: str = Field(description="As `/v1/messages` has it.", examples=["suppressed"])
    sentence: str = Field(description="For people.", examples=["Not sent: the customer has no phone (SMS offer)"])
    reason: str | None = Field(examples=["3 promotional messages in 7 days, limit 3; next possible Thursday 10:00"])
    rule: str | None = Field(
        description="Where the rule that decided is written: `policy.caps.<name>`, `policy.quiet_hours`, `consent`, "
        "`address`, `step.valid_for`, `provider`, …; null: nothing spoke against it.",
        examples=["policy.caps.offers_a_week"],
    )
    rule_words: str | None = Field(examples=["the cap offers_a_week of the contact policy"])
    next_possible_at: datetime | None = Field(
        description="Held: when it is decided about again. Dropped by a cap: when one like it could go out, as things "
        "stood then. Journey time."
    )
    reports: list[ReportWhyRead]


class WhyRead(BaseModel):
    """The newest 100 of each, the newest first. Times within sentences are in the customer's zone, or UTC."""

    customer: int = Field(description="Our id.", examples=[42])
    time_zone: str | None = Field(examples=["Europe/Lisbon"])
    journeys: list[JourneyWhyRead]
    messages: list[MessageWhyRead]
    not_tried: list[NotTriedRead] = Field(
        description="Of the message asked about: why nothing was decided about it elsewhere. Of none: the sends that "
        "were passed over."
    )


class WhyAsked(Asked):
    message: str | None = Field(None, description="A message's id or key; left out: all.", examples=["offer"])


@router.get("/{name:path}/why", summary="Read why a customer got what they got, and not what they did not")
async def read_why(name: Named, asked: Annotated[WhyAsked, Query()], db: Db) -> WhyRead:
    """Each verdict with its reason and the rule that decided, and what was reported since."""
    return await explain(db, await customer_of(db, name), asked.message)


async def explain(db: Database, customer: CustomerRecord, message: str | None = None) -> WhyRead:
    """All verdicts about a customer, or those about one message, by its id or key."""
    family, zone = customer.family, customer.time_zone
    enrolments = (await list_enrolments(db, EnrolmentFilter(customer_ids=family), limit=MOST)).items
    refusals = await list_refusals(db, family, limit=MOST)
    passed_over = await list_passed_over(db, [it.id for it in enrolments], limit=MOST)
    standing = Standing(enrolments, refusals, passed_over, zone)
    records = await _messages(db, family, message)
    absent = await _not_tried(db, family, message, records, standing)
    messages = await _judged(db, customer, records, enrolments)
    concerned = {it.journey for it in records} | {it.journey for it in absent}
    journeys = [it for it in _journeys(standing) if message is None or it.journey in concerned]
    return WhyRead(customer=customer.id, time_zone=zone, journeys=journeys, messages=messages, not_tried=absent)


async def _messages(db: Database, family: Sequence[int], message: str | None) -> Sequence[MessageRecord]:
    if message is not None and "/" in message:
        record = await get_message(db, message)
        return [record] if record is not None and record.customer_id in family else []
    return (await list_messages(db, MessageFilter(family, message=message), limit=MOST)).items


async def _not_tried(
    db: Database,
    family: Sequence[int],
    message: str | None,
    records: Sequence[MessageRecord],
    standing: Standing,
) -> list[NotTriedRead]:
    if message is None:
        return all_passed_over(standing)
    if "/" in message:
        nothing = f"Nothing was decided about {message} for this customer"
        return [] if records else [NotTriedRead(journey=None, enrolment=None, step=None, sentence=nothing)]
    senders = await list_senders(db, family, message)
    return list(not_tried(message, senders, {it.enrolment_id for it in records}, standing))


async def _judged(
    db: Database,
    customer: CustomerRecord,
    records: Sequence[MessageRecord],
    enrolments: Sequence[EnrolmentRecord],
) -> list[MessageWhyRead]:
    policy = await PolicyShelf(db).policy()
    possible = await next_possible(db, customer, records, policy)
    enrolment_by_id = {it.id: it for it in enrolments}
    reports: dict[str, list[ReportRecord]] = {}
    for report in await list_reports(db, [it.key for it in records]):
        reports.setdefault(report.message_key, []).append(report)
    return [
        _message(
            it,
            deciding_rule(it.status, it.reason, policy),
            possible.get(it.key) or _tries_again_at(it, enrolment_by_id.get(it.enrolment_id)),
            reports.get(it.key, []),
            customer.time_zone,
        )
        for it in records
    ]


def _message(
    record: MessageRecord,
    rule: Rule | None,
    next_possible_at: datetime | None,
    reports: Sequence[ReportRecord],
    zone: str | None,
) -> MessageWhyRead:
    went_out = record.sent_at is not None
    details = {"status": record.status, "reason": record.reason, "is_sent": went_out}
    at = record.sent_at or record.claimed_at or record.created_at
    return MessageWhyRead(
        key=record.key,
        message=record.message,
        channel=record.channel,
        journey=record.journey,
        enrolment=record.enrolment_id,
        step=record.step,
        at=at,
        verdict="sent" if went_out else _VERDICTS.get(record.status, "not_sent"),
        status=record.status,
        sentence=_told(record, "message", at, zone, **details),
        reason=record.reason,
        rule=rule.name if rule else None,
        rule_words=rule.words if rule else None,
        next_possible_at=next_possible_at,
        reports=[_report(record, it, zone) for it in reports],
    )


def _tries_again_at(record: MessageRecord, enrolment: EnrolmentRecord | None) -> datetime | None:
    """Of a message that is held by something that passes: its step waits for that."""
    if record.status != "held" or enrolment is None or enrolment.paused_at or enrolment.step != record.step:
        return None
    return enrolment.waits_until


def _report(record: MessageRecord, report: ReportRecord, zone: str | None) -> ReportWhyRead:
    kind: Kind = "message_delivered" if report.report == "delivered" else "message_report"
    told = _told(record, kind, report.at, zone, report=report.report, details=report.details)
    return ReportWhyRead(at=report.at, report=report.report, sentence=told)


def _told(record: MessageRecord, kind: Kind, at: datetime, zone: str | None, **details: object) -> str:
    """In the timeline's words."""
    about = {"key": record.key, "message": record.message, "channel": record.channel, **details}
    return sentence(
        TimelineRecord(kind, at, 0, 0, record.key, record.enrolment_id, record.journey, record.step, about), zone
    )


def _journeys(standing: Standing) -> list[JourneyWhyRead]:
    entered = [_entered(it, standing.time_zone) for it in standing.enrolments]
    return sorted([*entered, *map(_refused, standing.refusals)], key=lambda it: it.at, reverse=True)[:MOST]


def _entered(record: EnrolmentRecord, zone: str | None) -> JourneyWhyRead:
    return JourneyWhyRead(
        journey=record.journey,
        at=record.started_at,
        is_entered=True,
        enrolment=record.id,
        state=record.state,
        outcome=record.outcome,
        reason=record.reason,
        sentence=f"Entered {record.journey}{f' ({record.key})' if record.key else ''}; {_fared(record, zone)}",
    )


def _fared(record: EnrolmentRecord, zone: str | None) -> str:
    reason = f" ({record.reason})" if record.reason else ""
    if record.state == "active":
        return f"{where_it_stands(record, zone)}{reason}"
    at = f" on {spoken(record.ended_at, record.started_at, zone)}" if record.ended_at else ""
    return f"left{at}: {str(record.outcome or '').replace('_', ' ')}{reason}"


def _refused(record: RefusalRecord) -> JourneyWhyRead:
    often = f" ({record.times} times)" if record.times > 1 else ""
    return JourneyWhyRead(
        journey=record.journey,
        at=record.at,
        is_entered=False,
        reason=record.reason,
        times=record.times,
        sentence=f"Did not enter {record.journey}: {record.reason}{often}",
    )
