"""Named points at which a test of durability can kill the process, as `kill -9` would.

`SOJOURN_FAILPOINTS` lists them: `relay.signalled` dies at the first hit, `relay.signalled:3` at the third,
`relay.signalled%5` at each hit with a chance of 5 %.
"""

import os
import random
import re
import signal
from collections.abc import Callable, Iterable

LAST_WORDS = "dies at fail-point "
"""What the log of a process ends with that died so, before the point's name."""

_SPEC = re.compile(r"(?P<name>[a-z][a-z0-9_.]*)(?::(?P<nth>[1-9][0-9]*)|%(?P<percent>[0-9]+(?:\.[0-9]+)?))?")
_is_due_by_name: dict[str, Callable[[], bool]] = {}


def hit(name: str) -> None:
    """Dies here if the point is armed; otherwise costs one look-up."""
    is_due = _is_due_by_name.get(name)
    if is_due is not None and is_due():
        os.write(2, f"{LAST_WORDS}{name}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)


def arm(specs: Iterable[str]) -> None:
    """Arms exactly these points. Raises ValueError for one that cannot be read."""
    is_due_by_name = parse(specs)
    _is_due_by_name.clear()
    _is_due_by_name.update(is_due_by_name)


def parse(specs: Iterable[str]) -> dict[str, Callable[[], bool]]:
    """Each named point with the question whether to die at this hit. Raises ValueError for one that cannot be read."""
    return dict(_parse(spec) for spec in specs)


def _parse(spec: str) -> tuple[str, Callable[[], bool]]:
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise ValueError(f"fail-point {spec!r} is not of the form name, name:3 or name%5")
    if match["percent"]:
        return match["name"], _by_chance(float(match["percent"]) / 100)
    return match["name"], _at_hit(int(match["nth"] or 1))


def _by_chance(chance: float) -> Callable[[], bool]:
    return lambda: random.random() < chance


def _at_hit(nth: int) -> Callable[[], bool]:
    left = nth

    def is_due() -> bool:
        nonlocal left
        left -= 1
        return left <= 0

    return is_due
