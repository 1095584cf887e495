"""The only door to Temporal."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from workflows.lanes import JOURNEYS, urgency
from workflows.payload import Deliveries, LookAgain, StartCalendar, StartEnrolment

WORKFLOW = "JourneyWorkflow"
CALENDAR_WORKFLOW = "CalendarWorkflow"
CUSTOMER = SearchAttributeKey.for_keyword("SojournCustomer")
JOURNEY = SearchAttributeKey.for_keyword("SojournJourney")

Answer = TypeVar("Answer")

# Temporal was understood and would say the same again.
_REFUSALS = {
    RPCStatusCode.INVALID_ARGUMENT,
    RPCStatusCode.OUT_OF_RANGE,
    RPCStatusCode.FAILED_PRECONDITION,
    RPCStatusCode.UNIMPLEMENTED,
}


class TemporalAway(Exception):
    """Temporal cannot be reached or cannot cope now; the call may nevertheless have come through."""


class TemporalRefused(Exception):
    """Temporal will not accept this call, however often it is repeated."""


@dataclass(frozen=True, slots=True)
class Run:
    """The newest run of an enrolment's workflow. `status` is Temporal's word, in lower case: running, completed …"""

    run_id: str
    status: str
    history_events: int

    @property
    def is_running(self) -> bool:
        return self.status == "running"


def workflow_id(journey: str, enrolment_id: int) -> str:
    return f"journey/{journey}/{enrolment_id}"


def calendar_id(journey: str) -> str:
    return f"calendar/{journey}"


class JourneyClient:
    """Starts and signals enrolments' workflows.

    `search_attributes` is false only for a server that cannot start with them; `task_timeout` is short on the embedded
    stack, where a killed server shows buffered signals only after it. `call_timeout` bounds every call as a whole,
    the client's own retries included. Every method raises `TemporalAway` or `TemporalRefused`.
    """

    def __init__(
        self,
        client: Client,
        *,
        task_queue: str = JOURNEYS,
        search_attributes: bool = True,
        task_timeout: timedelta | None = None,
        call_timeout: timedelta = timedelta(seconds=5),
    ) -> None:
        self._client = client
        self._task_queue = task_queue
        self._search_attributes = search_attributes
        self._task_timeout = task_timeout
        self._call_timeout = call_timeout

    async def start(self, start: StartEnrolment, *, anew: bool = False) -> bool:
        """Start the enrolment's workflow; false when there is one already, running or (unless `anew`) closed."""
        policy = WorkflowIDReusePolicy.ALLOW_DUPLICATE if anew else WorkflowIDReusePolicy.REJECT_DUPLICATE
        try:
            await self._call(
                self._client.start_workflow(
                    WORKFLOW,
                    start,
                    id=workflow_id(start.journey, start.enrolment_id),
                    task_queue=self._task_queue,
                    id_reuse_policy=policy,
                    task_timeout=self._task_timeout,
                    priority=urgency(start.definition),
                    search_attributes=self._attributes(start),
                    static_summary=summary(start),
                    static_details=details(start),
                    rpc_timeout=self._call_timeout,
                )
            )
        except WorkflowAlreadyStartedError:
            return False
        except _NotFoundError:
            raise TemporalAway("no such namespace") from None
        return True

    async def deliver(self, journey: str, enrolment_id: int, deliveries: Deliveries) -> bool:
        """Signal what happened; false when no workflow of this enrolment is running."""
        handle = self._client.get_workflow_handle(workflow_id(journey, enrolment_id))
        try:
            await self._call(handle.signal("deliver", deliveries, rpc_timeout=self._call_timeout))
        except _NotFoundError:
            return False
        return True

    async def describe(self, journey: str, enrolment_id: int) -> Run | None:
        """The newest run, also a closed one; None when Temporal knows none."""
        handle = self._client.get_workflow_handle(workflow_id(journey, enrolment_id))
        try:
            found = await self._call(handle.describe(rpc_timeout=self._call_timeout))
        except _NotFoundError:
            return None
        status = found.status or WorkflowExecutionStatus.RUNNING
        return Run(found.run_id, status.name.lower(), found.history_length)

    async def is_running(self, journey: str, enrolment_id: int) -> bool:
        run = await self.describe(journey, enrolment_id)
        return run is not None and run.is_running

    async def keep_calendar(self, start: StartCalendar, *, news: LookAgain | None = None) -> None:
        """Have the journey's calendar run; one that runs already is told the news and otherwise left alone."""
        signal: dict[str, Any] = {"start_signal": "look", "start_signal_args": [news]} if news else {}
        try:
            await self._call(
                self._client.start_workflow(
                    CALENDAR_WORKFLOW,
                    start,
                    id=calendar_id(start.journey),
                    task_queue=self._task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    task_timeout=self._task_timeout,
                    static_summary=f"calendar of {(start.title or start.journey)[:80]}",
                    rpc_timeout=self._call_timeout,
                    **signal,
                )
            )
        except _NotFoundError:
            raise TemporalAway("no such namespace") from None

    def _attributes(self, start: StartEnrolment) -> TypedSearchAttributes | None:
        if not self._search_attributes:
            return None
        pairs: list[SearchAttributePair[Any]] = [
            SearchAttributePair(CUSTOMER, str(start.customer_id)),
            SearchAttributePair(JOURNEY, start.journey),
        ]
        return TypedSearchAttributes(pairs)

    async def _call(self, call: Awaitable[Answer]) -> Answer:
        try:
            async with asyncio.timeout(self._call_timeout.total_seconds()):
                return await call
        except TimeoutError:
            raise TemporalAway("no answer in time") from None
        except RPCError as error:
            raise _sorted(error) from None
        except RuntimeError as error:
            # What a lazy client says when it cannot connect; it has no class of its own.
            if "client connect" not in str(error):
                raise
            raise TemporalAway("cannot connect") from None


class _NotFoundError(Exception):
    """No such workflow, or none that is running."""


def summary(start: StartEnrolment) -> str:
    """One line for the Temporal UI; no personal data, at most 400 bytes."""
    return f"{(start.title or start.journey)[:80]} · customer {start.customer_id}"


def details(start: StartEnrolment) -> str:
    return (
        f"**{start.journey}**, version {start.version}\n\n"
        f"Enrolment {start.enrolment_id} of customer {start.customer_id}, since {start.started_at:%Y-%m-%d %H:%M} UTC"
    )


def _sorted(error: RPCError) -> Exception:
    if error.status == RPCStatusCode.NOT_FOUND:
        return _NotFoundError()
    kind = TemporalRefused if error.status in _REFUSALS else TemporalAway
    return kind(error.status.name.lower())
