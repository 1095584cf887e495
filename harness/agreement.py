"""Whether the simulator and the whole product say the same of a scenario."""

from datetime import timedelta

from language.comparison import Mismatch
from language.happening import Happening

COMPARED = ("sent", "ended", "task", "start", "call")
TOLERANCE = timedelta(seconds=60)


def disagreements(simulated: list[Happening], played: list[Happening]) -> list[Mismatch]:
    """What only one of the two did, or did at another time; empty when they agree."""
    left = [it for it in played if it.kind in COMPARED]
    found = []
    for one in (it for it in simulated if it.kind in COMPARED):
        match = next((it for it in left if _is_same(one, it)), None)
        if match is None:
            found.append(Mismatch(one.at, f"only in the simulator: {_said(one)}"))
        else:
            left.remove(match)
    found += [Mismatch(it.at, f"only on Temporal: {_said(it)}") for it in left]
    return sorted(found, key=lambda mismatch: mismatch.at)


def _is_same(one: Happening, other: Happening) -> bool:
    is_alike = (one.kind, one.name, one.channel) == (other.kind, other.name, other.channel)
    return is_alike and abs(one.at - other.at) <= TOLERANCE


def _said(it: Happening) -> str:
    return f"{it.kind} {it.name}" + (f" by {it.channel}" if it.channel else "")
