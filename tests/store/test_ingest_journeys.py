from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from language.delivery import Delivery
from store.database import Database
from store.ingest import Ingest
from tests.store.ingesting import (
    DAY,
    NOW,
    Clock,
    alias,
    deliveries,
    enrolments,
    identify,
    publish_journey,
    track,
    verdicts,
)

Publish = Callable[..., Awaitable[int]]


async def heard(db: Database, enrolment_id: int) -> list[tuple[int, str, str | None]]:
    """Its deliveries as (seq, kind, the fact's name or the outcome), each read as the workflow would read it."""
    found = [Delivery.model_validate(row["payload"]) for row in await deliveries(db, enrolment_id)]
    return [(it.seq, it.kind, it.fact.name if it.fact else it.outcome) for it in found]


async def states(db: Database) -> list[tuple[str, str | None]]:
    return [(row["state"], row["outcome"]) for row in await enrolments(db)]


async def test_an_event_starts_a_journey(db: Database, ingest: Ingest, publish: Publish) -> None:
    version = await publish(journey="welcome", start={"on": "Account Created"})
    await ingest.accept([track("Account Created", properties={"plan": "pro"})])
    (row,) = await enrolments(db)
    assert (row["journey"], row["version"], row["key"], row["state"]) == ("welcome", version, "", "active")
    assert (row["start"], row["started_at"], row["last_seq"]) == ({"plan": "pro"}, NOW, 1)
    delivery = Delivery.model_validate((await deliveries(db, row["id"]))[0]["payload"])
    assert delivery.fact is not None
    assert (delivery.kind, delivery.at, delivery.fact.at, delivery.fact.properties) == (
        "start",
        NOW,
        NOW,
        {"plan": "pro"},
    )


async def test_each_event_of_a_batch_acts_in_its_order(db: Database, ingest: Ingest, publish: Publish) -> None:
    await publish(
        journey="order",
        start={"on": "Begun"},
        again="after_exit",
        exit={"on": "Left", "outcome": "gone"},
        steps=[{"wait_for": [{"on": "Moved"}], "within": "5d"}],
    )
    names = ["Moved", "Begun", "Moved", "Other", "Moved", "Left", "Moved", "Begun"]
    await ingest.accept([track(name) for name in names])
    first, second = await enrolments(db)
    assert await heard(db, first["id"]) == [
        (1, "start", "Begun"),
        (2, "event", "Moved"),
        (3, "event", "Moved"),
        (4, "end", "gone"),
    ]
    assert await heard(db, second["id"]) == [(1, "start", "Begun")]
    assert (first["state"], first["outcome"], first["last_seq"]) == ("ending", "gone", 4)


async def test_the_entry_sees_traits_that_come_in_the_same_request(
    db: Database, ingest: Ingest, publish: Publish
) -> None:
    await publish(journey="pro", start={"on": "Begun", "where": 'profile.plan == "pro"'})
    await ingest.accept([track("Begun"), identify(traits={"plan": "pro"})])
    assert len(await enrolments(db)) == 1


async def test_stored_traits_count_too(db: Database, ingest: Ingest, publish: Publish) -> None:
    await publish(journey="pro", start={"on": "Begun", "where": 'profile.plan == "pro"'})
    await ingest.accept([identify("u1", {"plan": "pro"}), identify("u2", {"plan": "free"})])
    await ingest.accept([track("Begun", "u1"), track("Begun", "u2")])
    assert len(await enrolments(db)) == 1


async def test_once_per_customer_unless_it_says_otherwise(db: Database, ingest: Ingest, publish: Publish) -> None:
    await publish(journey="once", start={"on": "Begun"}, exit={"on": "Left"})
    for name in ("Begun", "Begun", "Left", "Begun"):
        await ingest.accept([track(name)])
    assert await states(db) == [("ending", "exited")]
    assert [journey for journey, _ in await verdicts(db)] == ["once", "once"]
    assert all(reason for _, reason in await verdicts(db))


async def test_again_after_a_time_counts_from_the_exit(
    db: Database, ingest: Ingest, publish: Publish, clock: Clock
) -> None:
    await publish(journey="monthly", start={"on": "Begun"}, exit={"on": "Left"}, again={"after": "30d"})
    await ingest.accept([track("Begun")])
    clock.advance(10 * DAY)
    await ingest.accept([track("Left")])
    clock.advance(30 * DAY - timedelta(seconds=1))
    await ingest.accept([track("Begun")])
    assert len(await enrolments(db)) == 1
    clock.advance(timedelta(seconds=1))
    await ingest.accept([track("Begun")])
    assert len(await enrolments(db)) == 2


async def test_again_always_replaces_the_open_one(db: Database, ingest: Ingest, publish: Publish) -> None:
    await publish(journey="cart", start={"on": "Cart Updated"}, again="always")
    await ingest.accept([track("Cart Updated", properties={"items": 1})])
    await ingest.accept([track("Cart Updated", properties={"items": 2}), track("Cart Updated")])
    assert await states(db) == [("ending", "replaced"), ("ending", "replaced"), ("active", None)]
    first = (await enrolments(db))[0]
    assert await heard(db, first["id"]) == [(1, "start", "Cart Updated"), (2, "end", "replaced")]


async def test_an_event_reaches_the_enrolment_of_its_key(db: Database, ingest: Ingest, publish: Publish) -> None:
    await publish(
        journey="reservation", key="event.flat", start={"on": "Reserved"}, exit={"on": "Bought", "outcome": "bought"}
    )
    await ingest.accept([track("Reserved", properties={"flat": flat}) for flat in (1, 2)])
    await ingest.accept([track("Bought", properties={"flat": 2})])
    assert [(row["key"], row["state"]) for row in await enrolments(db)] == [("1", "active"), ("2", "ending")]


async def test_a_start_without_the_key_starts_nothing_and_says_so(
    db: Database, ingest: Ingest, publish: Publish
) -> None:
    await publish(journey="reservation", key="event.flat", start={"on": "Reserved"})
    await ingest.accept([track("Reserved")])
    assert await enrolments(db) == []
    ((journey, reason),) = await verdicts(db)
    assert journey == "reservation"
    assert "key" in reason


async def test_a_late_event_starts_nothing_and_says_so(db: Database, ingest: Ingest, publish: Publish) -> None:
    await publish(journey="welcome", start={"on": "Begun"}, late="2d")
    await ingest.accept([track("Begun", "late", occurred_at=NOW - 2 * DAY - timedelta(seconds=1))])
    await ingest.accept([track("Begun", "in time", occurred_at=NOW - 2 * DAY)])
    assert len(await enrolments(db)) == 1
    assert ["late" in reason for _, reason in await verdicts(db)] == [True]
    assert await db.pool.fetchval("SELECT count(*) FROM events") == 2


async def test_a_goal_ends_as_converted_and_beats_an_exit(db: Database, ingest: Ingest, publish: Publish) -> None:
    await publish(
        journey="sale", start={"on": "Begun"}, exit={"on": "Paid"}, goal={"on": "Paid", "value": "event.amount"}
    )
    await ingest.accept([track("Begun")])
    await ingest.accept([track("Paid", properties={"amount": 12.5})])
    (row,) = await enrolments(db)
    assert (row["outcome"], row["goal_at"], float(row["goal_value"]), row["ended_at"]) == ("converted", NOW, 12.5, NOW)


async def test_a_goal_counts_once_and_in_its_window_also_after_the_end(
    db: Database, ingest: Ingest, publish: Publish, clock: Clock
) -> None:
    await publish(
        journey="sale",
        start={"on": "Begun"},
        exit={"on": "Left"},
        goal={"on": "Paid", "within": "30d"},
        steps=[{"wait": "1d"}],
    )
    await ingest.accept([track(name, user) for user in ("u1", "u2") for name in ("Begun", "Left")])
    clock.advance(29 * DAY)
    await ingest.accept([track("Paid", "u1")])
    clock.advance(2 * DAY)
    await ingest.accept([track("Paid", "u1"), track("Paid", "u2")])
    first, second = await enrolments(db)
    assert (first["goal_at"], first["outcome"], first["last_seq"]) == (NOW + 29 * DAY, "exited", 2)
    assert (second["goal_at"], second["last_seq"]) == (None, 2)


async def test_a_goal_that_only_counts_lets_the_journey_go_on(db: Database, ingest: Ingest, publish: Publish) -> None:
    await publish(journey="sale", start={"on": "Begun"}, goal={"on": "Paid", "ends": False})
    await ingest.accept([track("Begun"), track("Paid")])
    (row,) = await enrolments(db)
    assert row["state"] == "active"
    assert row["goal_at"] is not None


async def test_rearming_replaces_start_properties_of_the_same_name(
    db: Database, ingest: Ingest, publish: Publish
) -> None:
    until = {"until": "start.expires_at - duration('24h')", "rearm_on": "Extended"}
    await publish(journey="reservation", start={"on": "Reserved"}, steps=[{"wait": until}])
    await ingest.accept([track("Reserved", properties={"expires_at": "2026-12-01T00:00:00Z", "flat": 7})])
    await ingest.accept([track("Extended", properties={"expires_at": "2026-12-05T00:00:00Z", "by": "desk"})])
    (row,) = await enrolments(db)
    assert row["start"] == {"expires_at": "2026-12-05T00:00:00Z", "flat": 7}
    delivery = Delivery.model_validate((await deliveries(db, row["id"]))[1]["payload"])
    assert delivery.rearmed == {"expires_at": "2026-12-05T00:00:00Z"}


async def test_conditions_see_the_customers_other_journeys(db: Database, ingest: Ingest, publish: Publish) -> None:
    await publish(journey="trial", start={"on": "Trial Begun"}, exit={"on": "Trial Ended", "outcome": "bought"})
    await publish(journey="thanks", start={"on": "Paid", "where": 'journeys.trial.outcome == "bought"'})
    await publish(journey="nudge", start={"on": "Paid", "where": "journeys.trial.active"})
    await ingest.accept([track("Trial Begun")])
    await ingest.accept([track("Trial Ended"), track("Paid")])
    assert [row["journey"] for row in await enrolments(db)] == ["trial", "thanks"]


async def test_any_activity_starts_but_an_identify_does_not(db: Database, ingest: Ingest, publish: Publish) -> None:
    await publish(journey="win_back", start={"on": "any_activity"}, again="after_exit", exit={"on": "any_activity"})
    await ingest.accept([identify(traits={"n": 1})])
    assert await enrolments(db) == []
    await ingest.accept([track("A"), track("B")])
    assert [row["state"] for row in await enrolments(db)] == ["ending", "active"]


async def test_a_version_published_a_moment_ago_is_used_at_once(db: Database, ingest: Ingest, publish: Publish) -> None:
    await publish(journey="welcome", start={"on": "Begun"}, exit={"on": "Left", "outcome": "old"})
    await ingest.accept([track("Begun", "u1")])
    version = await publish(journey="welcome", start={"on": "Begun"}, exit={"on": "Left", "outcome": "new"})
    await ingest.accept([track("Begun", "u2")])
    await ingest.accept([track("Left", "u1"), track("Left", "u2")])
    rows = await enrolments(db)
    assert [(row["version"], row["outcome"]) for row in rows] == [(version - 1, "old"), (version, "new")]


async def test_an_archived_version_goes_on_for_those_inside_and_takes_nobody(
    db: Database, ingest: Ingest, publish: Publish
) -> None:
    await publish(journey="welcome", start={"on": "Begun"}, exit={"on": "Left"})
    await ingest.accept([track("Begun", "u1")])
    await db.pool.execute("UPDATE journey_versions SET state = 'archived'")
    await ingest.accept([track("Begun", "u2"), track("Left", "u1")])
    assert await states(db) == [("ending", "exited")]


async def test_events_of_no_journey_touch_no_enrolment(db: Database, ingest: Ingest, publish: Publish) -> None:
    await publish(journey="welcome", start={"on": "Begun"})
    await ingest.accept([track("Begun"), track("Other")])
    before = await enrolments(db)
    await ingest.accept([track("Other"), identify(traits={"n": 1})])
    assert await enrolments(db) == before


async def test_of_two_open_enrolments_a_merge_keeps_the_older(
    db: Database, ingest: Ingest, publish: Publish, clock: Clock
) -> None:
    await publish(journey="reservation", key="event.flat", start={"on": "Reserved"}, exit={"on": "Bought"})
    await ingest.accept([track("Reserved", None, {"flat": 1}, anonymous_id="a1")])
    clock.advance(DAY)
    await ingest.accept([track("Reserved", "u1", {"flat": 1}), track("Reserved", "u1", {"flat": 2})])
    await ingest.accept([track("Reserved", None, {"flat": 3}, anonymous_id="a1")])
    await ingest.accept([identify("u1", {"n": 1}, anonymous_id="a1"), track("Bought", "u1", {"flat": 3})])
    rows = await enrolments(db)
    assert [(row["key"], row["state"], row["outcome"]) for row in rows] == [
        ("1", "active", None),
        ("1", "ending", "merged"),
        ("2", "active", None),
        ("3", "ending", "exited"),
    ]
    assert len({row["customer_id"] for row in rows}) == 1
    assert await heard(db, rows[1]["id"]) == [(1, "start", "Reserved"), (2, "end", "merged")]


async def test_a_merge_and_a_start_in_one_request(db: Database, ingest: Ingest, publish: Publish) -> None:
    """After an alias both are one: who is in the journey already does not enter a second time."""
    await publish(journey="welcome", start={"on": "Begun"})
    await ingest.accept([track("Begun", "u1")])
    await ingest.accept([track("Begun", "u2"), alias("u2", "u1"), track("Begun", "u2")])
    assert await states(db) == [("active", None)]
    assert len(await verdicts(db)) == 2


async def test_publishing_while_others_ingest_never_uses_an_older_version(db: Database, ingest: Ingest) -> None:
    for number in range(5):
        definition: dict[str, Any] = {"journey": "welcome", "title": str(number), "start": {"on": "Begun"}}
        version = await publish_journey(db, **definition)
        await ingest.accept([track("Begun", f"user {number}")])
        assert (await enrolments(db))[-1]["version"] == version
