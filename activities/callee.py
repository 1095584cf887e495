"""What calls reach: other systems over HTTP, and Python functions. Asked once at a time, through their circuits."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import orjson
import structlog
from prometheus_client import Counter

from activities.circuit import Circuit
from activities.functions import Function, FunctionCall, Json, Refused, find, run
from activities.webhook import LARGEST_ANSWER, NotNow, Webhook, WebhookSender, as_answer
from language.destinations import Destination
from language.port import Answer

LONGEST_WAIT = timedelta(seconds=60)
FUNCTION_TIMEOUT = timedelta(seconds=30)
FUNCTION_RETRY_FOR = timedelta(minutes=15)

FAILURES = Counter("sojourn_call_failures", "Attempts at calls that came to nothing.", ["destination"])

log = structlog.get_logger()

Destinations = Callable[[str, int, str], Awaitable[Destination | None]]
"""The destination of a journey's version: journey, version, name. Versions never change, so it may be cached."""


class Callee(Protocol):
    """What is called. `retry_for` is real time since the first attempt."""

    @property
    def name(self) -> str: ...

    @property
    def retry_for(self) -> timedelta: ...

    @property
    def circuit(self) -> Circuit: ...

    async def call(self, call: FunctionCall) -> Json:
        """What it answered. Raises Refused or NotNow."""
        ...


class Callees:
    """All that this worker may call, each with one circuit for whoever calls it. `function` finds a registered one."""

    def __init__(
        self,
        destinations: Destinations,
        sender: WebhookSender,
        *,
        function: Callable[[str], Function | None] = find,
        circuit: Callable[[], Circuit] = Circuit,
    ) -> None:
        self._destinations = destinations
        self._sender = sender
        self._function = function
        self._new_circuit = circuit
        self._circuit_by_address: dict[tuple[str, str], Circuit] = {}

    async def find(self, journey: str, version: int, name: str) -> Callee:
        """What this version of the journey means by the name."""
        destination = await self._destinations(journey, version, name)
        if destination is None:
            return _PythonFunction(name, self._function(name))
        circuit = self._circuit_by_address.setdefault((name, destination.url), self._new_circuit())
        return _OtherSystem(name, destination, self._sender, circuit)


async def ask(callee: Callee, call: FunctionCall) -> Answer:
    """Call it once, unless its circuit is open. Raises NotNow."""
    away = callee.circuit.enter()
    if away is not None:
        raise NotNow("it is down", away, was_called=False)
    try:
        answer = Answer(verdict="done", result=await callee.call(call))
    except Refused as error:
        answer = Answer(verdict="refused", reason=str(error) or "it refused")
    except NotNow as error:
        _failed(callee, call, error)
        raise
    callee.circuit.succeeded()
    return answer


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many attempts: twice as long each time, up to a minute."""
    return min(timedelta(seconds=2 ** min(attempts - 1, 6)), LONGEST_WAIT)


def _failed(callee: Callee, call: FunctionCall, error: NotNow) -> None:
    FAILURES.labels(callee.name).inc()
    log.warning("call.failed", destination=callee.name, key=call.key, reason=error.reason)
    if error.is_down and callee.circuit.failed():
        log.error("call.circuit_opened", destination=callee.name, reason=error.reason)


@dataclass(frozen=True, slots=True)
class _OtherSystem:
    name: str
    destination: Destination
    sender: WebhookSender
    circuit: Circuit

    @property
    def retry_for(self) -> timedelta:
        return self.destination.retry_for

    async def call(self, call: FunctionCall) -> Json:
        return await self.sender.send(self.destination, Webhook(call.key, call.journey, call.customer_id, call.values))


@dataclass(frozen=True, slots=True)
class _PythonFunction:
    """A function that fails says nothing of others' calls, so its circuit is its own and never opens."""

    name: str
    function: Function | None
    retry_for: timedelta = FUNCTION_RETRY_FOR
    circuit: Circuit = field(default_factory=Circuit)

    async def call(self, call: FunctionCall) -> Json:
        if self.function is None:
            raise NotNow(f"this worker knows no function `{self.name}`; SOJOURN_FUNCTIONS names its module")
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
