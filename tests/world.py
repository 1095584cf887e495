"""The whole product in a test: real PostgreSQL, ingest, relay, worker and SDKs, on either of two Temporal servers.

The time-skipping one for what takes weeks, the real one for what the other cannot do. One `Temporal` serves many
worlds, one after the other; each world has a database of its own.
"""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import orjson
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from activities.channels.email import EmailChannel, SendGridAccount
from activities.channels.sms import SmsChannel, TwilioAccount
from activities.messaging import MessagingActivities
from api.publish import publish
from api.reconciler import Reconciler
from api.relay import Relay
from language.clock import Pace
from language.delivery import Command
from language.happening import Happening
from language.library import Library
from language.message import Message
from language.scenario import Given, Scenario, at_beginning
from language.simulator import LONGEST_RUN
from runtime.temporal import data_converter
from scripts.provider import ACCOUNT_SID, API_KEY, AUTH_TOKEN, Provider
from store import commands
from store.calendar import LiveCalendar, live_calendars
from store.database import Database, EncodedJson
from store.ingest import Ingest
from store.ingest_event import IncomingEvent
from store.ledger import MessageLedger
from store.library import MessageLibrary
from store.outbox import Outbox
from store.policies import PolicyShelf
from store.reconcile import Reconciliation
from store.versions import Versions
from tests.relaying import Bell, eventually
from worker.main import make_worker
from worker.registration import activities
from workflows.client import JourneyClient, calendar_id, workflow_id
from workflows.payload import LookAgain, StartCalendar

ATTRIBUTES = ("SojournCustomer", "SojournJourney", "SojournStep", "SojournOutcome")
LOOKED_AT = "SELECT min(done_until) FROM calendars WHERE journey = $1"
_numbers = itertools.count(1)


class Temporal(Protocol):
    """A Temporal server, the journeys' clock on it, and how to let journey time pass."""

    client: Client
    pace: Pace
    knows_attributes: bool

    async def look(self) -> None: ...

    def now(self) -> datetime: ...

    async def skip(self, length: timedelta) -> None: ...


class VirtualTemporal:
    """The time-skipping server and its clock as last seen; between looks it runs with real time."""

    pace = Pace()
    knows_attributes = False

    def __init__(self, environment: WorkflowEnvironment) -> None:
        self.client = environment.client
        self._environment = environment
        self._seen_at = datetime.now(UTC)
        self._seen = self._seen_at

    async def look(self) -> None:
        self._seen, self._seen_at = await self._environment.get_current_time(), datetime.now(UTC)

    def now(self) -> datetime:
        return self._seen + (datetime.now(UTC) - self._seen_at)

    async def skip(self, length: timedelta) -> None:
        if length > timedelta(0):
            await self._environment.sleep(length)
        await self.look()


class DemoTemporal:
    """The real server, with journeys in demo time: `speed` journey seconds in one second."""

    knows_attributes = True

    def __init__(self, client: Client, *, speed: float = 1) -> None:
        self.client = client
        self.pace = Pace(speed=speed, origin=datetime.now(UTC))

    async def look(self) -> None:
        """The clock needs no looking after."""

    def now(self) -> datetime:
        return self.pace.journey_time(datetime.now(UTC))

    async def skip(self, length: timedelta) -> None:
        await asyncio.sleep(self.pace.real_delay(length).total_seconds())


@asynccontextmanager
async def virtual_temporal() -> AsyncIterator[VirtualTemporal]:
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(Path(sys.executable).parent / "temporal-test-server"),
        data_converter=data_converter(),
    )
    async with environment:
        keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
        await environment.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace="default", search_attributes=dict.fromkeys(ATTRIBUTES, keyword))
        )
        temporal = VirtualTemporal(environment)
        await temporal.look()
        yield temporal


async def demo_temporal(address: str, *, speed: float = 1, keys: Iterable[str] = ()) -> DemoTemporal:
    """A client of its own of the server at this address; `keys` encrypt what it stores."""
    return DemoTemporal(await Client.connect(address, data_converter=data_converter(keys)), speed=speed)


class World:
    """Events go in by `track`, time passes by `skip`, and the provider's ledger says what went out."""

    def __init__(self, db: Database, temporal: Temporal, provider: Provider) -> None:
        self.db, self.temporal, self.provider = db, temporal, provider
        self.bell = Bell()
        self.ingest = Ingest(db, self.now, wake=self.bell.wake)
        self.client = JourneyClient(temporal.client, search_attributes=temporal.knows_attributes)
        self._library = MessageLibrary(db)
        self.before_claim: Callable[[], Awaitable[None]] | None = None
        self._received_at: datetime | None = None
        self._events = itertools.count(1)
        self._relaying: tuple[Relay, asyncio.Task[None]] | None = None

    def now(self) -> datetime:
        return self._received_at or self.temporal.now()

    @contextmanager
    def received_at(self, moment: datetime) -> Iterator[None]:
        """What is tracked meanwhile is received at that moment."""
        self._received_at = moment
        try:
            yield
        finally:
            self._received_at = None

    def start_relay(self) -> None:
        relay = Relay(Outbox(self.db), Versions(self.db), self.client, self.bell, pace=self.temporal.pace)
        self._relaying = relay, asyncio.create_task(relay.run())

    async def stop_relay(self) -> None:
        if self._relaying is not None:
            (relay, running), self._relaying = self._relaying, None
            relay.stop()
            await running

    @asynccontextmanager
    async def silence(self) -> AsyncIterator[None]:
        """Nothing of what is committed meanwhile is signalled before the end."""
        await self.stop_relay()
        yield
        self.start_relay()

    async def command(self, command: Command, enrolment_id: int) -> None:
        await commands.command(self.db, self.now, enrolment_id, command)
        self.bell.wake()

    async def message(self, journey: str, version: int, message: str) -> Message:
        """The message library as workers ask it, which they do right before they claim."""
        if (interrupt := self.before_claim) is not None:
            self.before_claim = None
            await interrupt()
        return await self._library.message(journey, version, message)

    async def restart_dead(self) -> None:
        """What the reconciler does about open enrolments whose runs are gone; returns when new runs have them."""
        parts = (Reconciliation(self.db), Outbox(self.db), Versions(self.db), self.client)
        for page in (0, 100):  # the first look only notices
            period, nudges = timedelta(0), [timedelta(days=99)]
            await Reconciler(
                *parts, clock=self.now, pace=self.temporal.pace, page=page, period=period, nudges=nudges
            ).look()
        await eventually(self._has_runs)

    async def publish(self, library: Library, *journeys: str) -> None:
        """Make these journeys live, all of the library when none is named."""
        assert not library.errors, [str(finding) for finding in library.errors]
        chosen = [one for one in library.compiled() if not journeys or one.journey in journeys]
        await publish(self.db, chosen, at=self.temporal.now(), policy=library.policy)
        await self.keep_calendars()

    async def keep_calendars(self) -> None:
        """Have calendars look at what is new; returns when they have. They know all that is due far ahead."""
        for calendar in await live_calendars(self.db):
            looked_at = await self.db.pool.fetchval(LOOKED_AT, calendar.journey)
            await self._tell(calendar)
            await eventually(partial(self._has_looked, calendar.journey, looked_at))

    async def _tell(self, calendar: LiveCalendar) -> None:
        start = StartCalendar(journey=calendar.journey, pace=self.temporal.pace, look_every=LONGEST_RUN)
        await self.client.keep_calendar(start, news=LookAgain(version=calendar.version))

    async def _has_looked(self, journey: str, since: datetime | None) -> bool:
        looked_at = await self.db.pool.fetchval(LOOKED_AT, journey)
        return looked_at is not None and (since is None or looked_at > since)

    async def identify(
        self, traits: dict[str, Any], user: str = "ana", time_zone: str | None = None, locale: str | None = None
    ) -> None:
        await self._accept("identify", "identify", traits, user, time_zone, locale)
        await self.keep_calendars()

    async def track(self, name: str, properties: dict[str, Any] | None = None, user: str = "ana") -> None:
        """Returns when the event is committed; `settle` waits until its journeys have acted on it."""
        await self._accept("track", name, properties or {}, user)

    async def _accept(
        self,
        kind: Any,
        name: str,
        properties: dict[str, Any],
        user: str,
        time_zone: str | None = None,
        locale: str | None = None,
    ) -> None:
        event = IncomingEvent(
            source="test",
            message_id=f"m{next(self._events)}",
            kind=kind,
            name=name,
            properties=properties,
            encoded=EncodedJson(orjson.dumps(properties)),
            user_id=user,
            traits=properties if kind == "identify" else None,
            time_zone=time_zone,
            locale=locale,
            is_activity=kind == "track",
        )
        accepted = await self.ingest.accept([event])
        assert len(accepted.stored) == 1

    async def settle(self) -> None:
        """Until every run has seen everything and no send is under way."""
        await eventually(self._is_settled)
        await asyncio.sleep(0.02)
        await eventually(self._is_settled)

    async def _has_runs(self) -> bool:
        query = "SELECT NOT EXISTS (SELECT FROM enrolments WHERE state <> 'ended' AND run_id IS NULL)"
        return bool(await self.db.pool.fetchval(query))

    async def _is_settled(self) -> bool:
        return bool(
            await self.db.pool.fetchval(
                "SELECT NOT EXISTS (SELECT FROM enrolments WHERE state <> 'ended' AND seen_seq < last_seq)"
                " AND NOT EXISTS (SELECT FROM enrolments WHERE state = 'ending')"
                " AND NOT EXISTS (SELECT FROM messages WHERE status = 'claimed')"
                " AND NOT EXISTS (SELECT FROM calendars WHERE until IS NOT NULL OR next_at <= $1)"
                " AND NOT EXISTS (SELECT FROM enrolments e JOIN steps s ON s.enrolment_id = e.id AND s.step = e.step"
                "   WHERE e.state = 'active' AND s.left_at IS NULL AND e.paused_at IS NULL"
                "   AND (s.verb = 'send' OR s.waits_until <= $1))",
                self.temporal.now(),
            )
        )

    async def skip(self, **length: float) -> None:
        """Let journey time pass: `skip(days=6)`."""
        await self.temporal.skip(timedelta(**length))

    def handle(self, journey: str, enrolment_id: int) -> WorkflowHandle[Any, Any]:
        return self.temporal.client.get_workflow_handle(workflow_id(journey, enrolment_id))

    async def enrolments(self) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.db.pool.fetch("SELECT * FROM enrolments ORDER BY id")]

    async def sent(self) -> list[tuple[str, str]]:
        """(message, channel) of everything that went out, in order."""
        rows = await self.db.pool.fetch(
            "SELECT message, channel FROM messages WHERE status = 'sent' ORDER BY sent_at, key"
        )
        return [(row["message"], row["channel"]) for row in rows]

    async def end_all(self) -> None:
        """Leave no run behind that would wait for ever."""
        rows = await self.db.pool.fetch("SELECT id, journey FROM enrolments WHERE state <> 'ended'")
        for row in rows:
            with suppress(RPCError):  # it ended meanwhile
                await self.handle(row["journey"], row["id"]).terminate()
        await self.end_calendars()

    async def end_calendars(self) -> None:
        """By archiving their journeys: the time-skipping server stands still for ever if one is terminated awake."""
        for calendar in await live_calendars(self.db):
            await self.db.pool.execute(
                "UPDATE journey_versions SET state = 'archived' WHERE journey = $1", calendar.journey
            )
            await self._tell(calendar)
            await eventually(partial(self._has_ended, calendar.journey))

    async def _has_ended(self, journey: str) -> bool:
        """Not by the result: waiting for one lets time skip."""
        found = await self.temporal.client.get_workflow_handle(calendar_id(journey)).describe()
        return found.status != WorkflowExecutionStatus.RUNNING

    # --- scenarios

    async def play(self, scenario: Scenario) -> list[Happening]:
        """Play a scenario to its end; what was sent and how enrolments ended, with their times."""
        await self.temporal.look()
        await self.temporal.skip(self._until_morning(scenario))
        begins = self.temporal.now()
        customer = scenario.customer
        await self.identify(dict(customer.traits), time_zone=customer.time_zone, locale=customer.locale)
        for given in scenario.given:
            await self._pass_until(begins + given.at)
            await self._give(given, begins)
            await self.settle()
        if await live_calendars(self.db):
            await self._pass_until(begins + scenario.length)
            await self.end_calendars()
        await self._run_out(begins)
        return await self._happenings(begins)

    def _until_morning(self, scenario: Scenario) -> timedelta:
        local = self.temporal.now().astimezone(ZoneInfo(scenario.customer.time_zone or "UTC"))
        morning = local.replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=7 - local.weekday())
        return morning - local

    async def _pass_until(self, end: datetime) -> None:
        """Stops at whatever calendars bring meanwhile, until all have acted on it."""
        while (due := await self.db.pool.fetchval("SELECT min(next_at) FROM calendars")) and due <= end:
            await self.temporal.skip(due - self.temporal.now())
            await self.settle()
        await self.temporal.skip(end - self.temporal.now())

    async def _give(self, given: Given, begins: datetime) -> None:
        if given.traits is not None:
            await self.identify(at_beginning(given.traits, begins))
        elif given.on is not None:
            await self.track(given.on, at_beginning(given.with_, begins))

    async def _run_out(self, begins: datetime) -> None:
        """Until nobody is inside any more, or 400 days have passed."""
        while await self.db.pool.fetchval("SELECT EXISTS (SELECT FROM enrolments WHERE state <> 'ended')"):
            left = begins + LONGEST_RUN - self.temporal.now()
            if left <= timedelta(0):
                break
            await self.temporal.skip(min(left, timedelta(days=20)))
            await self.settle()
        await self.end_all()

    async def _happenings(self, begins: datetime) -> list[Happening]:
        messages = await self.db.pool.fetch("SELECT * FROM messages WHERE status = 'sent' ORDER BY sent_at, key")
        ended = await self.db.pool.fetch("SELECT * FROM enrolments WHERE state = 'ended' ORDER BY ended_at")
        found = [
            Happening(
                row["sent_at"] - begins, "sent", row["message"], row["channel"], f"{row['subject']}\n{row['body']}"
            )
            for row in messages
        ]
        found += [Happening(row["ended_at"] - begins, "ended", row["outcome"]) for row in ended]
        return sorted(found, key=lambda happening: happening.at)


@asynccontextmanager
async def world_in(db: Database, temporal: Temporal) -> AsyncIterator[World]:
    """A world with its own enrolment ids, since all share the server's workflow ids."""
    await db.pool.execute(f"ALTER SEQUENCE enrolments_id_seq RESTART WITH {next(_numbers) * 100_000}")
    async with Provider() as provider:
        world = World(db, temporal, provider)
        channels = _channels(provider)
        messaging = MessagingActivities(
            MessageLedger(db),
            {c.name: c for c in channels},
            world.message,
            policies=PolicyShelf(db, fresh=0).policy,
        )
        worker = make_worker(temporal.client, activities(db, messaging))
        world.start_relay()
        try:
            async with worker:
                try:
                    yield world
                finally:
                    await world.end_all()
        finally:
            await world.stop_relay()
            for channel in channels:
                await channel.close()


def _channels(provider: Provider) -> tuple[SmsChannel, EmailChannel]:
    call, settle = timedelta(seconds=2), timedelta(seconds=0.2)
    twilio = TwilioAccount(ACCOUNT_SID, AUTH_TOKEN, "+15005550006", provider.url, "https://x.test/sms", settle=settle)
    sendgrid = SendGridAccount(API_KEY, "Sojourn <hello@example.com>", provider.url, settle=settle)
    return SmsChannel(twilio, call_timeout=call), EmailChannel(sendgrid, call_timeout=call)
