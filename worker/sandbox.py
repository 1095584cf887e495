"""How workflows are run: in Temporal's sandbox, without what it would do for converters that ours are not."""

from collections.abc import Sequence
from typing import Any

from temporalio.converter import StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

OURS = ("language", "activities", "workflows")
LIBRARIES = (
    "cel",
    "liquid",
    "markdown_it",
    "mjml",
    "phonenumbers",
    "email_validator",
    "pydantic",
    "pydantic_core",
    "ruamel",
    "structlog",
    "zoneinfo",
)


def sandboxed() -> WorkflowRunner:
    """The workflow sandbox with our own pure modules passed through: they are checked by lint and tests instead."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*OURS, *LIBRARIES)
    return ContextFreeRunner(SandboxedWorkflowRunner(restrictions=restrictions))


class ContextFreeRunner(WorkflowRunner):
    """Runs workflows by another runner, for data converters that treat all payloads alike.

    Before each payload is encoded or decoded, several times, the sandbox is asked in whose context; for the answer it
    compiles and runs a piece of code. That was a fifth of all that a worker did, and no converter of ours listens.
    """

    def __init__(self, runner: WorkflowRunner) -> None:
        self._runner = runner

    def prepare_workflow(self, defn: Any) -> None:
        self._runner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return ContextFreeInstance(self._runner.create_instance(det))

    def set_worker_level_failure_exception_types(self, types: Sequence[type[BaseException]]) -> None:
        self._runner.set_worker_level_failure_exception_types(types)


class ContextFreeInstance(WorkflowInstance):
    """A workflow whose payloads have no context."""

    def __init__(self, instance: WorkflowInstance) -> None:
        self._instance = instance

    def activate(self, act: Any) -> Any:
        return self._instance.activate(act)

    def get_serialization_context(self, command_info: Any) -> None:
        return None

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        return StorageDriverStoreContext(target=None)

    def get_info(self) -> Any:
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        return self._instance.get_thread_id()
