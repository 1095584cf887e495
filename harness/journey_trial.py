"""Journeys in developers' tests: `async with journey_test("journeys/reservation.yaml") as journey`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from harness.playing import A_MOMENT, Playing, SimulatedPlaying, TemporalPlaying, View
from harness.reading import errors_about, nearest, read
from language.channel import CHANNELS
from language.happening import Happening
from language.library import Library
from language.message_event import Report
from language.scenario import Given, Scenario, Standing
from language.simulator import beginning
from language.steps import Task
from scripts.directory import journeys_root

CUSTOMER: Mapping[str, Any] = {
    "first_name": "Ana",
    "email": "ana@example.com",
    "phone": "+15005550001",
    "push_token": "a-device",
    "web_push": {"endpoint": "https://push.example.com/ana", "keys": {"p256dh": "key", "auth": "secret"}},
}
"""Whoever a test says nothing of: reachable on every channel."""

TOGETHER = timedelta(seconds=1)
"""What one step sends on several channels goes out at once, in no order."""

Told = Callable[..., Awaitable[None]]


class UnknownName(LookupError):
    """There is no journey, message or task of that name; the text says which there are."""


class BrokenJourney(ValueError):
    """The journey, or what it needs, has errors: a line each, as `sojourn check` says them."""


class CannotHappen(AssertionError):
    """What the test lets happen is impossible then: a message opened that was never sent, a task that is not open."""


def _report(report: Report) -> Told:
    async def told(self: "JourneyTrial", message: str, via: str | None = None) -> None:
        await self._report(report, message, via)

    told.__doc__ = f"The latest such message is reported as {report}; `via` names the channel if there were several."
    return told


class JourneyTrial:
    """One customer and one journey. Whatever is awaited returns when all have acted on it."""

    def __init__(self, library: Library, scenario: Scenario, playing: Playing) -> None:
        self._library, self._playing = library, playing
        self._journey = library.journeys[scenario.journey]
        self._begins = beginning(scenario)
        self._passed = timedelta(0)
        self._view = View()

    # --- what happens

    async def track(self, event: str, properties: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """The customer does something."""
        await self._give(
            Given.model_validate({"at": "0d", "on": event, "with": _plain({**(properties or {}), **more})})
        )

    async def identify(self, traits: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """The customer has new traits."""
        await self._give(Given.model_validate({"at": "0d", "traits": _plain({**(traits or {}), **more})}))

    delivered = _report("delivered")
    opened = _report("opened")
    clicked = _report("clicked")
    answered = _report("answered")
    no_answer = _report("no_answer")
    busy = _report("busy")
    machine = _report("machine")
    bounced = _report("bounced")
    failed = _report("failed")
    spam = _report("spam")

    async def complete(self, task: str, result: str | None = None) -> None:
        """A person does this task, and answers so. Raises UnknownName or CannotHappen."""
        tasks = {step.task: step for step in self._journey.every_step() if isinstance(step, Task)}
        if task not in tasks:
            raise UnknownName(f"the journey {self._journey.journey} has no task {task}; {nearest(task, tasks)}")
        results = tasks[task].results
        if (result is not None or results) and result not in results:
            raise UnknownName(f"the task {task} has no result {result}; {nearest(str(result), results)}")
        await self._give(Given.model_validate({"at": "0d", "done": task, "result": result}))

    async def skip(self, **length: float) -> None:
        """Let time pass, with what falls due at its end: `skip(days=6)`."""
        self._passed += timedelta(**length) + A_MOMENT
        await self._playing.pass_over(self._passed)
        await self.look()

    async def look(self) -> None:
        """What is to be seen is what was so at the last look; everything awaited here looks by itself."""
        self._view = await self._playing.look()

    # --- what is to be seen

    @property
    def now(self) -> datetime:
        """Journey time, aware UTC."""
        return self._begins + self._passed

    @property
    def sent(self) -> list[tuple[str, str]]:
        """(message, channel) of all that went out, in order; on several channels at once in the order of channels."""
        return [(it.name, str(it.channel)) for it in self._sent()]

    @property
    def outcome(self) -> str | None:
        """How the latest enrolment ended; None: it has not, or there is none."""
        return self._view.outcome

    @property
    def stage(self) -> str | None:
        return self._view.stage

    @property
    def at(self) -> str | None:
        """The id of the step at which the latest enrolment stands; None: it stands nowhere."""
        return self._view.step

    @property
    def tasks(self) -> list[str]:
        """The open tasks."""
        return list(self._view.tasks)

    @property
    def calls(self) -> list[str]:
        """The destinations and functions that were called."""
        return [it.name for it in self.happenings if it.kind == "call"]

    @property
    def why(self) -> list[str]:
        """Why something was not sent, is held back, did not start, or was ignored."""
        return [
            _reason(it) for it in self.happenings if it.kind in ("not_sent", "refused", "ignored") or self._holds(it)
        ]

    @property
    def happenings(self) -> Sequence[Happening]:
        """Everything that came of it, in order."""
        return self._view.happenings

    def text(self, message: str, via: str | None = None) -> str:
        """What the latest such message said, its subject first. Raises UnknownName or CannotHappen."""
        self._know(message)
        found = [it for it in self._sent() if it.name == message and via in (None, it.channel)]
        if not found:
            raise CannotHappen(f"{message} was not sent; sent was {self.sent}")
        return str(found[-1].text)

    # --- inside

    def _sent(self) -> list[Happening]:
        sent: list[Happening] = []
        for it in (it for it in self.happenings if it.kind == "sent"):
            place = len(sent)
            while place and _is_together(sent[place - 1], it) and _rank(sent[place - 1]) > _rank(it):
                place -= 1
            sent.insert(place, it)
        return sent

    def _holds(self, held: Happening) -> bool:
        """Whether it is held back still."""
        same = [it for it in self.happenings if (it.name, it.channel) == (held.name, held.channel)]
        return held.kind == "held" and same[-1] is held

    async def _report(self, report: Report, message: str, via: str | None) -> None:
        self._know(message)
        await self._give(Given.model_validate({"at": "0d", report: message, "via": via}))

    def _know(self, message: str) -> None:
        messages = {name for step in self._journey.every_step() for name in step.sends()}
        if message not in messages:
            raise UnknownName(f"{self._journey.journey} sends no message {message}; {nearest(message, messages)}")

    async def _give(self, given: Given) -> None:
        before = len(self._impossible())
        await self._playing.give(given)
        await self.look()
        for it in self._impossible()[before:]:
            raise CannotHappen(f"{it.name}: {it.why}")

    def _impossible(self) -> list[Happening]:
        return [it for it in self.happenings if it.kind == "impossible"]


@asynccontextmanager
async def journey_test(
    journey: str | Path,
    *,
    on: Literal["simulator", "temporal"] = "simulator",
    customer: Mapping[str, Any] = CUSTOMER,
    time_zone: str = "UTC",
    locale: str | None = None,
    begins: datetime | None = None,
    journeys: Mapping[str, Standing] | None = None,
    arms: Mapping[str, str] | None = None,
    coupons: Mapping[str, Sequence[str]] | None = None,
    answers: Mapping[str, dict[str, Any] | Literal["refused"]] | None = None,
) -> AsyncIterator[JourneyTrial]:
    """Try the journey of a file on one customer, in the simulator or on Temporal's time-skipping server.

    `customer` are the traits, instead of CUSTOMER's. `begins`, `journeys`, `arms`, `coupons` and `answers` are as in
    scenarios; it begins on a Monday at 09:00. Raises UnknownName or BrokenJourney.
    """
    library, name = _find(Path(journey))
    scenario = Scenario.model_validate(
        {
            "scenario": "a test",
            "journey": name,
            "customer": {"traits": dict(customer), "time_zone": time_zone, "locale": locale},
            "begins": begins,
            "journeys": journeys or {},
            "arms": arms or {},
            "coupons": coupons or {},
            "answers": answers or {},
            "given": [{"at": "0d", "traits": {}}],
        }
    )
    playing = TemporalPlaying(library, scenario) if on == "temporal" else SimulatedPlaying(library, scenario)
    await playing.begin()
    try:
        yield JourneyTrial(library, scenario, playing)
    finally:
        await playing.stop()


def _find(file: Path) -> tuple[Library, str]:
    root = journeys_root(file).resolve()
    if not file.is_file():
        there = (it.name for it in root.glob("*.yaml")) if root.is_dir() else ()
        raise UnknownName(f"there is no journey {file}; {nearest(file.name, there)}")
    library = read(root)
    wrong = errors_about(library, root, file.stem)
    if wrong or file.stem not in library.journeys:
        raise BrokenJourney("\n".join(map(str, wrong)) or f"{file} is no journey")
    return library, file.stem


def _plain(value: Any) -> Any:
    """As it comes over HTTP: moments as text."""
    match value:
        case datetime():
            return value.isoformat()
        case Mapping():
            return {name: _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value


def _is_together(one: Happening, other: Happening) -> bool:
    return one.name == other.name and other.at - one.at < TOGETHER


def _rank(it: Happening) -> int:
    return [str(channel) for channel in CHANNELS].index(str(it.channel))


def _reason(it: Happening) -> str:
    what = {"refused": "did not start", "ignored": "ignored"}.get(it.kind) or f"{it.name} by {it.channel}"
    return f"{what}: {it.why}"
