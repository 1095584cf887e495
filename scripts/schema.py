"""`sojourn schema`: the JSON Schemas from which editors complete and check YAML."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from language.destinations import Destinations
from language.journey import Journey
from language.message import Message
from language.policy import Policy
from language.scenario import Scenario
from language.steps import Step, step_classes

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAMES_OF_FIELDS = frozenset({"properties", "$defs"})
"""Where the keys of a schema are names of its author's, not of JSON Schema's."""

VALUES = frozenset({"examples", "default", "const", "enum"})
"""Keys whose values are no schemas."""


def schemas() -> dict[str, Any]:
    """The schema of each kind of file: journey, message, scenario, policy, destinations."""
    return {
        "journey": _whole(journey_schema()),
        "message": _whole(_schema(Message)),
        "scenario": _whole(_schema(Scenario)),
        "policy": _whole(_schema(Policy)),
        "destinations": _whole(_schema(Destinations)),
    }


class _AsWritten(GenerateJsonSchema):
    """What people may write: a field that may be left out is left out, and never written empty."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        found = super().default_schema(schema)
        return {name: value for name, value in found.items() if name != "default" or value not in (None, "", [], {})}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True, schema_generator=_AsWritten)


def journey_schema() -> dict[str, Any]:
    """The journey's schema. A step is one of `step_send`, `step_wait` …, each of which requires its verb."""
    whole = _schema(Journey)
    definitions = whole["$defs"]
    for verb, step in step_classes().items():
        own = _schema(step)
        for name, definition in own.pop("$defs", {}).items():
            definitions.setdefault(name, definition)
        definitions[f"step_{verb}"] = _verb_first(own, verb)
    definitions["Step"] = {
        "description": "What is done next. Each step has exactly one verb.",
        "oneOf": [{"$ref": f"#/$defs/step_{verb}"} for verb in sorted(step_classes(), key=_fields)],
    }
    return whole


def _fields(verb: str) -> int:
    """How many a step has. Of two that fit a faulty step equally well, editors show the faults by the first."""
    return len(step_classes()[verb].model_fields)


def _verb_first(step: dict[str, Any], verb: str) -> dict[str, Any]:
    """The verb, then its own fields, then those that all steps have."""
    properties = step["properties"]
    own = [name for name in properties if name != verb and name not in Step.model_fields]
    shared = [name for name in properties if name in Step.model_fields]
    return {
        **step,
        "properties": {name: properties[name] for name in (verb, *own, *shared)},
        "required": sorted({*step.get("required", []), verb}),
    }


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": DIALECT, **_untitled(schema)}


def _untitled(schema: Any) -> Any:
    """Without the titles of classes, which say nothing to those who write YAML."""
    if isinstance(schema, list):
        return [_untitled(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _without_titles(name, part) for name, part in schema.items() if name != "title"}


def _without_titles(name: str, part: Any) -> Any:
    if name in VALUES:
        return part
    return {inner: _untitled(value) for inner, value in part.items()} if name in NAMES_OF_FIELDS else _untitled(part)


def run(kind: str | None = None, output: Path | None = None) -> int:
    """Print the schema of one kind, or all as one JSON object; or write each to a file of its own in `output`."""
    found = schemas()
    if output is None:
        print(json.dumps(found[kind] if kind else found, indent=2))
        return 0
    output.mkdir(parents=True, exist_ok=True)
    for name in [kind] if kind else found:
        target = output / f"{name}.json"
        target.write_text(as_text(found[name]), "utf-8")
        print(f"written: {target}")
    return 0


def as_text(schema: dict[str, Any]) -> str:
    """What stands in a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
