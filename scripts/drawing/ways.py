"""The ways out of a step: what is written on each, and what stands there."""

from dataclasses import dataclass

from language.steps import Block, Branch, Coupon, Split, Step, Task, WaitFor
from scripts.drawing import words
from scripts.drawing.measure import PLAIN, wrap

SIZE = 12.5
LEADING = 17.0
LONGEST = 178.0
"""Pixels of a label's text."""
_MOST_LINES = 5


@dataclass(frozen=True, slots=True)
class Way:
    """One way. An empty block leads on below the step."""

    label: tuple[str, ...]
    block: Block = ()

    @property
    def is_straight(self) -> bool:
        return not self.block


def ways_of(step: Step) -> tuple[Way, ...]:
    """All ways that can be taken; none of a step that simply goes on."""
    blocks = {name: block for name, block in step.blocks().items() if block or _can_happen(step, name)}
    if not step.enabled or step.repeats_block:
        return ()
    ways = tuple(Way(way_label(_words(step, name)), block) for name, block in blocks.items())
    if blocks and step.passes_on():
        return (Way(way_label(_straight_words(step))), *ways)
    return ways if len(ways) > 1 or any(blocks.values()) else ()


def way_label(text: str) -> tuple[str, ...]:
    return wrap(text, LONGEST, SIZE, PLAIN, _MOST_LINES) if text else ()


def falls_through(block: Block) -> bool:
    """Whether something can come out of a block below its last step."""
    if not block:
        return True
    last = block[-1]
    if not last.enabled or last.when is not None:
        return True
    ways = ways_of(last)
    return any(falls_through(way.block) for way in ways) if ways else last.goes_on


def _can_happen(step: Step, name: str) -> bool:
    """Whether an empty way is one: the time of a step without a limit is never up."""
    if name != "otherwise" or isinstance(step, Branch):
        return True
    return isinstance(step, WaitFor | Task) and step.within is not None


def _words(step: Step, way: str) -> str:
    match step, way.split("."):
        case WaitFor(within=within), ["otherwise"]:
            return f"not within {words.length(within)}" if within else "otherwise"
        case Task(within=within), ["otherwise"]:
            return f"not done within {words.length(within)}" if within else "refused"
        case Coupon(), ["otherwise"]:
            return "none left"
        case _, ["otherwise"]:
            return "otherwise" if isinstance(step, Branch) else "if that fails"
        case WaitFor(), [_, number, _]:
            return words.event(step.wait_for[int(number)])
        case Branch(), [_, number, _]:
            return f"if {words.condition(step.branch[int(number)].when)}"
        case Split(), [_, number, _]:
            arm = step.arms[int(number)]
            return f"{arm.arm}: {arm.share:g}%"
    return " ".join(part for part in way.replace("_", " ").split(".") if part not in ("do", "results"))


def _straight_words(step: Step) -> str:
    return "done" if isinstance(step, Task) else ""
