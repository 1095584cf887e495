"""A workflow in the place of the real one, for tests of what brings deliveries to it."""

from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.payload import Deliveries, StartEnrolment


@workflow.defn(name="JourneyWorkflow")
class RecorderWorkflow:
    """Writes down the `seq`s it is sent, one list for its start and each signal. Ends at an `end`."""

    @workflow.init
    def __init__(self, start: StartEnrolment) -> None:
        self._start = start
        self._batches = [[one.seq for one in start.deliveries]]
        self._is_over = any(one.kind == "end" for one in start.deliveries)

    @workflow.run
    async def run(self, start: StartEnrolment) -> str:
        await workflow.wait_condition(lambda: self._is_over)
        return "ended"

    @workflow.signal
    def deliver(self, deliveries: Deliveries) -> None:
        self._batches.append([one.seq for one in deliveries.deliveries])
        self._is_over = self._is_over or any(one.kind == "end" for one in deliveries.deliveries)

    @workflow.query
    def batches(self) -> list[list[int]]:
        return self._batches

    @workflow.query
    def started_with(self) -> dict[str, Any]:
        return self._start.model_dump(mode="json")
