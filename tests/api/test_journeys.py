import json

from store.database import Database
from tests.api.reading import add, add_enrolment, add_message, after, reading, walk
from tests.rows import AT, add_customer

STEPS = [{"id": "day_before", "wait": "1d"}, {"id": "over", "stop": "expired"}]
DEFINITION = json.dumps({"journey": "reservation", "start": [{"on": ["Reserved"]}], "steps": STEPS})


async def add_version(db: Database, journey: str, version: int, state: str, title: str = "") -> None:
    row = {"digest": "d", "definition": DEFINITION, "title": title, "owner": "sales", "published_at": AT}
    await add(db, "journey_versions", journey=journey, version=version, state=state, **row)


async def test_journeys_are_listed_with_how_they_fare(db: Database) -> None:
    await add_version(db, "reservation", 1, "archived", "Old title")
    await add_version(db, "reservation", 2, "live", "Apartment reservation")
    await add_version(db, "win_back", 1, "live")
    ana, bob = await add_customer(db), await add_customer(db)
    life = await add_enrolment(db, ana)
    await add_enrolment(db, bob, paused_at=AT)
    for value in (100, 50.5):
        won = {"state": "ended", "outcome": "converted", "goal_at": AT, "goal_value": value}
        await add_enrolment(db, ana, **won, ended_at=AT)
    await add_enrolment(db, ana, state="ending", outcome="stopped", ended_at=AT)
    await add_message(db, life, "one")
    await add_message(db, life, "two")
    await add_message(db, life, "one", channel="email", status="suppressed")
    async with reading(db) as api:
        reservation, win_back = (await api.get("/v1/journeys")).json()["items"]
    assert (reservation["journey"], reservation["version"], reservation["state"]) == ("reservation", 2, "live")
    assert (reservation["title"], reservation["owner"]) == ("Apartment reservation", "sales")
    assert reservation["enrolments"] == {
        "active": 2,
        "ending": 1,
        "ended": 2,
        "paused": 1,
        "by_outcome": {"converted": 2, "stopped": 1},
    }
    assert (reservation["conversions"], reservation["value"]) == (2, 150.5)
    assert reservation["messages"] == {"sms": {"sent": 2}, "email": {"suppressed": 1}}
    assert (win_back["enrolments"]["active"], win_back["messages"]) == (0, {})


async def test_journey_shows_its_versions_and_where_people_are(db: Database) -> None:
    await add_version(db, "reservation", 1, "archived")
    await add_version(db, "reservation", 2, "live")
    for number, (version, step) in enumerate([(1, "gone_since"), (2, "day_before"), (2, "day_before")]):
        paused = AT if number == 2 else None
        await add_enrolment(db, await add_customer(db), version=version, step=step, paused_at=paused)
    await add_enrolment(db, await add_customer(db), version=1, step="day_before", state="ended")
    async with reading(db) as api:
        found = (await api.get("/v1/journeys/reservation")).json()
    assert [(it["version"], it["state"], it["people"]) for it in found["versions"]] == [
        (2, "live", 2),
        (1, "archived", 1),
    ]
    assert found["steps"] == [
        {"step": "day_before", "verb": "wait", "title": "for 1d", "people": 2, "paused": 1},
        {"step": "over", "verb": "stop", "title": "over", "people": 0, "paused": 0},
        {"step": "gone_since", "verb": None, "title": None, "people": 1, "paused": 0},
    ]


async def test_journey_without_a_live_version_is_shown_by_its_newest(db: Database) -> None:
    for version in (1, 2):
        await add_version(db, "reservation", version, "archived")
    async with reading(db) as api:
        [found] = (await api.get("/v1/journeys")).json()["items"]
    assert (found["version"], found["state"]) == (2, "archived")


async def test_pages_join_without_gap_or_overlap(db: Database) -> None:
    names = [f"journey_{letter}" for letter in "abcde"]
    for name in names:
        await add_version(db, name, 1, "live")
    async with reading(db) as api:
        found = [journey["journey"] for journey in await walk(api, "/v1/journeys", limit=2)]
    assert found == names


async def test_journey_never_published_is_a_problem(db: Database) -> None:
    async with reading(db) as api:
        answer = await api.get("/v1/journeys/nothing")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "No journey nothing was ever published."


async def test_clock_tells_journey_time(db: Database) -> None:
    async with reading(db, now=after(days=2)) as api:
        told = (await api.get("/v1/clock")).json()
    assert told == {"now": "2026-03-03T12:00:00Z", "speed": 1.0}


async def test_openapi_tells_of_every_route_what_it_is_for(db: Database) -> None:
    async with reading(db) as api:
        paths = (await api.get("/openapi.json")).json()["paths"]
    described = {path: route for path, route in paths.items() if path.startswith(("/v1", "/codec"))}
    assert {"/v1/customers/{name}/timeline", "/v1/enrolments/{enrolment_id}/stop", "/codec/decode"} <= set(described)
    for path, methods in described.items():
        for method, route in methods.items():
            assert route["tags"], (path, method)
            assert route["description"], (path, method)
            assert "4XX" in route["responses"], (path, method)
