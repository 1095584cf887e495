"""A scenario on the whole product, with the same happenings as in the simulator."""

from datetime import datetime, timedelta
from itertools import count

from harness.happenings import happenings
from harness.preparation import clean, prepare
from harness.temporal import VirtualTemporal
from harness.world import World
from language.channel import CHANNELS
from language.happening import Happening
from language.library import Library
from language.message_event import Report, reports_of
from language.scenario import ConsentGiven, Given, Scenario, at_beginning
from language.simulator import CONFIRM_URL, LONGEST_RUN, beginning
from store.commands import CommandError
from store.consents import Said, Wish, write_consents
from store.consents_told import tell_consents
from store.message_reports import report
from store.tasks import Completion, complete

AT_ONCE = timedelta(seconds=0.5)
"""Of two things no further apart, one falls due when the other is given: what is given comes first, so much earlier
(`SOONER`). Runs are some milliseconds late, for they take real time."""

SOONER = timedelta(seconds=0.1)

LATE = timedelta(seconds=2)
"""How late runs may be, in tests that skip lengths of time."""

_DUE = """
SELECT min(at) FROM (
  SELECT next_at AS at FROM calendars UNION ALL
  SELECT s.waits_until FROM enrolments e JOIN steps s ON s.enrolment_id = e.id AND s.step = e.step
  WHERE e.state = 'active' AND e.journey = $1 AND s.left_at IS NULL AND e.paused_at IS NULL
) AS due
"""
_LATEST = """
SELECT m.key FROM messages m JOIN enrolments e ON e.id = m.enrolment_id
WHERE e.journey = $1 AND m.message = $2 AND m.channel = ANY($3) AND m.sent_at IS NOT NULL
ORDER BY e.id DESC, m.sent_at DESC, m.key DESC LIMIT 1
"""
_OPEN_TASK = """
SELECT t.id FROM tasks t JOIN enrolments e ON e.id = t.enrolment_id
WHERE e.journey = $1 AND t.task = $2 AND t.state IN ('open', 'claimed') AND e.state = 'active'
  AND (t.due_at IS NULL OR t.due_at > $3)
ORDER BY e.id DESC, t.id DESC LIMIT 1
"""


async def play(world: World, library: Library, scenario: Scenario) -> list[Happening]:
    """Play a scenario to its end in a world that is emptied for it. Needs the time-skipping server."""
    playing = Play(world, library, scenario)
    try:
        await playing.begin()
        for given in scenario.given:
            await playing.pass_until(given.at)
            await playing.give(given)
        await playing.run_out()
    finally:
        await world.end_all()
    return await playing.happenings()


class Play:
    """A scenario under way. Lengths of time count from its beginning."""

    def __init__(self, world: World, library: Library, scenario: Scenario) -> None:
        self.world, self._library, self._scenario = world, library, scenario
        self._begins = beginning(scenario)
        self._impossible: list[Happening] = []
        self._reports = count(1)

    async def begin(self) -> None:
        world, temporal = self.world, self.world.temporal
        assert isinstance(temporal, VirtualTemporal)
        await world.stop_relay()
        await clean(world)
        await temporal.begin_at(self._begins)
        world.start_relay()
        await prepare(world, self._library, self._scenario)

    async def give(self, given: Given) -> None:
        """Let it happen now, and wait until all have acted on it."""
        world = self.world
        if given.traits is not None:
            await world.identify(at_beginning(given.traits, self._begins))
        elif given.report is not None:
            await self._report(*given.report, given.via, given.details)
        elif given.done is not None:
            await self._complete(given.done, given.result)
        elif given.consent is not None:
            await self._consent(given.consent)
        else:
            await world.track(str(given.on), at_beginning(given.with_, self._begins))
        world.bell.wake()
        await world.settle()

    async def pass_until(self, at: timedelta) -> None:
        """Stop at whatever falls due meanwhile, until all have acted on it."""
        end = self._begins + at
        await self._stop_at_all_due(end - AT_ONCE)
        due = await self._next_due()
        if due is not None and due < end + AT_ONCE:
            end = min(end, due - SOONER)
        await self.world.temporal.skip(end - self.world.now())

    async def pass_over(self, at: timedelta) -> None:
        """The same, with what falls due at its end."""
        await self._stop_at_all_due(self._begins + at + LATE)
        await self.world.temporal.skip(self._begins + at - self.world.now())
        await self.world.settle()

    async def run_out(self) -> None:
        """Until nobody is inside any more or waits for anything, or 400 days have passed."""
        await self._stop_at_all_due(self._begins + self._scenario.length + AT_ONCE)
        await self.world.end_calendars()
        await self._stop_at_all_due(self._begins + LONGEST_RUN)

    async def happenings(self) -> list[Happening]:
        found = await happenings(self.world.db, self._scenario.journey, self._begins)
        return sorted([*found, *self._impossible], key=lambda happening: happening.at)

    async def _next_due(self) -> datetime | None:
        due: datetime | None = await self.world.db.pool.fetchval(_DUE, self._scenario.journey)
        return due

    async def _stop_at_all_due(self, end: datetime) -> None:
        while (due := await self._next_due()) and due < end:
            await self.world.temporal.skip(due - self.world.now())
            await self.world.settle()

    async def _report(self, what: Report, message: str, via: str | None, details: dict[str, str]) -> None:
        channels = [channel for channel in CHANNELS if what in reports_of(channel) and via in (None, channel)]
        key = await self.world.db.pool.fetchval(_LATEST, self._scenario.journey, message, channels)
        if key is None:
            return self._cannot(message, f"it was not sent before, so it cannot be {what}")
        event_id = f"given {next(self._reports)}"
        await report(self.world.db, self.world.now, key, what, event_id=event_id, details=dict(details))
        return None

    async def _complete(self, task: str, result: str | None) -> None:
        now = self.world.now()
        task_id = await self.world.db.pool.fetchval(_OPEN_TASK, self._scenario.journey, task, now)
        if task_id is None:
            return self._cannot(task, "no such task is open then")
        try:
            await complete(self.world.db, self.world.now, task_id, Completion(by="somebody", result=result))
        except CommandError as error:
            self._cannot(task, str(error))
        return None

    async def _consent(self, said: ConsentGiven) -> None:
        db, wish = self.world.db, Wish(said.channel, said.topic, said.state)
        customer_id = await db.pool.fetchval("SELECT id FROM customers WHERE merged_into IS NULL")
        await write_consents(db, self.world.now, customer_id, [wish], Said("scenario"))
        await tell_consents(db, self.world.ingest.accept, lambda *of: CONFIRM_URL)

    def _cannot(self, name: str, why: str) -> None:
        self._impossible.append(Happening(self.world.now() - self._begins, "impossible", name, why=why))
