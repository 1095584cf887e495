"""Replaying histories of runs with the workflow as it is now."""

from collections.abc import Iterable

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from runtime.temporal import data_converter
from tests.world import World
from worker.sandbox import sandboxed
from workflows.journey import JourneyWorkflow

ADVICE = """
This change breaks journeys in flight: the run recorded in {name} took another way than it would take now.
Keep the old way for runs that are under way (`if workflow.patched("what-changed"): new else: old`), or let them
drain before the change is deployed.
{failure}"""


async def check(histories: Iterable[tuple[str, WorkflowHistory]]) -> None:
    replayer = Replayer(workflows=[JourneyWorkflow], workflow_runner=sandboxed(), data_converter=data_converter())
    for name, history in histories:
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        assert result.replay_failure is None, ADVICE.format(name=name, failure=result.replay_failure)


async def histories_of(world: World) -> list[WorkflowHistory]:
    """Of all runs of all enrolments, in the order in which they began."""
    client = world.temporal.client
    found: list[WorkflowHistory] = []
    for enrolment in await world.enrolments():
        runs, run_id = [], (await world.handle(enrolment["journey"], enrolment["id"]).describe()).run_id
        while run_id:
            handle = client.get_workflow_handle(world.handle(enrolment["journey"], enrolment["id"]).id, run_id=run_id)
            runs.append(await handle.fetch_history())
            run_id = runs[-1].events[0].workflow_execution_started_event_attributes.continued_execution_run_id
        found += reversed(runs)
    return found
