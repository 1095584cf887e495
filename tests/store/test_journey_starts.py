"""A journey starts another: once, in the transaction that asks whether it may."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from language.port import StartJourney
from store.database import Database
from store.journey_starts import JourneyStarts
from tests.deeds import add_enrolments, deed
from tests.rows import AT, JOURNEY, add_customer, deliver, enrolment_row
from tests.store.ingesting import deliveries, verdicts

Publish = Callable[..., Awaitable[int]]


@pytest.fixture
def starts(db: Database) -> JourneyStarts:
    return JourneyStarts(db)


def start(customer_id: int, enrolment_id: int, seen_seq: int = 1, **more: Any) -> StartJourney:
    wanted = {"target": "nurture", "properties": {"lead_id": "l1"}}
    return StartJourney(**deed(customer_id, enrolment_id, "start_nurture", seen_seq, **(wanted | more)))


async def nurtured(db: Database) -> list[Any]:
    return list(await db.pool.fetch("SELECT * FROM enrolments WHERE journey = 'nurture' ORDER BY id"))


async def test_it_enrols_with_the_properties_given(db: Database, starts: JourneyStarts, publish: Publish) -> None:
    await publish(journey="nurture", start={"call": True}, key="event.lead_id")
    [(customer, enrolment)] = await add_enrolments(db, 1)
    answer = await starts.start_journey(start(customer, enrolment))
    [made] = await nurtured(db)
    assert (answer.verdict, answer.result) == ("done", {"enrolment_id": made["id"]})
    assert (made["customer_id"], made["key"], made["started_at"]) == (customer, "l1", AT)
    [delivery] = await deliveries(db, made["id"])
    assert (delivery["kind"], delivery["payload"]["fact"]["properties"]) == ("start", {"lead_id": "l1"})


async def test_many_attempts_start_one(db: Database, starts: JourneyStarts, publish: Publish) -> None:
    await publish(journey="nurture", start={"call": True}, again="always")
    [(customer, enrolment)] = await add_enrolments(db, 1)
    answers = await asyncio.gather(*(starts.start_journey(start(customer, enrolment)) for _ in range(10)))
    [made] = await nurtured(db)
    assert {answer.result["enrolment_id"] for answer in answers} == {made["id"]}


async def test_asked_again_after_an_exit_it_answers_as_before(
    db: Database, starts: JourneyStarts, publish: Publish
) -> None:
    await publish(journey="nurture", start={"call": True})
    [(customer, enrolment)] = await add_enrolments(db, 1)
    first = await starts.start_journey(start(customer, enrolment))
    await db.pool.execute("UPDATE enrolments SET state = 'ended', outcome = 'moved_on' WHERE id = $1", enrolment)
    assert await starts.start_journey(start(customer, enrolment)) == first


async def test_nothing_starts_after_an_exit_in_a_pause_or_before_news_is_heard(
    db: Database, starts: JourneyStarts, publish: Publish
) -> None:
    await publish(journey="nurture", start={"call": True})
    [(customer, enrolment)] = await add_enrolments(db, 1)
    await deliver(db, enrolment)
    assert (await starts.start_journey(start(customer, enrolment))).verdict == "behind"
    await db.pool.execute("UPDATE enrolments SET paused_at = $1", AT)
    assert (await starts.start_journey(start(customer, enrolment, 2))).verdict == "paused"
    await db.pool.execute("UPDATE enrolments SET state = 'ending', outcome = 'moved_on'")
    assert (await starts.start_journey(start(customer, enrolment, 2))).verdict == "closed"
    assert await nurtured(db) == []


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (None, "No journey nurture is live."),
        ({"start": {"on": "Lead Created"}}, "The journey nurture is not started by a call"),
        ({"start": {"call": True}, "key": "event.deal_id"}, "one enrolment per key"),
    ],
)
async def test_what_cannot_be_started_is_refused_with_the_reason(
    db: Database, starts: JourneyStarts, publish: Publish, head: dict[str, Any] | None, reason: str
) -> None:
    if head is not None:
        await publish(journey="nurture", **head)
    [(customer, enrolment)] = await add_enrolments(db, 1)
    answer = await starts.start_journey(start(customer, enrolment, told={"step": "start_nurture"}))
    assert answer.verdict == "refused"
    assert reason in str(answer.reason)
    assert (await enrolment_row(db, enrolment))["seen_seq"] == 1
    assert await starts.start_journey(start(customer, enrolment)) == answer


async def test_the_journeys_own_rules_hold(db: Database, starts: JourneyStarts, publish: Publish) -> None:
    await publish(journey="nurture", start={"call": True})
    [(customer, one), (_, other)] = await add_enrolments(db, 2)
    await db.pool.execute("UPDATE enrolments SET customer_id = $1, key = 'other' WHERE id = $2", customer, other)
    assert (await starts.start_journey(start(customer, one))).verdict == "done"
    refused = await starts.start_journey(start(customer, other))
    assert refused.verdict == "refused"
    assert len(await nurtured(db)) == 1
    assert [journey for journey, _ in await verdicts(db)] == ["nurture"]


async def test_a_merged_customer_is_enrolled_as_who_stays(
    db: Database, starts: JourneyStarts, publish: Publish
) -> None:
    await publish(journey="nurture", start={"call": True})
    [(stays, enrolment)] = await add_enrolments(db, 1)
    gone = await add_customer(db, merged_into=stays)
    await starts.start_journey(start(gone, enrolment))
    [made] = await nurtured(db)
    assert made["customer_id"] == stays


async def test_a_journey_may_start_itself_anew(db: Database, starts: JourneyStarts, publish: Publish) -> None:
    await publish(journey=JOURNEY, start={"call": True}, again="always")
    [(customer, enrolment)] = await add_enrolments(db, 1)
    answer = await starts.start_journey(start(customer, enrolment, target=JOURNEY))
    assert answer.verdict == "done"
    old = await enrolment_row(db, enrolment)
    assert (old["state"], old["outcome"], old["last_seq"]) == ("ending", "replaced", 2)
