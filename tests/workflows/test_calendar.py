import os
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle, WorkflowHistory
from temporalio.worker import Replayer

from api.calendar import CalendarKeeper
from api.publish import publish
from harness.patience import eventually
from harness.play import play
from language.comparison import compare
from language.library import Library, read_library
from language.simulator import Simulator
from runtime.temporal import data_converter
from store.database import Database
from tests.world import World, demo_temporal, world_in
from worker.sandbox import sandboxed
from workflows.calendar import CalendarWorkflow
from workflows.client import JourneyClient, calendar_id
from workflows.payload import StartCalendar

RECORDED = Path(__file__).parents[1] / "histories" / "calendars"
RECORDS = bool(os.environ.get("SOJOURN_RECORD"))
MESSAGE = "{message: hello, class: transactional, sms: hello}"
ZONE_BY_USER = {"ana": "America/Sao_Paulo", "berta": "Europe/Berlin", "chandra": "Asia/Kolkata"}


@pytest.fixture
def client(world: World) -> JourneyClient:
    return world.client


async def make_live(world: World, library: Library) -> None:
    """Published, and its calendar not kept yet."""
    assert not library.errors
    await publish(world.db, library.compiled(), at=world.now())


def journey(name: str, start: str, *, again: str = "after_exit", scenario: str | None = None) -> Library:
    steps = "[{send: hello, via: sms}]"
    text = f"{{journey: {name}, title: Shown, start: {start}, again: {again}, steps: {steps}}}"
    files = {f"{name}.yaml": text, "messages/hello.yaml": MESSAGE}
    return read_library({**files, "scenarios/one.yaml": scenario} if scenario else files)


async def runs_of(world: World, name: str) -> list[WorkflowHistory]:
    """The histories of a calendar's runs, the last first."""
    found: list[WorkflowHistory] = []
    run_id = (await calendar(world, name).describe()).run_id
    while run_id:
        handle = world.temporal.client.get_workflow_handle(calendar_id(name), run_id=run_id)
        found.append(await handle.fetch_history())
        run_id = found[-1].events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    return found


async def check_fresh(histories: list[WorkflowHistory]) -> None:
    assert len(histories) > 1, "the calendar went on in a fresh run"
    for history in histories:
        await replay(history)
    if RECORDS:
        (RECORDED / "birthday.json").write_text(histories[0].to_json())


async def replay(history: WorkflowHistory) -> None:
    replayer = Replayer(workflows=[CalendarWorkflow], workflow_runner=sandboxed(), data_converter=data_converter())
    await replayer.replay_workflow(history)


def calendar(world: World, name: str) -> "WorkflowHandle[object, object]":
    return world.temporal.client.get_workflow_handle(calendar_id(name))


async def test_birthday_comes_once_a_year_at_nine_of_the_customers_morning(world: World, client: JourneyClient) -> None:
    await world.temporal.look()
    begun_at = world.now()
    for number, (user, zone) in enumerate(ZONE_BY_USER.items()):
        next_birthday = begun_at + timedelta(days=40 + 100 * number)
        if f"{next_birthday:%m-%d}" == "02-29":  # kept on the 28th in the second year: another test's matter
            next_birthday -= timedelta(days=1)
        birthday = next_birthday.replace(year=next_birthday.year - 28).date().isoformat()
        phone = f"+1500555000{number}"
        await world.identify({"birthday": birthday, "phone": phone}, user=user, time_zone=zone)
    await make_live(world, journey("birthday", "{date: profile.birthday}"))
    await client.keep_calendar(StartCalendar(journey="birthday", look_every=timedelta(days=3)))

    for _ in range(37):
        await world.skip(days=20)
        await world.settle()
    await world.end_calendars()
    await check_fresh(await runs_of(world, "birthday"))

    started = [(row["customer_id"], row["started_at"]) for row in await world.enrolments()]
    times_by_customer = {id: [at for other, at in started if other == id] for id, _ in started}
    assert [len(times) for times in times_by_customer.values()] == [2, 2, 2]
    for times, zone in zip(
        (times_by_customer[id] for id in sorted(times_by_customer)), ZONE_BY_USER.values(), strict=True
    ):
        local = [at.astimezone(ZoneInfo(zone)) for at in times]
        assert [f"{at:%H:%M}" for at in local] == ["09:00", "09:00"]
        assert f"{local[0]:%m-%d}" == f"{local[1]:%m-%d}"
    assert len(await world.sent()) == 6


async def test_broadcast_reaches_everybody_in_pages_once(world: World, client: JourneyClient) -> None:
    await world.stop_relay()  # this is about who is enrolled, not about what each then does
    await world.temporal.look()
    due = (world.now() + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    await world.db.pool.execute(
        "INSERT INTO customers (first_seen_at) SELECT $1 FROM generate_series(1, 2500)", world.now()
    )
    await make_live(world, journey("promo", f'{{every: "0 {due.hour} * * *"}}'))
    await CalendarKeeper(world.db, client, pace=world.temporal.pace).look()

    await world.skip(hours=3)

    async def is_done() -> bool:
        return bool(await world.db.pool.fetchval("SELECT done_until > $1 FROM calendars", due))

    await eventually(is_done)
    count = "SELECT count(*) AS all, count(DISTINCT customer_id) AS customers, min(started_at) AS first FROM enrolments"
    [row] = await world.db.pool.fetch(count)
    await world.db.pool.execute("UPDATE enrolments SET state = 'ended'")
    assert (row["all"], row["customers"]) == (2500, 2500)
    assert due <= row["first"] <= due + timedelta(minutes=1)


async def test_new_version_is_told_at_once_and_one_without_calendar_ends_it(
    world: World, client: JourneyClient
) -> None:
    keeper = CalendarKeeper(world.db, client, pace=world.temporal.pace)
    await make_live(world, journey("told", "{date: profile.birthday}"))
    await keeper.look()
    await keeper.look()
    handle = calendar(world, "told")
    described = await handle.describe()
    assert described.status == WorkflowExecutionStatus.RUNNING

    await make_live(world, journey("told", "{on: Begun}"))
    await handle.signal("look", {"version": 2})

    assert await handle.result() == 0
    signals = [
        event
        async for event in handle.fetch_history_events()
        if event.HasField("workflow_execution_signaled_event_attributes")
    ]
    assert len(signals) == 2, "the keeper told of the first version once"


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.json")), ids=lambda path: path.stem)
async def test_recorded_calendars_replay(path: Path) -> None:
    """To record anew, as in `test_replay.py`: `SOJOURN_RECORD=1`, and only this file."""
    await replay(WorkflowHistory.from_json("calendar/birthday", path.read_text()))


async def test_in_demo_time_a_day_is_a_second(db: Database, temporal_address: str) -> None:
    async with world_in(db, await demo_temporal(temporal_address, speed=86_400)) as world:
        await world.stop_relay()
        await world.identify({"first_name": "Ana"})
        await make_live(world, journey("daily", '{every: "0 9 * * *"}', again="always"))
        await CalendarKeeper(world.db, world.client, pace=world.temporal.pace).look()

        async def has_begun_thrice() -> bool:
            return len(await world.enrolments()) >= 3

        await eventually(has_begun_thrice)
        days = [datetime.fromisoformat(row["start"]["at"]) for row in await world.enrolments()]
        await world.db.pool.execute("UPDATE enrolments SET state = 'ended'")
        assert {(day.hour, day.minute) for day in days} == {(9, 0)}
        assert days == sorted(set(days))


async def test_calendar_that_died_is_started_again(world: World, client: JourneyClient) -> None:
    keeper = CalendarKeeper(world.db, client, pace=world.temporal.pace, period=0)
    await make_live(world, journey("mended", "{date: profile.birthday}"))
    await keeper.look()
    await asleep(world, "mended")
    await calendar(world, "mended").terminate()

    await keeper.look()

    described = await calendar(world, "mended").describe()
    assert described.status == WorkflowExecutionStatus.RUNNING


async def test_calendar_tells_what_it_does(world: World, client: JourneyClient) -> None:
    await make_live(world, journey("shown", "{date: profile.birthday}"))
    await client.keep_calendar(StartCalendar(journey="shown", title="Shown"))
    await asleep(world, "shown")
    details = str(await calendar(world, "shown").query("__temporal_workflow_metadata"))
    assert "### Calendar of Shown" in details
    assert "0 enrolled so far. Looks again at " in details


async def asleep(world: World, name: str) -> None:
    async def sleeps() -> bool:
        events = calendar(world, name).fetch_history_events()
        return "timer_started_event_attributes" in [event.WhichOneof("attributes") async for event in events]

    await eventually(sleeps)


SCENARIO = """
scenario: twice
journey: {name}
customer: {{time_zone: America/Sao_Paulo, traits: {{phone: "+5511987654321"}}}}
given: [{{at: 0d, traits: {{birthday: "{{{{ 5d }}}}", plan: pro}}}}, {{at: 6d, on: Nothing}}]
expect: [{expect}]
"""


@pytest.mark.parametrize(
    ("name", "start", "days"),
    [
        ("birthday", "{date: profile.birthday}", (5, 370)),
        ("weekly", '{every: "0 9 * * 1", time_zone: America/Sao_Paulo, where: profile.plan == "pro"}', (7, 14, 21)),
    ],
)
async def test_scenario_of_a_calendar_is_the_same_in_the_simulator(
    world: World, name: str, start: str, days: tuple[int, ...]
) -> None:
    expect = ", ".join(f"{{at: {day}d, send: hello, via: sms}}" for day in days)
    library = journey(name, start, scenario=SCENARIO.format(name=name, expect=expect))
    [scenario] = library.scenarios.values()

    played = await play(world, library, scenario)

    assert compare(scenario, played) == []
    assert compare(scenario, await Simulator(library, scenario).run()) == []
