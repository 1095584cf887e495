"""The whole product at play: real PostgreSQL, ingest, relay, worker and SDKs, on either of two Temporal servers.

One `Temporal` serves many worlds, one after the other; each world has a database of its own, or a clean one.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx
import orjson
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError

from activities.account_circuits import AccountCircuits
from activities.calls import CallActivities
from activities.channel import Route
from activities.channels.email import EmailChannel, SendGridAccount
from activities.channels.sandbox import SandboxChannel
from activities.channels.sms import SmsChannel
from activities.channels.twilio_client import TwilioAccount
from activities.channels.voice import VoiceChannel
from activities.channels.whatsapp import WhatsappChannel
from activities.messaging import MessagingActivities
from activities.webhook import WebhookSender
from api.publish import publish
from api.reconciler import Reconciler
from api.relay import Relay
from harness.answers import Answers
from harness.bell import Bell
from harness.patience import eventually
from harness.temporal import Temporal
from language.channel import CHANNELS
from language.delivery import Command
from language.library import Library
from language.message import Message
from language.opt_out_offer import NOWHERE
from language.policy import Policy
from language.program import Compiled
from language.simulator import LONGEST_RUN
from language.tracked_links import TrackedLinks
from scripts.provider import ACCOUNT_SID, API_KEY, AUTH_TOKEN, Provider
from store import commands
from store.calendar import LiveCalendar, live_calendars
from store.calls import CallLedger, DestinationLibrary
from store.database import Database, EncodedJson
from store.ingest import Ingest
from store.ingest_event import IncomingEvent
from store.ledger import MessageLedger
from store.library import MessageLibrary
from store.links import new_token
from store.outbox import Outbox
from store.policies import PolicyShelf
from store.reconcile import Reconciliation
from store.sandbox import SandboxInbox
from store.versions import Versions
from store.whatsapp_windows import WhatsappWindows
from worker.channels import Provided
from worker.lanes import working
from worker.registration import activities, lanes
from workflows.client import JourneyClient, calendar_id, workflow_id
from workflows.payload import LookAgain, StartCalendar

PUBLIC_URL = "https://sojourn.test"
"""Where providers are told to find the API; who plays one posts to wherever it is, and signs this."""

LOOKED_AT = "SELECT min(done_until) FROM calendars WHERE journey = $1"
# A step at which an enrolment stands still waits until later, or without limit; all others are passed in no time.
SETTLED = """
SELECT NOT EXISTS (SELECT FROM enrolments WHERE state = 'ending' OR state <> 'ended' AND seen_seq < last_seq)
  AND NOT EXISTS (SELECT FROM messages WHERE status = 'claimed')
  AND NOT EXISTS (SELECT FROM calendars WHERE until IS NOT NULL OR next_at <= $1)
  AND NOT EXISTS (
    SELECT FROM enrolments e JOIN steps s ON s.enrolment_id = e.id AND s.step = e.step
    WHERE e.state = 'active' AND s.left_at IS NULL AND e.paused_at IS NULL
      AND coalesce(s.waits_until <= $1, s.verb NOT IN ('wait', 'wait_for', 'task', 'rest')))
"""
WORKFLOW_TASKS = {number for name, number in EventType.items() if name.startswith("EVENT_TYPE_WORKFLOW_TASK_")}
_numbers = itertools.count(1)


class World:
    """Events go in by `track`, time passes by `skip`, and the provider's ledger says what went out."""

    def __init__(self, db: Database, temporal: Temporal, provider: Provider, answers: Answers) -> None:
        self.db, self.temporal, self.provider, self.answers = db, temporal, provider, answers
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

    # --- journeys

    async def publish(self, library: Library, *journeys: str) -> None:
        """Make these journeys live, all of the library when none is named."""
        assert not library.errors, [str(finding) for finding in library.errors]
        chosen = [one for one in library.compiled() if not journeys or one.journey in journeys]
        await self.publish_compiled(chosen, library.policy)

    async def publish_compiled(self, journeys: list[Compiled], policy: Policy) -> None:
        await publish(self.db, journeys, at=self.now(), policy=policy)
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

    # --- what comes in

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

    # --- time

    async def settle(self) -> None:
        """Until every run has seen everything and nothing is under way."""
        await eventually(self._is_settled)
        await asyncio.sleep(0.02)
        await eventually(self._is_settled)

    async def _has_runs(self) -> bool:
        query = "SELECT NOT EXISTS (SELECT FROM enrolments WHERE state <> 'ended' AND run_id IS NULL)"
        return bool(await self.db.pool.fetchval(query))

    async def _is_settled(self) -> bool:
        return bool(await self.db.pool.fetchval(SETTLED, self.temporal.now()))

    async def skip(self, **length: float) -> None:
        """Let journey time pass: `skip(days=6)`."""
        await self.temporal.skip(timedelta(**length))

    # --- what is to be seen

    def handle(self, journey: str, enrolment_id: int) -> WorkflowHandle[Any, Any]:
        return self.temporal.client.get_workflow_handle(workflow_id(journey, enrolment_id))

    async def enrolments(self) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.db.pool.fetch("SELECT * FROM enrolments ORDER BY id")]

    async def sent(self) -> list[tuple[str, str]]:
        """(message, channel) of everything that went out, in order."""
        rows = await self.db.pool.fetch(
            "SELECT message, channel FROM messages WHERE sent_at IS NOT NULL ORDER BY sent_at, key"
        )
        return [(row["message"], row["channel"]) for row in rows]

    # --- the end

    async def end_all(self) -> None:
        """Leave no run behind that would wait for ever."""
        rows = await self.db.pool.fetch("SELECT id, journey FROM enrolments WHERE state <> 'ended'")
        for row in rows:
            with suppress(RPCError, TimeoutError):  # it ended meanwhile, or its worker has gone before it
                await self.terminate(row["journey"], row["id"])
        await self.end_calendars()

    async def terminate(self, journey: str, enrolment_id: int) -> None:
        """Kill a run in its sleep: the time-skipping server stands still for ever if one is terminated awake."""
        handle = self.handle(journey, enrolment_id)
        await eventually(partial(_is_asleep, handle), within=5)
        await handle.terminate()

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


async def _is_asleep(handle: WorkflowHandle[Any, Any]) -> bool:
    tasks = [event.event_type async for event in handle.fetch_history_events() if event.event_type in WORKFLOW_TASKS]
    return bool(tasks) and tasks[-1] == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED


@asynccontextmanager
async def world_in(db: Database, temporal: Temporal) -> AsyncIterator[World]:
    """A world with its own enrolment ids, since all share the server's workflow ids."""
    await db.pool.execute("SELECT setval('enrolments_id_seq', $1, false)", next(_numbers) * 100_000)
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(Provider())
        answers = await stack.enter_async_context(Answers())
        http = await stack.enter_async_context(httpx.AsyncClient(follow_redirects=False))
        world = World(db, temporal, provider, answers)
        channels = _channels(provider, db)
        for channel in channels:
            if not isinstance(channel, SandboxChannel):
                stack.push_async_callback(channel.close)
        messaging = MessagingActivities(
            MessageLedger(db),
            {it.name: Route.by(it) for it in channels},
            world.message,
            circuits=AccountCircuits(None),
            policies=PolicyShelf(db, fresh=0).policy,
            offer=lambda whose: NOWHERE,
            link=TrackedLinks("https://example.com", new_token).make,
        )
        destinations = DestinationLibrary(db).destination
        calls = CallActivities(CallLedger(db), destinations, WebhookSender(http, {}), function=answers.function)
        stack.push_async_callback(world.stop_relay)
        world.start_relay()
        doing = activities(db, messaging, calls), lanes(messaging, messaging)
        await stack.enter_async_context(working(temporal.client, *doing))
        stack.push_async_callback(world.end_all)
        yield world


def _channels(provider: Provider, db: Database) -> list[Provided | SandboxChannel]:
    """Those that have a provider speak to it, the others put messages where the sandbox has them."""
    call, settle = timedelta(seconds=2), timedelta(seconds=0.2)
    statuses, script = (f"{PUBLIC_URL}/webhooks/twilio/{name}" for name in ("status", "voice"))
    twilio = TwilioAccount(
        ACCOUNT_SID, AUTH_TOKEN, "+15005550006", provider.url, statuses, script=script, settle=settle
    )
    sendgrid = SendGridAccount(API_KEY, "Sojourn <hello@example.com>", provider.url, settle=settle)
    real: list[Provided] = [
        SmsChannel(twilio, call_timeout=call),
        WhatsappChannel(twilio, WhatsappWindows(db), call_timeout=call),
        VoiceChannel(twilio, call_timeout=call),
        EmailChannel(sendgrid, call_timeout=call),
    ]
    others = (name for name in CHANNELS if name not in {it.name for it in real})
    return [*real, *(SandboxChannel(name, "Sojourn", SandboxInbox(db)) for name in others)]
