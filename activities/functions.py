"""Python functions that journeys call by name, as they call other systems."""

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

Json = dict[str, Any]
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """What a function is told. `key` is the same for every attempt at one call; `at` is journey time.

    `values` are what the step's `with:` gives.
    """

    key: str
    journey: str
    step: str
    customer_id: int
    at: datetime
    attempt: int
    values: Json


class Refused(Exception):
    """Raised by a function that will not do it, now or later. The text is kept with the call: nothing personal."""


Function = Callable[[FunctionCall], Json | None] | Callable[[FunctionCall], Awaitable[Json | None]]
F = TypeVar("F", bound=Function)
_function_by_name: dict[str, Function] = {}


def function(name: str) -> Callable[[F], F]:
    """Register a function under the name that `call:` uses. Async, or else it runs in a thread.

    It may be called again with the same `key` after a crash or an error: do nothing twice. What it returns, a
    dictionary of JSON, is `steps.<id>.answer`. Raises ValueError when the name is bad or taken.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r}: a function's name has small letters, digits and _, beginning with a letter")

    def register(it: F) -> F:
        known = _function_by_name.get(name)
        if known is not None and _place(known) != _place(it):
            raise ValueError(f"two functions are registered as {name!r}: {_place(known)} and {_place(it)}")
        _function_by_name[name] = it
        return it

    return register


def registered() -> frozenset[str]:
    """The names of all functions that are registered in this process."""
    return frozenset(_function_by_name)


def find(name: str) -> Function | None:
    return _function_by_name.get(name)


async def run(it: Function, call: FunctionCall) -> Any:
    """What the function returns, or raises."""
    if inspect.iscoroutinefunction(it):
        return await it(call)
    return await asyncio.to_thread(cast(Callable[[FunctionCall], Any], it), call)


def _place(it: Function) -> str:
    return f"{it.__module__}.{it.__qualname__}"
