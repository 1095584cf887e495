"""The way of a line that jumps: along the left edge of each column, out above its fork, to the step's own column."""

from dataclasses import dataclass

Point = tuple[float, float]

LANE = 14.0
"""The width that one such line needs."""
_APART = 3.0
"""Between two of them that run across."""


@dataclass(frozen=True, slots=True)
class _Lane:
    """Beside one column: the steps that stand in it, its left edge, the height at which to leave it, and for whom."""

    steps: frozenset[str]
    left: float
    above: float
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes around a place, the innermost first. `above` is where a column that begins here is left."""

    lanes: tuple[_Lane, ...] = ()
    above: float = 0.0

    def below(self, above: float) -> "Lanes":
        """The same for the columns below a fork whose line spreads at this height."""
        return Lanes(self.lanes, above)

    def inside(self, steps: frozenset[str], left: float, targets: tuple[str, ...]) -> "Lanes":
        """The same within one more column."""
        return Lanes((_Lane(steps, left, self.above, targets), *self.lanes), self.above)

    def route(self, target: str, begin: Point, end: Point) -> tuple[Point, ...]:
        """From the left end of a jump to the left end of its step's card; empty if no lane leads there."""
        points, y = [begin], begin[1]
        for lane in self.lanes:
            if target not in lane.targets:
                return ()
            number = lane.targets.index(target)
            x = lane.left + LANE * (number + 0.5)
            points.append((x, y))
            if target in lane.steps:
                return (*points, (x, end[1]), end)
            y = lane.above + _APART * number
            points.append((x, y))
        return ()
