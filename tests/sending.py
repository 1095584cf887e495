"""A desk to send from: one customer in one journey, the real channels, and a provider that fails on demand."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.account_circuits import AccountCircuits
from activities.channel import Channel, Route
from activities.channels.email import EmailChannel, SendGridAccount
from activities.channels.sms import SmsChannel
from activities.channels.twilio_client import TwilioAccount
from activities.channels.voice import VoiceChannel
from activities.channels.whatsapp import WhatsappChannel
from activities.messaging import MessagingActivities
from language.customer_pages import Whose
from language.gate import MessageGate
from language.message import Message
from language.opt_out_offer import NOWHERE, OptOutOffer
from language.policy import Policy
from language.port import Progress, Receipt, SendMessage, StepTrace
from language.sending import Claim
from language.tracked_links import nowhere
from scripts.provider import ACCOUNT_SID, API_KEY, AUTH_TOKEN, Provider
from store.database import Database
from store.ledger import MessageLedger
from store.library import MessageLibrary
from store.progress import write_progress
from store.whatsapp_windows import WhatsappWindows

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PHONE = "+15005550001"
EMAIL = "ana@example.com"
MESSAGES: dict[str, Any] = {
    "hello": {
        "message": "hello",
        "class": "service",
        "topic": "news",
        "sms": "Hello {{ profile.first_name }}",
        "email": {"subject": "Hello {{ profile.first_name }}", "body": "Welcome, {{ profile.first_name }}."},
        "voice": {"say": "Hello {{ profile.first_name }}", "machine": "leave_message"},
        "whatsapp": {"content_sid": "HX" + "0" * 32, "variables": {"1": "{{ profile.first_name }}"}},
    },
    "receipt": {
        "message": "receipt",
        "class": "transactional",
        "topic": "news",
        "sms": "Paid",
        "email": {"subject": "Paid", "body": "Paid."},
        "voice": {"say": "Paid"},
        "whatsapp": {"content_sid": "HX" + "1" * 32, "text": "Paid"},
    },
    "offer": {
        "message": "offer",
        "class": "promotional",
        "topic": "offers",
        "sms": "Half the price",
        "email": {"subject": "Half the price", "body": "Half the price."},
    },
}


class Died(BaseException):
    """What a fail-point raises in place of kill -9."""


class Desk:
    """Short times, so that a lost answer is looked up within half a second."""

    def __init__(self, db: Database, provider: Provider, channels: dict[str, Channel]) -> None:
        self.db, self.provider, self.channels = db, provider, channels
        self.ledger = MessageLedger(db)
        self.library = MessageLibrary(db)
        self.routes: dict[str, Route] = {}
        self.circuits = AccountCircuits(None)
        self.policy = Policy()
        self.offer: Callable[[Whose], OptOutOffer] = lambda whose: NOWHERE

    async def policies(self) -> Policy:
        return self.policy

    async def furnish(self) -> None:
        await self.db.pool.execute(
            "INSERT INTO customers (id, traits, first_seen_at) OVERRIDING SYSTEM VALUE VALUES (1, $1, $2)",
            {"first_name": "Ana", "phone": PHONE, "email": EMAIL},
            NOW,
        )
        await self.db.pool.execute(
            "INSERT INTO journey_versions (journey, version, digest, definition, messages, title, state, published_at)"
            " VALUES ('greeting', 1, '', '', $1, '', 'live', $2)",
            MESSAGES,
            NOW,
        )
        await self.enrol(1)

    async def enrol(self, enrolment_id: int, key: str = "") -> None:
        await self.db.pool.execute(
            "INSERT INTO enrolments (id, customer_id, journey, version, key, state, started_at, run_id, last_seq)"
            " OVERRIDING SYSTEM VALUE VALUES ($1, 1, 'greeting', 1, $2, 'active', $3, 'run', 1)",
            enrolment_id,
            key or str(enrolment_id),
            NOW,
        )

    async def people(self, many: int) -> None:
        """So many customers alike, each in the enrolment of the same number."""
        await self.db.pool.execute(
            "INSERT INTO customers (id, traits, first_seen_at) OVERRIDING SYSTEM VALUE"
            " SELECT n, traits, first_seen_at FROM customers, generate_series(2, $1::int) n WHERE id = 1",
            many,
        )
        await self.db.pool.execute(
            "INSERT INTO enrolments (id, customer_id, journey, version, key, state, started_at, run_id, last_seq)"
            " OVERRIDING SYSTEM VALUE"
            " SELECT n, n, 'greeting', 1, '', 'active', $1, 'run', 1 FROM generate_series(2, $2::int) n",
            NOW,
            many,
        )

    def order(self, channel: str = "sms", *, enrolment_id: int = 1, seen_seq: int = 1, **changes: Any) -> SendMessage:
        return SendMessage(
            **{
                "key": f"{enrolment_id}/send_hello/1/{channel}",
                "customer_id": 1,
                "journey": "greeting",
                "version": 1,
                "step": "send_hello",
                "visit": 1,
                "channel": channel,
                "message": "hello",
                "due_at": NOW,
                "at": NOW,
                "progress": Progress(enrolment_id=enrolment_id, run_id="run", seen_seq=seen_seq, at=NOW),
                **changes,
            }
        )

    async def claim(self, send: SendMessage, ledger: MessageLedger | None = None, **more: Any) -> Claim:
        """Under the policy, without an activity and without a call."""
        message = Message.model_validate(MESSAGES[send.message])
        gate = MessageGate(send, message, "twilio", "+1", send.at, policy=self.policy)
        window = timedelta(seconds=20)
        return await (ledger or self.ledger).claim(
            send, gate, now=send.at, call_window=window, settle=timedelta(), **more
        )

    async def attempt(self, send: SendMessage, number: int = 1, *, hit: Callable[[str], None] | None = None) -> Receipt:
        """One attempt of the activity, as Temporal would make it."""
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, attempt=number, task_token=uuid4().bytes)
        activities = MessagingActivities(
            self.ledger,
            {name: Route.by(it) for name, it in self.channels.items()} | self.routes,
            self.library.message,
            circuits=self.circuits,
            policies=self.policies,
            link=nowhere,
            offer=self.offer,
            hit=hit or (lambda point: None),
        )
        receipt: Receipt = await environment.run(activities.send_message, send)
        return receipt

    async def send(self, send: SendMessage, *, first: int = 1) -> Receipt:
        """Attempts with Temporal's waits in between, until one returns."""
        for number in range(first, 30):
            try:
                return await self.attempt(send, number)
            except ApplicationError as error:
                delay = error.next_retry_delay or timedelta(milliseconds=20)
                await asyncio.sleep(delay.total_seconds())
        raise AssertionError("no end in sight")

    async def die(self, send: SendMessage, at: str) -> None:
        """One attempt that is killed at a fail-point."""

        def hit(point: str) -> None:
            if point == at:
                raise Died

        try:
            await self.attempt(send, hit=hit)
        except Died:
            return
        raise AssertionError(f"{at} was not reached")

    async def end(self, outcome: str = "moved_on") -> None:
        """What ingest commits when an exit event arrives."""
        await self.db.pool.execute(
            "UPDATE enrolments SET state = 'ending', outcome = $1, last_seq = last_seq + 1 WHERE id = 1", outcome
        )

    async def leave(self, *, seen_seq: int = 1) -> None:
        """The run goes on from the step that sends."""
        left = StepTrace(step="send_hello", visit=1, verb="send", entered_at=NOW, left_at=NOW)
        progress = Progress(enrolment_id=1, run_id="run", seen_seq=seen_seq, at=NOW, step="next", traces=(left,))
        assert (await write_progress(self.db.pool, progress)).enrolment is not None

    async def row(self, key: str = "1/send_hello/1/sms") -> Any:
        return await self.db.pool.fetchrow("SELECT * FROM messages WHERE key = $1", key)


@asynccontextmanager
async def desk_at(db: Database, *, call_timeout: float = 0.25, settle: float = 0.05) -> AsyncIterator[Desk]:
    timeout, settling = timedelta(seconds=call_timeout), timedelta(seconds=settle)
    async with Provider(hang=call_timeout * 2) as provider:
        twilio = TwilioAccount(
            ACCOUNT_SID, AUTH_TOKEN, "+15005550006", provider.url, "https://x.test/sms", settle=settling
        )
        sendgrid = SendGridAccount(API_KEY, "Sojourn <hello@example.com>", provider.url, settle=settling)
        channels = (
            SmsChannel(twilio, call_timeout=timeout),
            EmailChannel(sendgrid, call_timeout=timeout),
            VoiceChannel(twilio, call_timeout=timeout),
            WhatsappChannel(twilio, WhatsappWindows(db), call_timeout=timeout),
        )
        desk = Desk(db, provider, {channel.name: channel for channel in channels})
        await desk.furnish()
        yield desk
        for channel in channels:
            await channel.close()
