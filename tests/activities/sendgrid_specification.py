"""What SendGrid's own specification says of requests and answers, as questions a test may ask."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

FILE = Path(__file__).parent.parent / "data" / "sendgrid" / "mail_and_logs.json"


@cache
def specification() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text()))


def faults_of_request(operation: str, body: Any) -> list[str]:
    """What SendGrid would not understand of the body of an operation, such as `POST /v3/mail/send`."""
    return _faults(specification()["request"][operation], body)


def faults_of_answer(operation: str, status: int, body: Any) -> list[str]:
    """How a stand-in's answer differs from SendGrid's. None: there is no body."""
    schema = specification()["answer"][operation][str(status)]
    if schema is None or body is None:
        return [] if schema is body else ["there is a body on one side only"]
    return _faults(schema, body)


def _faults(schema: dict[str, Any], value: Any) -> list[str]:
    whole = {**_closed(schema), "schemas": _closed(specification()["schemas"])}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(value)]


def _closed(schema: Any) -> Any:
    """Objects that name their properties have no others: what SendGrid does not know, it would pass over in silence."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _closed(part) for name, part in schema.items()}
    is_closed = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    return {**made, "additionalProperties": False} if is_closed else made
