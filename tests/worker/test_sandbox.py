"""What the worker's way of running workflows rests on."""

import base64

import pytest
from temporalio.converter import ActivitySerializationContext, SerializationContext, WorkflowSerializationContext

from runtime.temporal import data_converter

KEYS = (f"newest:{base64.b64encode(bytes(32)).decode()}",)
CONTEXTS = (
    WorkflowSerializationContext(namespace="default", workflow_id="journey/a/1"),
    ActivitySerializationContext(
        namespace="default",
        activity_id="1",
        activity_type="send_message",
        activity_task_queue="journeys",
        workflow_id="journey/a/1",
        workflow_type="JourneyWorkflow",
        is_local=False,
    ),
)


@pytest.mark.parametrize("keys", [(), KEYS], ids=["plain", "encrypted"])
@pytest.mark.parametrize("context", CONTEXTS, ids=["workflow", "activity"])
def test_no_converter_of_ours_asks_whose_payload_it_has(keys: tuple[str, ...], context: SerializationContext) -> None:
    converter = data_converter(keys)
    assert converter.with_context(context) is converter
