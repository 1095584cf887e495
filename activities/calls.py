"""Calling other systems and Python functions: claim, call, settle. Retried while they are down, then refused."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from prometheus_client import Counter
from temporalio import activity

from activities.callee import LONGEST_WAIT, Callee, Callees, Destinations, ask, backoff
from activities.circuit import Circuit
from activities.clock import journey_now
from activities.functions import Function, FunctionCall, find
from activities.messaging import again
from activities.webhook import NotNow, WebhookSender
from language.destinations import CallClaimed
from language.duration import format_duration
from language.port import Answer, CallDestination

ATTEMPTS = 5
"""How often Temporal tries again by itself before the enrolment waits instead, where exits and goals reach it."""

CALLS = Counter("sojourn_calls", "What became of calls.", ["destination", "verdict"])


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
        self._hit = hit
        self.callees = Callees(destinations, sender, function=function, circuit=circuit)

    @activity.defn
    async def call_destination(self, deed: CallDestination) -> Answer:
        """Call once, as far as the other side heeds the key. Safe to repeat at any point."""
        callee = await self.callees.find(deed.journey, deed.version, deed.destination)
        patience = callee.retry_for * deed.pace.speed
        claimed = await self._calls.claim(deed, now=_now(deed), patience=patience)
        answer = claimed if isinstance(claimed, Answer) else await self._call(deed, callee, claimed)
        CALLS.labels(deed.destination, answer.verdict).inc()
        return answer

    async def _call(self, deed: CallDestination, callee: Callee, claimed: CallClaimed) -> Answer:
        self._hit("worker.call_claimed")
        told = (claimed.customer_id, deed.at, claimed.attempts, deed.values)
        try:
            answer = await ask(callee, FunctionCall(deed.key, deed.journey, deed.step, *told))
        except NotNow as error:
            return await self._later(deed, callee, claimed, error)
        self._hit("worker.call_answered")
        return await self._calls.settle(deed, answer, now=_now(deed))

    async def _later(self, deed: CallDestination, callee: Callee, claimed: CallClaimed, error: NotNow) -> Answer:
        """Temporal's next attempt, or the enrolment's, or none when that would be too late."""
        now, speed = _now(deed), deed.pace.speed
        left = (claimed.first_at - now) / speed + callee.retry_for
        wait = error.wait(at_least=backoff(claimed.attempts), at_most=left)
        if wait is None:
            reason = f"{error.reason}; given up after {format_duration(callee.retry_for)}"
            return await self._calls.settle(deed, Answer(verdict="refused", reason=reason), now=now)
        if error.was_called and activity.info().attempt < ATTEMPTS and wait <= LONGEST_WAIT:
            raise again(error.reason, wait)
        await self._calls.hold(deed, error.reason, now=now, was_called=error.was_called)
        return Answer(verdict="held", reason=error.reason, retry_at=now + wait * speed)


def _now(deed: CallDestination) -> datetime:
    return journey_now(deed.at, deed.pace)
