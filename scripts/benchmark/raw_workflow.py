"""The baseline: a bare workflow with one start, one signal and one activity that posts to the sink.

In a module of its own that imports nothing: the sandbox loads it anew for every workflow.
"""

from datetime import timedelta

from temporalio import workflow

QUEUE = "raw"


@workflow.defn
class RawWorkflow:
    """As little as a workflow can do to wait for an event and send."""

    def __init__(self) -> None:
        self._text: str | None = None

    @workflow.run
    async def run(self, name: str) -> None:
        await workflow.wait_condition(lambda: self._text is not None)
        await workflow.execute_activity("post", self._text, start_to_close_timeout=timedelta(seconds=30))

    @workflow.signal
    def fire(self, text: str) -> None:
        self._text = text
