"""Small languages within YAML: a text that is read once and then means something, such as a window or a cron line."""

from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class Compact:
    """Made of its `source`, equal by it, and written as it. `__init__` takes the text and raises `ValueError`."""

    __slots__ = ("source",)

    def __init__(self, source: str) -> None:
        self.source = source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and other.source == self.source

    def __hash__(self) -> int:
        return hash(self.source)

    @classmethod
    def _made(cls, value: Any) -> Self:
        return value if isinstance(value, cls) else cls(str(value))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._made, serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value.source)
        )
