from datetime import datetime, timedelta
from typing import Any

import pytest

from language.port import Known, LookUp, SetTraits
from language.time_zone import TimeZones
from store.database import Database
from store.facts import look_up, set_traits
from tests.rows import AT, add_customer, add_enrolment


@pytest.fixture
async def customer_id(db: Database) -> int:
    return await add_customer(db, traits={"first_name": "Ann"}, time_zone="Europe/Paris", last_seen_at=AT)


async def ask(db: Database, customer_id: int, enrolment_id: int = 0, **what: Any) -> Known:
    return await look_up(db, LookUp(enrolment_id=enrolment_id, customer_id=customer_id, **what))


async def add_event(db: Database, customer_id: int, name: str, at: datetime, kind: str = "track") -> None:
    query = """INSERT INTO events (source, message_id, customer_id, kind, name, properties, occurred_at, received_at)
               VALUES ('test', gen_random_uuid()::text, $1, $2, $3, $4, $5, $5)"""
    await db.pool.execute(query, customer_id, kind, name, {"plan": "pro"}, at)


async def test_the_profile_has_the_traits_and_where_the_customer_lives(db: Database, customer_id: int) -> None:
    known = await ask(db, customer_id, profile=True)
    assert known.profile == {"first_name": "Ann", "id": customer_id, "time_zone": "Europe/Paris", "locale": None}
    assert known.time_zone == "Europe/Paris"
    assert (known.last_seen_at, known.journeys, known.messages, known.events) == (None, {}, {}, ())


@pytest.mark.parametrize(
    ("traits", "zone"),
    [
        ({"phone": "+5511987654321"}, "America/Sao_Paulo"),
        ({"phone": "not a number", "address": {"country": "JP"}}, "Asia/Tokyo"),
        ({"phone": 7}, "Europe/Lisbon"),
    ],
)
async def test_where_the_profile_has_no_zone_phone_address_and_policy_tell(
    db: Database, traits: dict[str, Any], zone: str
) -> None:
    someone = await add_customer(db, traits=traits)
    question = LookUp(enrolment_id=0, customer_id=someone)
    assert (await look_up(db, question, TimeZones(default="Europe/Lisbon"))).time_zone == zone


async def test_nobody_knows_an_erased_customer(db: Database) -> None:
    assert await ask(db, 99, profile=True) == Known()


async def test_who_was_merged_is_found_with_all_that_was_done(db: Database, customer_id: int) -> None:
    later = AT + timedelta(days=1)
    between = await add_customer(db, merged_into=customer_id, last_seen_at=later)
    visitor = await add_customer(db, merged_into=between)
    await add_event(db, visitor, "Viewed", later)
    known = await ask(db, visitor, profile=True, last_seen=True, events=("Viewed",), since=AT)
    assert known.profile["id"] == customer_id
    assert known.last_seen_at == later
    assert [event["name"] for event in known.events] == ["Viewed"]


async def test_events_since_are_in_order_and_the_starting_one_is_not_among_them(db: Database, customer_id: int) -> None:
    for minutes, name in ((0, "Viewed"), (2, "Paid"), (1, "Viewed"), (3, "Other")):
        await add_event(db, customer_id, name, AT + timedelta(minutes=minutes))
    known = await ask(db, customer_id, events=("Viewed", "Paid"), since=AT)
    assert [event["name"] for event in known.events] == ["Viewed", "Paid"]
    assert known.events[0]["properties"] == {"plan": "pro"}
    assert datetime.fromisoformat(known.events[0]["at"]) == AT + timedelta(minutes=1)


async def test_any_activity_is_a_track_page_or_screen(db: Database, customer_id: int) -> None:
    for kind in ("identify", "page", "screen", "track", "group"):
        await add_event(db, customer_id, kind, AT + timedelta(minutes=1), kind)
    known = await ask(db, customer_id, events=("*",), since=AT)
    assert [event["name"] for event in known.events] == ["page", "screen", "track"]


async def test_journeys_tell_the_latest_enrolment_and_that_of_the_same_key(db: Database, customer_id: int) -> None:
    mine = await add_enrolment(db, customer_id, key="a")
    same = await add_enrolment(db, customer_id, key="a", journey="other")
    await add_enrolment(db, customer_id, key="b", journey="other")
    query = (
        "UPDATE enrolments SET state = 'ended', outcome = 'completed', ended_at = $2, stage = 'viewed' WHERE id = $1"
    )
    await db.pool.execute(query, same, AT)
    known = await ask(db, customer_id, mine, journeys=("other", "never"))
    assert set(known.journeys) == {"other"}
    latest = known.journeys["other"]
    assert (latest["active"], latest["outcome"]) == (True, None)
    assert (latest["same_key"]["active"], latest["same_key"]["outcome"]) == (False, "completed")
    assert latest["same_key"]["stage"] == "viewed"
    assert datetime.fromisoformat(latest["same_key"]["ended_at"]) == AT


async def test_a_journey_without_the_key_has_no_same_key(db: Database, customer_id: int) -> None:
    mine = await add_enrolment(db, customer_id, key="a")
    await add_enrolment(db, customer_id, key="b", journey="other")
    assert (await ask(db, customer_id, mine, journeys=("other",))).journeys["other"]["same_key"] == {}


async def test_messages_show_the_last_visits_status_by_step_and_channel(db: Database, customer_id: int) -> None:
    mine, other = [await add_enrolment(db, customer_id, key=key) for key in "ab"]
    for enrolment_id, visit, channel, status in (
        (mine, 1, "email", "sent"),
        (mine, 2, "email", "opened"),
        (mine, 1, "sms", "suppressed"),
        (other, 3, "email", "failed"),
    ):
        query = """INSERT INTO messages (key, enrolment_id, customer_id, step, visit, channel, message, message_class,
                                         status, reason, attempt, created_at)
                   VALUES ($1, $2, $3, 'remind', $4, $5, 'm', 'service', $6, 'why', 1, $7)"""
        key = f"{enrolment_id}/remind/{visit}/{channel}"
        await db.pool.execute(query, key, enrolment_id, customer_id, visit, channel, status, AT)
    known = await ask(db, customer_id, mine, messages=True)
    email, sms = ({"status": status, "reason": "why"} for status in ("opened", "suppressed"))
    assert known.messages == {"remind": {"email": email, "sms": sms}}


async def test_traits_are_set_once_whatever_is_repeated(db: Database, customer_id: int) -> None:
    visitor = await add_customer(db, merged_into=customer_id)
    wanted = SetTraits(enrolment_id=1, customer_id=visitor, key="1/set/1", traits={"tier": "gold", "first_name": None})
    await set_traits(db, wanted)
    await db.pool.execute("""UPDATE customers SET traits = '{"tier": "silver"}'""")
    await set_traits(db, wanted)
    assert (await ask(db, customer_id, profile=True)).profile["tier"] == "silver"


async def test_a_null_trait_is_kept_as_null(db: Database, customer_id: int) -> None:
    await set_traits(db, SetTraits(enrolment_id=1, customer_id=customer_id, key="k", traits={"first_name": None}))
    assert (await ask(db, customer_id, profile=True)).profile["first_name"] is None
