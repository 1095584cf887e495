"""Calling other systems and Python functions: claim, call, settle. Retried while they are down, then refused."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import orjson
import structlog
from prometheus_client import Counter
from temporalio import activity

from activities.circuit import Circuit
from activities.clock import journey_now
from activities.functions import Function, FunctionCall, Json, Refused, find, run
from activities.messaging import again
from activities.webhook import LARGEST_ANSWER, NotNow, Webhook, WebhookSender, as_answer
from language.destinations import CallClaimed, Destination
from language.duration import format_duration
from language.port import Answer, CallDestination

ATTEMPTS = 5
"""How often Temporal tries again by itself before the enrolment waits instead, where exits and goals reach it."""

LONGEST_WAIT = timedelta(seconds=60)
FUNCTION_TIMEOUT = timedelta(seconds=30)
FUNCTION_RETRY_FOR = timedelta(minutes=15)

CALLS = Counter("sojourn_calls", "What became of calls.", ["destination", "verdict"])
FAILURES = Counter("sojourn_call_failures", "Attempts at calls that came to nothing.", ["destination"])

log = structlog.get_logger()

Destinations = Callable[[str, int, str], Awaitable[Destination | None]]
"""The destination of a journey's version: journey, version, name. Versions never change, so it may be cached."""


class Calls(Protocol):
    """Where calls are kept. All times are journey time."""

    async def claim(self, deed: CallDestination, *, now: datetime, patience: timedelta) -> CallClaimed | Answer:
        """Take the call, or say what became of it, or why it may not be made now; in one transaction."""
        ...

    async def settle(self, deed: CallDestination, answer: Answer, *, now: datetime) -> Answer:
        """Keep this answer for good; returns the one that was kept before, if one was."""
        ...

    async def hold(self, deed: CallDestination, reason: str, *, now: datetime, was_called: bool) -> None:
        """Note that it waits, and why."""
        ...


class Callee(Protocol):
    """What is called. `retry_for` is real time since the first attempt."""

    @property
    def retry_for(self) -> timedelta: ...

    @property
    def circuit(self) -> Circuit: ...

    async def call(self, deed: CallDestination, claimed: CallClaimed) -> Json:
        """What it answered. Raises Refused or NotNow."""
        ...


class CallActivities:
    """`function` finds a registered one by name; `hit` names the points at which tests kill a worker."""

    def __init__(
        self,
        calls: Calls,
        destinations: Destinations,
        sender: WebhookSender,
        *,
        function: Callable[[str], Function | None] = find,
        circuit: Callable[[], Circuit] = Circuit,
        hit: Callable[[str], None] = lambda point: None,
    ) -> None:
        self._calls = calls
        self._destinations = destinations
        self._sender = sender
        self._function = function
        self._new_circuit = circuit
        self._hit = hit
        self._circuit_by_address: dict[tuple[str, str], Circuit] = {}

    @activity.defn
    async def call_destination(self, deed: CallDestination) -> Answer:
        """Call once, as far as the other side heeds the key. Safe to repeat at any point."""
        callee = await self._callee(deed)
        patience = callee.retry_for * deed.pace.speed
        claimed = await self._calls.claim(deed, now=_now(deed), patience=patience)
        answer = claimed if isinstance(claimed, Answer) else await self._call(deed, callee, claimed)
        CALLS.labels(deed.destination, answer.verdict).inc()
        return answer

    async def _callee(self, deed: CallDestination) -> Callee:
        destination = await self._destinations(deed.journey, deed.version, deed.destination)
        if destination is not None:
            address = (deed.destination, destination.url)
            circuit = self._circuit_by_address.setdefault(address, self._new_circuit())
            return _OtherSystem(destination, self._sender, circuit)
        return _PythonFunction(self._function(deed.destination))

    async def _call(self, deed: CallDestination, callee: Callee, claimed: CallClaimed) -> Answer:
        away = callee.circuit.enter()
        if away is not None:
            return await self._later(deed, callee, claimed, NotNow("it is down", away), was_called=False)
        self._hit("worker.call_claimed")
        try:
            answer = Answer(verdict="done", result=await callee.call(deed, claimed))
        except Refused as error:
            answer = Answer(verdict="refused", reason=str(error) or "it refused")
        except NotNow as error:
            self._failed(deed, callee, error)
            return await self._later(deed, callee, claimed, error)
        callee.circuit.succeeded()
        self._hit("worker.call_answered")
        return await self._calls.settle(deed, answer, now=_now(deed))

    def _failed(self, deed: CallDestination, callee: Callee, error: NotNow) -> None:
        FAILURES.labels(deed.destination).inc()
        log.warning("call.failed", destination=deed.destination, key=deed.key, reason=error.reason)
        if error.is_down and callee.circuit.failed():
            log.error("call.circuit_opened", destination=deed.destination, reason=error.reason)

    async def _later(
        self, deed: CallDestination, callee: Callee, claimed: CallClaimed, error: NotNow, *, was_called: bool = True
    ) -> Answer:
        """Temporal's next attempt, or the enrolment's, or none when that would be too late."""
        now, speed = _now(deed), deed.pace.speed
        wait = error.after if not was_called and error.after else max(error.after or timedelta(), _backoff(claimed))
        if now + wait * speed > claimed.first_at + callee.retry_for * speed:
            reason = f"{error.reason}; given up after {format_duration(callee.retry_for)}"
            return await self._calls.settle(deed, Answer(verdict="refused", reason=reason), now=now)
        if was_called and activity.info().attempt < ATTEMPTS and wait <= LONGEST_WAIT:
            raise again(error.reason, wait)
        await self._calls.hold(deed, error.reason, now=now, was_called=was_called)
        return Answer(verdict="held", reason=error.reason, retry_at=now + wait * speed)


@dataclass(frozen=True, slots=True)
class _OtherSystem:
    destination: Destination
    sender: WebhookSender
    circuit: Circuit

    @property
    def retry_for(self) -> timedelta:
        return self.destination.retry_for

    async def call(self, deed: CallDestination, claimed: CallClaimed) -> Json:
        webhook = Webhook(deed.key, deed.journey, claimed.customer_id, deed.values)
        return await self.sender.send(self.destination, webhook)


@dataclass(frozen=True, slots=True)
class _PythonFunction:
    """A function that fails says nothing of others' calls, so its circuit is its own and never opens."""

    function: Function | None
    retry_for: timedelta = FUNCTION_RETRY_FOR
    circuit: Circuit = field(default_factory=Circuit)

    async def call(self, deed: CallDestination, claimed: CallClaimed) -> Json:
        if self.function is None:
            raise NotNow(f"this worker knows no function `{deed.destination}`; SOJOURN_FUNCTIONS names its module")
        call = FunctionCall(
            deed.key, deed.journey, deed.step, claimed.customer_id, deed.at, claimed.attempts, deed.values
        )
        try:
            async with asyncio.timeout(FUNCTION_TIMEOUT.total_seconds()):
                returned = await run(self.function, call)
        except Refused:
            raise
        except Exception as error:  # whatever a function does; its text may be personal, its kind is not
            raise NotNow(f"the function raised {type(error).__name__}{_place(error)}") from None
        return _kept(returned)


def _kept(returned: object) -> Json:
    """What a function returned, as a step keeps it."""
    try:
        body = orjson.dumps(returned)
    except TypeError:
        raise Refused("the function returned what is no JSON") from None
    if len(body) > LARGEST_ANSWER:
        raise Refused("the function returned more than 16 KB")
    return as_answer(body)


def _place(error: Exception) -> str:
    """Where it was raised: file and line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" in {trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""


def _backoff(claimed: CallClaimed) -> timedelta:
    """Twice as long each time, up to a minute."""
    return min(timedelta(seconds=2 ** min(claimed.attempts - 1, 6)), LONGEST_WAIT)


def _now(deed: CallDestination) -> datetime:
    return journey_now(deed.at, deed.pace)
