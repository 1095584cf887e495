"""What Twilio's own specification says of requests and answers, as questions a test may ask."""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker

FILE = Path(__file__).parent.parent / "data" / "twilio" / "messages_and_calls.json"
PREFIX = "#/components/schemas/"
BASIC: dict[str, Any] = {"integer": int, "number": float, "boolean": {"true": True, "false": False}.__getitem__}

formats = FormatChecker()


@formats.checks("uri")
def _is_address(value: object) -> bool:
    address = urlsplit(str(value))
    return address.scheme in ("http", "https") and "." in (address.hostname or "") and "_" not in address.netloc


@formats.checks("http-method")
def _is_method(value: object) -> bool:
    return value in ("GET", "POST")


@cache
def specification() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text()))


def faults_of_request(kind: str, fields: Iterable[tuple[str, str]]) -> list[str]:
    """What Twilio would not understand of a form that makes a `kind`, Messages or Calls."""
    schema = specification()["create"][kind]
    return _faults({**schema, "additionalProperties": False}, _read(schema["properties"], fields))


def faults_of_query(kind: str, names: Iterable[str]) -> list[str]:
    """Of the fields of a list's query, those that Twilio does not know."""
    return sorted(set(names) - set(specification()["list"][kind]))


def faults_of_resource(kind: str, resource: dict[str, Any]) -> list[str]:
    """How what a stand-in shows of a `kind` differs from what Twilio does."""
    return _faults({**specification()["resource"][kind], "additionalProperties": False}, resource)


def _read(properties: dict[str, Any], fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """A form's fields as the values they stand for: lists repeat their field."""
    read: dict[str, Any] = {}
    for name, value in fields:
        kind = properties.get(name, {}).get("type")
        if kind == "array":
            read.setdefault(name, []).append(value)
        else:
            assert name not in read, f"{name} is there twice"
            read[name] = BASIC.get(kind, str)(value)
    return read


def _faults(schema: dict[str, Any], value: Any) -> list[str]:
    validator = Draft202012Validator(_as_json_schema(schema), format_checker=formats)
    return [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(value)]


def _as_json_schema(schema: Any) -> Any:
    """OpenAPI's `nullable` in JSON Schema's words, references put in place."""
    if isinstance(schema, list):
        return [_as_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        named = specification()["schemas"][schema["$ref"].removeprefix(PREFIX)]
        return _as_json_schema({**named, **{name: it for name, it in schema.items() if name != "$ref"}})
    made = {name: _as_json_schema(part) for name, part in schema.items() if name != "nullable"}
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") is True else made
