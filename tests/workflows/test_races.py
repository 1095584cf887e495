"""What happens at the same moment, too late, twice, in the wrong order, or while somebody is away."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from harness.patience import eventually
from language.delivery import Delivery
from language.library import Library, read_library
from store.versions import Versions
from tests.world import World
from workflows.payload import Deliveries, StartEnrolment

ANA = {"phone": "+15005550001", "email": "ana@example.com"}
MESSAGE = """
message: {name}
class: transactional
sms: {name}
email:
  subject: {name}
  body: {name}
"""
MESSAGES = {f"messages/{name}.yaml": MESSAGE.format(name=name) for name in ("hello", "bye")}
HELLO = [("hello", "sms")]


def journey(steps: str, head: str = "") -> Library:
    head = f"journey: race\ntitle: A race\nstart: {{on: Begun}}\nexit: {{on: Bought, outcome: bought}}\n{head}\n"
    library = read_library({"race.yaml": f"{head}steps:\n{steps}", **MESSAGES})
    assert not library.findings, library.findings
    return library


WAIT = journey("""
  - wait: 30d
  - send: hello
    via: sms
""")
TIMEOUT = journey("""
  - wait_for:
      - on: Clicked
        do: [{stop: clicked}]
    within: 1d
  - stop: silent
""")


async def begin(world: World, library: Library, properties: dict[str, Any] | None = None) -> int:
    """Ana enters; returns her enrolment's id when it waits."""
    await world.publish(library)
    await world.identify(ANA)
    await world.track("Begun", properties)
    await world.settle()
    [enrolment] = await world.enrolments()
    return int(enrolment["id"])


async def outcome(world: World) -> str:
    """How the enrolment ended; waits for it."""

    async def is_ended() -> bool:
        return bool((await world.enrolments())[0]["state"] == "ended")

    await eventually(is_ended)
    return str((await world.enrolments())[0]["outcome"])


async def message(world: World, channel: str = "sms") -> dict[str, Any]:
    [row] = await world.db.pool.fetch(
        "SELECT * FROM messages WHERE channel = $1 ORDER BY created_at DESC LIMIT 1", channel
    )
    return dict(row)


async def step(world: World, verb: str = "wait") -> dict[str, Any]:
    """The newest visit of the steps with this verb."""
    [row] = await world.db.pool.fetch(
        "SELECT * FROM steps WHERE verb = $1 ORDER BY visit DESC, entered_at DESC LIMIT 1", verb
    )
    return dict(row)


async def waits_until(world: World) -> datetime:
    found: datetime = (await step(world))["waits_until"]
    return found


# --- ends


async def test_an_exit_during_a_long_wait_ends_it(world: World) -> None:
    await begin(world, WAIT)
    await world.skip(days=15)
    await world.track("Bought")
    assert await outcome(world) == "bought"
    await world.skip(days=20)
    assert world.provider.accepted == []


async def test_an_exit_in_the_second_before_a_send_suppresses_it(world: World) -> None:
    await begin(world, WAIT)
    async with world.silence():
        await world.skip(days=30, seconds=-1)
        await world.track("Bought")
        await world.skip(seconds=2)
        assert await outcome(world) == "bought"
    assert world.provider.accepted == []
    assert "bought" in (await message(world))["reason"]


async def test_an_exit_between_a_send_and_its_claim_suppresses_it(world: World) -> None:
    await begin(world, WAIT)
    world.before_claim = lambda: world.track("Bought")
    await world.skip(days=30, seconds=1)
    assert await outcome(world) == "bought"
    assert world.provider.accepted == []


async def test_an_exit_in_the_second_after_a_send_ends_it_after_the_send(world: World) -> None:
    await begin(world, journey("  - {send: hello, via: sms}\n  - wait: 1s\n  - {send: bye, via: sms}\n"))
    await world.track("Bought")
    assert await outcome(world) == "bought"
    await world.skip(minutes=1)
    assert await world.sent() == HELLO


async def test_a_stop_ends_it(world: World) -> None:
    enrolment = await begin(world, WAIT)
    await world.command("stop", enrolment)
    assert await outcome(world) == "stopped"
    await world.skip(days=31)
    assert world.provider.accepted == []


# --- deadlines


async def test_an_event_that_nobody_told_of_beats_the_timeout(world: World) -> None:
    await begin(world, TIMEOUT)
    async with world.silence():
        await world.skip(hours=23)
        await world.track("Clicked")
        await world.skip(hours=3)
        assert await outcome(world) == "clicked"


@pytest.mark.parametrize(("late", "ends"), [(0, "clicked"), (1, "silent")])
async def test_an_event_at_the_deadline_is_in_time_and_one_after_it_is_not(world: World, late: int, ends: str) -> None:
    await begin(world, TIMEOUT)
    deadline = (await step(world, "wait_for"))["waits_until"]
    async with world.silence():
        with world.received_at(deadline + timedelta(microseconds=late)):
            await world.track("Clicked")
        await world.skip(days=1, seconds=1)
        assert await outcome(world) == ends


async def test_an_event_before_the_claim_is_absorbed_and_counts_for_the_next_wait(world: World) -> None:
    library = journey("""
  - send: hello
    via: sms
  - wait_for:
      - on: Clicked
        do: [{stop: clicked}]
    within: 1d
  - stop: silent
""")
    world.before_claim = lambda: world.track("Clicked")
    await begin(world, library)
    assert await outcome(world) == "clicked"
    assert await world.sent() == HELLO
    assert max(world.provider.count_by_key.values()) == 1


# --- people


@pytest.mark.parametrize(
    ("on_resume", "valid_for", "status"),
    [("send", "7d", "sent"), ("send", "1d", "expired"), ("skip", "7d", "suppressed")],
)
async def test_what_fell_due_during_a_pause(world: World, on_resume: str, valid_for: str, status: str) -> None:
    steps = f"  - wait: 1d\n  - {{send: hello, via: sms, valid_for: {valid_for}}}\n"
    enrolment = await begin(world, journey(steps, f"on_resume: {on_resume}"))
    await world.command("pause", enrolment)
    await world.settle()
    await world.skip(days=3)
    assert world.provider.accepted == []
    await world.command("resume", enrolment)
    assert await outcome(world) == "completed"
    assert (await message(world))["status"] == status
    assert len(world.provider.accepted) == (status == "sent")


async def test_a_wait_is_planned_again_after_a_pause(world: World) -> None:
    enrolment = await begin(world, journey("  - wait: 1d\n  - {send: hello, via: sms}\n", "on_resume: replan"))
    await world.command("pause", enrolment)
    await world.settle()
    await world.skip(days=3)
    await world.command("resume", enrolment)
    await world.settle()
    await world.skip(hours=23)
    assert world.provider.accepted == []
    await world.skip(hours=2)
    assert await outcome(world) == "completed"
    assert await world.sent() == HELLO


async def test_a_pause_that_is_over_before_anything_falls_due_changes_nothing(world: World) -> None:
    enrolment = await begin(world, journey("  - wait: 1d\n  - {send: hello, via: sms}\n", "on_resume: skip"))
    await world.command("pause", enrolment)
    await world.settle()
    await world.command("resume", enrolment)
    await world.settle()
    await world.skip(days=1, seconds=1)
    assert await outcome(world) == "completed"
    assert await world.sent() == HELLO


async def test_a_skipped_wait_is_over(world: World) -> None:
    enrolment = await begin(world, WAIT)
    await world.command("skip_wait", enrolment)
    assert await outcome(world) == "completed"
    assert await world.sent() == HELLO


# --- dates

REMIND = """
  - id: remind
    wait: {until: start.due, rearm_on: Moved, past: skip, again_if_moved: true}
  - {send: hello, via: sms}
  - wait: 20d
"""


@pytest.mark.parametrize("days", [3, 9])
async def test_a_date_that_moves_moves_the_send(world: World, days: int) -> None:
    begins = world.now()
    await begin(world, journey(REMIND), {"due": (begins + timedelta(days=6)).isoformat()})
    await world.skip(days=1)
    await world.track("Moved", {"due": (begins + timedelta(days=days)).isoformat()})
    await world.settle()
    await world.skip(days=days - 1, hours=-1)
    assert world.provider.accepted == []
    await world.skip(hours=2)
    await world.settle()
    assert await world.sent() == HELLO


async def test_a_date_that_moves_ahead_again_is_waited_for_again(world: World) -> None:
    begins = world.now()
    await begin(world, journey(REMIND), {"due": (begins + timedelta(days=2)).isoformat()})
    await world.skip(days=3)
    await world.settle()
    await world.track("Moved", {"due": (begins + timedelta(days=5)).isoformat()})
    await world.settle()
    await world.skip(days=3)
    await world.settle()
    assert await world.sent() == [*HELLO, *HELLO]
    assert max(world.provider.count_by_key.values()) == 1


# --- two channels

BOTH = journey("  - {send: hello, via: [email, sms]}\n  - wait: 1d\n")


async def begin_held(world: World, held: int) -> None:
    """Ana enters `BOTH`; so many of its channels are told to come back after two minutes."""
    world.provider.fail("too_many", held)
    world.provider.retry_after = "120"
    await world.publish(BOTH)
    await world.identify(ANA)
    await world.track("Begun")

    async def is_held() -> bool:
        statuses = await world.db.pool.fetch("SELECT status FROM messages")
        return sorted(row["status"] for row in statuses) == ["held"] * held + ["sent"] * (2 - held)

    await eventually(is_held)


@pytest.mark.parametrize("held", [1, 2])
async def test_a_held_channel_goes_on_when_it_may(world: World, held: int) -> None:
    await begin_held(world, held)
    await world.skip(minutes=3)
    await world.settle()
    assert sorted(await world.sent()) == [("hello", "email"), ("hello", "sms")]
    assert max(world.provider.count_by_key.values()) == 1


async def test_an_exit_reaches_a_held_channel(world: World) -> None:
    await begin_held(world, 1)
    await world.track("Bought")
    assert await outcome(world) == "bought"
    await world.skip(minutes=3)
    assert len(world.provider.accepted) == 1


# --- signals

COUNTED = journey("""
  - wait_for: {on: Clicked, where: event.n == 1}
  - wait_for: {on: Clicked, where: event.n == 2}
  - wait_for: {on: Clicked, where: event.n == 3}
  - {send: hello, via: sms}
""")


async def deliveries(world: World) -> list[Delivery]:
    rows = await world.db.pool.fetch("SELECT payload FROM deliveries WHERE relayed_at IS NULL ORDER BY seq")
    return [Delivery.model_validate(row["payload"]) for row in rows]


@pytest.mark.parametrize("order", [(0, 0, 1, 1, 2, 2), (2, 1, 0), (1, 0, 2, 0, 1)])
async def test_signals_twice_and_in_any_order(world: World, order: tuple[int, ...]) -> None:
    enrolment = await begin(world, COUNTED)
    async with world.silence():
        for number in (1, 2, 3):
            await world.track("Clicked", {"n": number})
        waiting = await deliveries(world)
        for place in order:
            await world.client.deliver("race", enrolment, Deliveries(deliveries=(waiting[place],)))
        assert await outcome(world) == "completed"
    assert await world.sent() == HELLO
    assert (await world.enrolments())[0]["seen_seq"] == 4


async def test_a_lost_signal_is_caught_up_by_the_next(world: World) -> None:
    enrolment = await begin(world, COUNTED)
    async with world.silence():
        await world.track("Clicked", {"n": 1})
        await world.track("Clicked", {"n": 2})
        await world.db.pool.execute("UPDATE deliveries SET relayed_at = now()")
    await world.track("Clicked", {"n": 3})
    assert await outcome(world) == "completed"
    assert await world.sent() == HELLO
    assert (await world.enrolments())[0]["id"] == enrolment


# --- runs that die

THROUGH = journey("""
  - {send: hello, via: sms}
  - wait: 10d
  - {send: bye, via: sms}
""")


async def test_an_enrolment_goes_on_from_its_trace(world: World) -> None:
    enrolment = await begin(world, THROUGH)
    await world.skip(days=4)
    due = await waits_until(world)
    await world.terminate("race", enrolment)
    await world.restart_dead()
    await world.skip(days=5, hours=23)
    assert await world.sent() == HELLO
    assert await waits_until(world) == due
    await world.skip(hours=2)
    assert await outcome(world) == "completed"
    assert await world.sent() == [*HELLO, ("bye", "sms")]
    assert max(world.provider.count_by_key.values()) == 1


async def test_a_wait_that_ran_out_while_nobody_carried_it_is_over_and_not_past(world: World) -> None:
    begins = world.now()
    enrolment = await begin(world, journey(REMIND), {"due": (begins + timedelta(days=6)).isoformat()})
    await world.terminate("race", enrolment)
    await world.skip(days=7)
    await world.restart_dead()
    await world.settle()
    assert await world.sent() == HELLO


async def test_a_run_that_dies_between_sending_and_saying_so_sends_once(world: World) -> None:
    library = journey("  - {send: hello, via: sms}\n  - {send: bye, via: sms}\n  - wait: 1d\n")

    async def die_in_the_second() -> None:
        async def die() -> None:
            [enrolment] = await world.enrolments()
            await world.terminate("race", enrolment["id"])

        world.before_claim = die

    world.before_claim = die_in_the_second
    await world.publish(library)
    await world.identify(ANA)
    await world.track("Begun")
    await eventually(lambda: has_died_after(world, 2))
    await world.restart_dead()
    await world.settle()
    assert await world.sent() == [*HELLO, ("bye", "sms")]
    assert max(world.provider.count_by_key.values()) == 1


async def has_died_after(world: World, sends: int) -> bool:
    """Its last activity outlives a run that is terminated."""
    if len(await world.sent()) < sends:
        return False
    [enrolment] = await world.enrolments()
    return not await world.client.is_running("race", enrolment["id"])


async def test_what_it_had_acknowledged_before_it_died_counts_for_a_later_wait(world: World) -> None:
    library = journey("""
  - {send: hello, via: sms}
  - {send: bye, via: sms}
  - wait_for: Clicked
    within: 1d
    otherwise: [{stop: silent}]
  - stop: clicked
""")

    async def die() -> None:
        [enrolment] = await world.enrolments()
        await world.terminate("race", enrolment["id"])

    async def click() -> None:
        await world.track("Clicked")
        world.before_claim = in_the_second_attempt

    async def in_the_second_attempt() -> None:
        world.before_claim = die

    world.before_claim = click
    await world.publish(library)
    await world.identify(ANA)
    await world.track("Begun")
    await eventually(lambda: has_died_after(world, 2))
    assert (await world.enrolments())[0]["seen_seq"] == 2
    await world.restart_dead()
    assert await outcome(world) == "clicked"


async def test_a_second_run_ends_without_a_word(world: World) -> None:
    enrolment = await begin(world, THROUGH)
    await world.terminate("race", enrolment)
    version = await Versions(world.db).get("race", 1)
    [row] = await world.enrolments()
    start = StartEnrolment(
        enrolment_id=enrolment,
        customer_id=row["customer_id"],
        journey="race",
        version=1,
        title="",
        digest=version.digest,
        definition=version.definition,
        key="",
        arm=None,
        start={},
        started_at=row["started_at"],
        pace=world.temporal.pace,
    )
    await world.client.start(start, anew=True)
    assert await world.handle("race", enrolment).result() == "closed"
    assert await world.sent() == HELLO
    assert (await world.enrolments())[0]["state"] == "active"
