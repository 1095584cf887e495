import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import store.calendar
from language.calendar import CalendarStanding, EnrolDue
from store.calendar import Calendars, live_calendars
from store.database import Database
from store.ingest_journeys import Decisions
from tests.rows import add_customer, add_enrolment
from tests.store.ingesting import NOW, Clock, deliveries, enrolments, verdicts

Publish = Callable[..., Awaitable[int]]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BIRTHDAY = {"date": "profile.birthday"}
TOMORROW = {"birthday": "1990-11-23"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def look(
    calendars: Calendars, clock: Callable[[], datetime], journey: str = "birthday", **more: Any
) -> CalendarStanding:
    """All pages."""
    order = EnrolDue(journey=journey, at=clock(), **more)
    while not (standing := await calendars.enrol_page(order, clock)).is_done:
        pass
    return standing


@pytest.fixture
def calendars(db: Database) -> Calendars:
    return Calendars(db, page=3)


async def test_birthday_starts_at_nine_of_the_customers_own_clock(
    db: Database, publish: Publish, calendars: Calendars, clock: Clock
) -> None:
    await publish(journey="birthday", start=[BIRTHDAY])
    ana = await add_customer(db, traits=TOMORROW, time_zone="America/Sao_Paulo")
    await add_customer(db, traits={"birthday": "1990-11-24"})
    clock.now = at("2026-11-23T11:59:59")
    before = await look(calendars, clock)
    assert await enrolments(db) == []

    clock.now = at("2026-11-23T12:00")
    await look(calendars, clock)

    [one] = await enrolments(db)
    [begun] = await deliveries(db, one["id"])
    assert before.look_at == at("2026-11-23T12:00")
    assert (one["customer_id"], one["journey"], one["started_at"]) == (ana, "birthday", clock.now)
    assert one["start"] == {"at": "2026-11-23T12:00:00+00:00", "date": "2026-11-23"}
    assert (begun["kind"], begun["payload"]["fact"]["name"]) == ("start", "Date Came")


async def test_zone_of_a_customer_without_one_is_that_of_the_phone(
    db: Database, publish: Publish, calendars: Calendars, clock: Clock
) -> None:
    await publish(journey="birthday", start=[BIRTHDAY])
    await add_customer(db, traits={**TOMORROW, "phone": "+919876543210"})
    clock.now = at("2026-11-23T03:30")

    await look(calendars, clock)

    assert len(await enrolments(db)) == 1


async def test_many_ticks_at_once_start_each_customer_once(db: Database, publish: Publish, clock: Clock) -> None:
    await publish(journey="birthday", start=[BIRTHDAY], again="always")
    for _ in range(10):
        await add_customer(db, traits=TOMORROW)
    clock.now = NOW + DAY

    await asyncio.gather(*(look(Calendars(db, page=2), clock) for _ in range(5)))

    started = [row["customer_id"] for row in await enrolments(db)]
    assert len(started) == len(set(started)) == 10


async def test_tick_that_dies_between_pages_neither_skips_nor_doubles(
    db: Database, publish: Publish, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish(journey="birthday", start=[BIRTHDAY], again="always")
    for _ in range(10):
        await add_customer(db, traits=TOMORROW)
    clock.now = NOW + DAY
    admit = Decisions.admit

    def dies_at(number: int) -> None:
        left = iter(range(number))

        def dying(self: Decisions, *about: Any) -> None:
            if next(left, None) is None:
                raise ConnectionError("killed")
            admit(self, *about)

        monkeypatch.setattr(Decisions, "admit", dying)

    for number in (1, 4, 5):
        dies_at(number)
        with pytest.raises(ConnectionError):
            await look(Calendars(db, page=3), clock)
        assert len(await enrolments(db)) % 3 == 0, "a page is all or nothing"
        clock.advance(timedelta(seconds=5))
    monkeypatch.undo()
    await look(Calendars(db, page=3), clock)

    started = [row["customer_id"] for row in await enrolments(db)]
    assert len(started) == len(set(started)) == 10


async def test_customer_who_flies_west_has_one_birthday(
    db: Database, publish: Publish, calendars: Calendars, clock: Clock
) -> None:
    await publish(journey="birthday", start=[BIRTHDAY], again="always")
    ana = await add_customer(db, traits=TOMORROW, time_zone="Asia/Kolkata")
    clock.now = at("2026-11-23T04:00")
    await look(calendars, clock)
    await db.pool.execute("UPDATE customers SET time_zone = 'America/Los_Angeles' WHERE id = $1", ana)
    clock.now = at("2026-11-23T18:00")

    await look(calendars, clock)

    assert len(await enrolments(db)) == 1


async def test_day_that_came_while_all_was_down_starts_within_late(
    db: Database, publish: Publish, calendars: Calendars, clock: Clock
) -> None:
    await publish(journey="birthday", start=[BIRTHDAY], late="2d")
    late = await add_customer(db, traits=TOMORROW)
    in_time = await add_customer(db, traits={"birthday": "1990-11-26"})
    clock.now = at("2026-11-27T12:00")

    await look(calendars, clock)

    assert [row["customer_id"] for row in await enrolments(db)] == [in_time]
    assert await verdicts(db) == [("birthday", store.calendar.TOO_LATE)]
    assert await db.pool.fetchval("SELECT customer_id FROM verdicts") == late


async def test_what_fell_due_before_the_journey_was_published_is_past(
    db: Database, publish: Publish, calendars: Calendars, clock: Clock
) -> None:
    await add_customer(db, traits={"birthday": "1990-11-22"})
    await publish(journey="birthday", start=[BIRTHDAY, {"every": "0 8 * * *"}])  # at 09:00
    clock.now = NOW + HOUR

    await look(calendars, clock)

    assert await enrolments(db) == []
    assert await verdicts(db) == []


async def test_who_is_inside_already_is_refused_with_a_reason(
    db: Database, publish: Publish, calendars: Calendars, clock: Clock
) -> None:
    await publish(journey="birthday", start=[BIRTHDAY])
    await add_enrolment(db, await add_customer(db, traits=TOMORROW), journey="birthday")
    clock.now = NOW + DAY

    await look(calendars, clock)

    assert await verdicts(db) == [("birthday", "already in this journey")]


async def test_broadcast_takes_all_who_fit(db: Database, publish: Publish, calendars: Calendars, clock: Clock) -> None:
    await publish(
        journey="promo",
        start=[{"every": "0 12 * * 1", "time_zone": "Europe/Moscow", "where": 'profile.plan == "pro"'}],
    )
    pros = [await add_customer(db, traits={"plan": "pro"}) for _ in range(7)]
    await add_customer(db, traits={"plan": "free"})
    await add_customer(db, traits={"plan": "pro"}, merged_into=pros[0])
    clock.now = at("2026-11-23T08:59")
    before = await look(calendars, clock, "promo", look_every=DAY)
    assert await enrolments(db) == []
    clock.now = at("2026-11-23T09:00:01")

    after = await look(calendars, clock, "promo", look_every=30 * DAY)

    assert [row["customer_id"] for row in await enrolments(db)] == pros
    assert (before.look_at, after.look_at) == (at("2026-11-23T09:00"), at("2026-11-30T09:00"))


async def test_broadcast_can_ask_for_other_journeys(
    db: Database, publish: Publish, calendars: Calendars, clock: Clock
) -> None:
    await publish(journey="promo", start=[{"every": "0 12 * * *", "where": "journeys.reservation.active != true"}])
    await add_enrolment(db, await add_customer(db))
    free = await add_customer(db)
    clock.now = NOW + 4 * HOUR

    await look(calendars, clock, "promo")

    assert [row["customer_id"] for row in await enrolments(db) if row["journey"] == "promo"] == [free]


async def test_two_broadcasts_of_one_moment_take_who_fits_either(
    db: Database, publish: Publish, calendars: Calendars, clock: Clock
) -> None:
    starts = [{"every": "0 12 * * *", "where": f"profile.plan == '{plan}'"} for plan in ("pro", "team")]
    await publish(journey="promo", start=starts)
    for plan in ("pro", "team", "free"):
        await add_customer(db, traits={"plan": plan})
    clock.now = NOW + 4 * HOUR

    await look(calendars, clock, "promo")

    assert len(await enrolments(db)) == 2


async def test_of_broadcasts_missed_while_down_the_last_is_made_up_for(
    db: Database, publish: Publish, calendars: Calendars, clock: Clock
) -> None:
    await publish(journey="promo", start=[{"every": "0 12 * * *"}], again="always")
    await add_customer(db)
    clock.now = at("2026-11-26T13:00")
    await look(calendars, clock, "promo")

    [one] = await enrolments(db)
    assert one["start"] == {"at": "2026-11-26T12:00:00+00:00"}


async def test_customer_who_came_later_gets_no_earlier_broadcast(
    db: Database, publish: Publish, calendars: Calendars, clock: Clock
) -> None:
    await publish(journey="promo", start=[{"every": "0 12 * * *"}])
    customer = await add_customer(db)
    await db.pool.execute("UPDATE customers SET first_seen_at = $2 WHERE id = $1", customer, NOW + 4 * HOUR)
    clock.now = NOW + 5 * HOUR

    await look(calendars, clock, "promo")

    assert await enrolments(db) == []


async def test_journey_without_calendar_is_forgotten(
    db: Database, publish: Publish, calendars: Calendars, clock: Clock
) -> None:
    await publish(journey="birthday", start=[BIRTHDAY])
    await look(calendars, clock)
    assert [(one.journey, one.version) for one in await live_calendars(db)] == [("birthday", 1)]
    await publish(
        journey="birthday", start=[{"on": "Begun"}], steps=[{"repeat": 3, "every": "1d", "do": [{"wait": "1d"}]}]
    )

    standing = await look(calendars, clock)

    assert (standing.is_done, standing.look_at) == (True, None)
    assert await db.pool.fetchval("SELECT count(*) FROM calendars") == 0
    assert await live_calendars(db) == []
