"""Short plays that between them take a run through all it can meet, for histories worth keeping."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.patience import eventually
from harness.play import play as play_scenario
from harness.reading import read
from language.library import Library, read_library
from runtime.port import free_port
from runtime.roster import Roster
from runtime.supervisor import Supervisor
from runtime.temporal_server import temporal_part
from tests.world import World

JOURNEYS = Path(__file__).parents[2] / "journeys"
SHIPPED = read(JOURNEYS)
ANA = {"first_name": "Ana", "phone": "+15005550001", "email": "ana@example.com", "plan": "free"}
MESSAGE = """
message: {name}
class: transactional
sms: {name}
email: {{subject: "{name}", body: "{name}"}}
"""
MESSAGES = {f"messages/{name}.yaml": MESSAGE.format(name=name) for name in ("hello", "bye")}
HEAD = """
journey: played
title: Played
start: {on: Begun}
exit: {on: Bought, outcome: bought}
"""

Play = Callable[[World], Awaitable[None]]
PLAYS: dict[str, Play] = {}


def play(function: Play) -> Play:
    PLAYS[function.__name__] = function
    return function


def journey(steps: str) -> Library:
    library = read_library({"played.yaml": f"{HEAD}steps:\n{steps}", **MESSAGES})
    assert not library.errors, library.errors
    return library


async def begin(world: World, steps: str, properties: dict[str, str] | None = None) -> int:
    await world.publish(journey(steps))
    await world.identify(ANA)
    await world.track("Begun", properties)
    await world.settle()
    return int((await world.enrolments())[-1]["id"])


async def over(world: World) -> None:
    async def is_over() -> bool:
        return {enrolment["state"] for enrolment in await world.enrolments()} == {"ended"}

    await eventually(is_over)


async def scenario(world: World, name: str) -> None:
    found = SHIPPED.scenarios[str(JOURNEYS / "scenarios" / f"{name}.yaml")]
    await play_scenario(world, SHIPPED, found)


@play
async def activation(world: World) -> None:
    """Sends, events in time and too late, a goal."""
    await scenario(world, "activation_takes_37_days")


@play
async def reservation(world: World) -> None:
    """A date that moves, two channels, waiting again."""
    await scenario(world, "reservation_moves")


@play
async def win_back(world: World) -> None:
    """Inactivity, a loop."""
    await scenario(world, "win_back_once_per_spell")


@play
async def plain_send(world: World) -> None:
    await begin(world, "  - {send: hello, via: sms}\n")
    await over(world)


@play
async def conditions(world: World) -> None:
    """A branch, computed traits, a step passed over, a window, values for a template."""
    await begin(
        world,
        """
  - branch:
      - when: profile.plan == "free"
        do: [{set: {seen: "'welcome'"}}]
    otherwise: [{stop: paying}]
  - {send: bye, via: sms, when: profile.seen == "never"}
  - wait: {window: "Mon-Sun 09:00-10:00"}
  - {send: hello, via: email, with: {code: "'A1'"}}
  - wait_for: Begun
    already: counts
    within: 1d
""",
    )
    await world.skip(days=3)
    await over(world)


@play
async def exit_in_a_wait(world: World) -> None:
    await begin(world, "  - wait: 30d\n  - {send: hello, via: sms}\n")
    await world.skip(days=3)
    await world.track("Bought")
    await over(world)


@play
async def commands(world: World) -> None:
    """Paused over a date, resumed, a wait skipped, stopped."""
    steps = "  - wait: 1d\n  - {send: hello, via: sms}\n  - wait: 9d\n  - {send: bye, via: email}\n  - wait: 9d\n"
    enrolment = await begin(world, steps)
    await world.command("pause", enrolment)
    await world.settle()
    await world.skip(days=2)
    await world.command("resume", enrolment)
    await world.settle()
    await world.command("skip_wait", enrolment)
    await world.settle()
    await world.command("stop", enrolment)
    await over(world)


@play
async def behind(world: World) -> None:
    """An event between a send and its claim."""
    world.before_claim = lambda: world.track("Clicked")
    await begin(world, "  - {send: hello, via: sms}\n  - wait_for: Clicked\n")
    await over(world)


@play
async def held(world: World) -> None:
    world.provider.fail("too_many", 2)
    world.provider.retry_after = "120"
    await world.publish(journey("  - {send: hello, via: [email, sms]}\n"))
    await world.identify(ANA)
    await world.track("Begun")

    async def is_held() -> bool:
        return bool(await world.db.pool.fetchval("SELECT count(*) = 2 FROM messages WHERE status = 'held'"))

    await eventually(is_held)
    await world.skip(minutes=3)
    await over(world)


@play
async def from_its_trace(world: World) -> None:
    enrolment = await begin(world, "  - wait: 5d\n  - {send: hello, via: sms}\n")
    await world.terminate("played", enrolment)
    await world.restart_dead()
    await world.skip(days=6)
    await over(world)


CONTINUED = (
    "  - {send: hello, via: sms}\n  - wait_for: {on: Clicked, where: event.n == 12}\n  - {send: bye, via: sms}\n"
)
SUGGESTED_AT = 25


async def continued(world: World) -> None:
    """Continued as new in a wait. Only on a server of `that_suggests_early`."""
    await begin(world, CONTINUED)
    for number in range(1, 13):
        await world.track("Clicked", {"n": number})
        await world.settle()
    await over(world)


@asynccontextmanager
async def that_suggests_early() -> AsyncIterator[str]:
    """The address of a server that soon suggests a fresh history, and nothing else."""
    part = temporal_part(None, port=(port := free_port()))
    early = f"--dynamic-config-value=limit.historyCount.suggestContinueAsNew={SUGGESTED_AT}"
    with TemporaryDirectory(prefix="sojourn-temporal-") as directory:
        supervisor = Supervisor(Roster(Path(directory) / "parts.json"), Path(directory), report=lambda _line: None)
        try:
            await supervisor.start(replace(part, command=(*part.command, early)))
            yield f"127.0.0.1:{port}"
        finally:
            await supervisor.stop_all()
