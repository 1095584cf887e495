"""`sojourn schema`: the JSON Schemas from which editors complete and check YAML."""

import json
from typing import Any

from language.destinations import Destinations
from language.journey import Journey
from language.message import Message
from language.policy import Policy
from language.scenario import Scenario
from language.steps import step_classes

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, Any]:
    """The schema of each kind of file: journey, message, scenario, policy, destinations."""
    return {
        "journey": {"$schema": DIALECT, **journey_schema()},
        "message": {"$schema": DIALECT, **Message.model_json_schema(by_alias=True)},
        "scenario": {"$schema": DIALECT, **Scenario.model_json_schema(by_alias=True)},
        "policy": {"$schema": DIALECT, **Policy.model_json_schema(by_alias=True)},
        "destinations": {"$schema": DIALECT, **Destinations.model_json_schema(by_alias=True)},
    }


def journey_schema() -> dict[str, Any]:
    """The journey's schema, with every step class in place of the bare `Step`."""
    whole = Journey.model_json_schema(by_alias=True)
    definitions = whole["$defs"]
    for verb, step in step_classes().items():
        own = step.model_json_schema(by_alias=True)
        definitions.update(own.pop("$defs", {}))
        own["required"] = sorted({*own.get("required", []), verb})
        definitions[step.__name__] = own
    definitions["Step"] = {"anyOf": [{"$ref": f"#/$defs/{step.__name__}"} for step in step_classes().values()]}
    return whole


def run(kind: str | None = None) -> int:
    """Print the schema of one kind, or all as one JSON object."""
    print(json.dumps(schemas()[kind] if kind else schemas(), indent=2))
    return 0
