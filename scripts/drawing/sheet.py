"""What has been placed: cards, marks, labels, frames and lines, in pixels from the upper left corner."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from scripts.drawing.card import Card, Line
from scripts.drawing.lanes import Lanes, Point
from scripts.drawing.measure import BOLD, PLAIN, width_of


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def overlaps(self, other: "Box") -> bool:
        across = self.x < other.right and other.x < self.right
        return across and self.y < other.bottom and other.y < self.bottom


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on a line."""

    box: Box
    lines: tuple[str, ...]


MarkKind = Literal["end", "back", "on", "rest"]


@dataclass(frozen=True, slots=True)
class Mark:
    """Where something ends, or goes on elsewhere."""

    box: Box
    lines: tuple[str, ...]
    kind: MarkKind


@dataclass(frozen=True, slots=True)
class Frame:
    """What belongs together: a stage, or what is repeated."""

    box: Box
    lines: tuple[Line, ...] = ()
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line with right angles; `is_arrow`: it has a head at its end; `is_back`: it jumps."""

    points: tuple[Point, ...]
    is_arrow: bool = False
    is_back: bool = False


@dataclass(frozen=True, slots=True)
class Swatch:
    """A colour and what it means."""

    box: Box
    colour: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A free line of text; `y` is its baseline."""

    x: float
    y: float
    text: str
    size: float
    is_bold: bool = False


@dataclass(slots=True)
class Sheet:
    """Filled by the pieces as they are placed. `entry_by_step` is the left end of each step's card.

    `jumps` are those to be led when all is placed: the step to jump to, where from, and the lanes that lead there.
    """

    cards: list[tuple[Box, Card]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    swatches: list[Swatch] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)
    entry_by_step: dict[str, Point] = field(default_factory=dict)
    jumps: list[tuple[str, Point, Lanes]] = field(default_factory=list)

    def stroke(self, *points: Point, is_arrow: bool = False, is_back: bool = False) -> None:
        """Draw a line; points that add nothing are left out."""
        kept = [point for n, point in enumerate(points) if n == 0 or point != points[n - 1]]
        if len(kept) > 1:
            self.strokes.append(Stroke(tuple(kept), is_arrow, is_back))

    def boxes(self) -> Iterator[Box]:
        """Whatever takes up room."""
        yield from (box for box, _ in self.cards)
        for items in (self.marks, self.labels, self.frames, self.swatches):
            yield from (item.box for item in items)
        for line in self.headings:
            width = width_of(line.text, line.size, BOLD if line.is_bold else PLAIN)
            yield Box(line.x, line.y - line.size, width, line.size)

    def right_of(self, top: float, bottom: float) -> float:
        """How far right anything reaches between two heights, lines too; headings are not asked."""
        items = [box for box, _ in self.cards]
        for others in (self.marks, self.labels, self.frames):
            items += [item.box for item in others]
        reached = [box.right for box in items if box.y < bottom and box.bottom > top]
        pairs = (pair for stroke in self.strokes for pair in zip(stroke.points, stroke.points[1:], strict=False))
        reached += [max(one[0], two[0]) for one, two in pairs if min(one[1], two[1]) < bottom]
        return max(reached)

    def lead_jumps(self) -> None:
        """Draw the lines of all jumps that a lane leads to their step."""
        for step, begin, lanes in self.jumps:
            if step in self.entry_by_step:
                self.stroke(*lanes.route(step, begin, self.entry_by_step[step]), is_arrow=True, is_back=True)
