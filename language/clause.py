"""Which events something listens to: `on`, `where`, `match`, `of`."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from language.expression import Expression
from language.part import Part

ANY_ACTIVITY = "any_activity"


class Use(NamedTuple):
    """One use of an expression: the field it stands in and the names it may use."""

    field: str
    expression: Expression
    roots: frozenset[str]


def _names(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


EventName = Annotated[str, Field(min_length=1)]
Names = Annotated[
    tuple[EventName, ...],
    BeforeValidator(_names, json_schema_input_type=EventName | Annotated[tuple[EventName, ...], Field(min_length=1)]),
]
"""One name or several."""


class Clause(Part):
    """An event to listen for. `on` is one name or several; `any_activity` means any sign of life of the customer."""

    on: Names = Field(min_length=1, description="The event's name, or several.", examples=["Account Activated"])
    where: Expression | None = Field(default=None, description="Only events for which this is true.")
    match: Literal["customer"] | None = Field(
        default=None, description="`customer`: any event of the customer, also one without the journey's key."
    )
    of: str | None = Field(default=None, description="For events about a message: the step that sent it.")

    _one_or_many = model_validator(mode="before")(lambda value: _clause(value))

    def names(self, name: str, is_activity: bool) -> bool:
        """Whether an event of this name concerns the clause, before `where`."""
        return name in self.on or (is_activity and ANY_ACTIVITY in self.on)


def _clause(value: Any) -> Any:
    if isinstance(value, str | list | tuple):
        return {"on": _names(value)}
    if isinstance(value, Mapping) and "on" in value:
        return {**value, "on": _names(value["on"])}
    return value


def _clauses(value: Any) -> Any:
    if isinstance(value, str | Mapping):
        return (value,)
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
        return (tuple(value),)
    return value


class _ToClauses:
    """An annotation of a field that holds several clauses."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_clauses, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        several = handler(schema)
        name = {"type": "string", "minLength": 1}
        return {
            "anyOf": [
                name,
                {"type": "array", "items": name, "minItems": 1},
                several["items"],
                {**several, "minItems": 1},
            ]
        }


ToClauses = _ToClauses()
"""Lets a field of several clauses be written as one event name, a list of names, one clause, or a list of clauses."""


def uses(field: str, clauses: tuple[Clause, ...], roots: frozenset[str]) -> Iterator[Use]:
    """The `where` of each clause."""
    for number, clause in enumerate(clauses):
        if clause.where is not None:
            yield Use(f"{field}.{number}.where", clause.where, roots)
