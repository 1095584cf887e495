"""The pieces of a picture: each knows its size before it is placed. A column runs down, a fork stands side by side.

`axis` is how far from a piece's left edge the line comes in above and goes out below; `falls`, whether one goes out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from scripts.drawing.card import Card
from scripts.drawing.lanes import LANE, Lanes, Point
from scripts.drawing.measure import PLAIN, width_of
from scripts.drawing.sheet import Box, Frame, Label, Mark, Sheet
from scripts.drawing.ways import LEADING, SIZE

GAP = 34.0
"""Between what stands one below the other."""
APART = 30.0
"""Between columns."""
BUS = 20.0
"""From a fork to the line that spreads from it, and from there to the labels."""
NEAR = 60.0
"""A way that is so near to the middle of its fork becomes the middle."""
PADDING = 20.0


class Piece(Protocol):
    """Anything that can be placed."""

    @property
    def width(self) -> float: ...

    @property
    def height(self) -> float: ...

    @property
    def axis(self) -> float: ...

    @property
    def falls(self) -> bool: ...

    def place(self, x: float, y: float, sheet: Sheet, lanes: Lanes) -> None:
        """Draw it with its upper left corner there."""
        ...


@dataclass(frozen=True)
class Still:
    """A step's card."""

    card: Card
    falls: bool = True

    @property
    def width(self) -> float:
        return self.card.width

    @property
    def height(self) -> float:
        return self.card.height

    @property
    def axis(self) -> float:
        return self.card.width / 2

    def place(self, x: float, y: float, sheet: Sheet, lanes: Lanes) -> None:
        sheet.cards.append((Box(x, y, self.width, self.height), self.card))
        sheet.entry_by_step.setdefault(self.card.name, (x, y + self.height / 2))


@dataclass(frozen=True)
class End:
    """Where a line ends: with an outcome, at rest, or with a jump to the step `target`."""

    mark: Mark
    target: str = ""
    falls: bool = False

    @property
    def width(self) -> float:
        return self.mark.box.width

    @property
    def height(self) -> float:
        return self.mark.box.height

    @property
    def axis(self) -> float:
        return self.width / 2

    def place(self, x: float, y: float, sheet: Sheet, lanes: Lanes) -> None:
        box = Box(x, y, self.width, self.height)
        sheet.marks.append(Mark(box, self.mark.lines, self.mark.kind))
        if self.target:
            sheet.jumps.append((self.target, (x, y + self.height / 2), lanes))


@dataclass(frozen=True)
class Column:
    """Pieces one below the other. `steps` are those that stand in it, `targets` where jumps lead from within."""

    pieces: Sequence[Piece]
    steps: frozenset[str] = frozenset()
    targets: tuple[str, ...] = ()

    @cached_property
    def margin(self) -> float:
        return LANE * len(self.targets) + (LANE if self.targets else 0)

    @cached_property
    def axis(self) -> float:
        return self.margin + max((piece.axis for piece in self.pieces), default=0)

    @cached_property
    def width(self) -> float:
        return self.axis + max((piece.width - piece.axis for piece in self.pieces), default=0)

    @cached_property
    def height(self) -> float:
        return sum(piece.height for piece in self.pieces) + GAP * max(0, len(self.pieces) - 1)

    @property
    def falls(self) -> bool:
        return not self.pieces or self.pieces[-1].falls

    def place(self, x: float, y: float, sheet: Sheet, lanes: Lanes) -> None:
        own = lanes.inside(self.steps, x, self.targets) if self.targets else lanes
        for number, piece in enumerate(self.pieces):
            if number and self.pieces[number - 1].falls:
                sheet.stroke((x + self.axis, y - GAP), (x + self.axis, y), is_arrow=True)
            piece.place(x + self.axis - piece.axis, y, sheet, own)
            y += piece.height + GAP


@dataclass(frozen=True)
class Slot:
    """One way of a fork: its label, and the column below it; one without pieces leads straight on."""

    label: tuple[str, ...]
    column: Column

    @cached_property
    def label_width(self) -> float:
        return max((width_of(line, SIZE, PLAIN) for line in self.label), default=0) + 20

    @cached_property
    def axis(self) -> float:
        return max(self.column.axis, self.label_width / 2)

    @cached_property
    def width(self) -> float:
        return self.axis + max(self.column.width - self.column.axis, self.label_width / 2)

    @property
    def label_height(self) -> float:
        return LEADING * len(self.label) + 8 if self.label else 0.0


@dataclass(frozen=True)
class Fork:
    """A card, and its ways side by side. What comes out of them joins below."""

    head: Still
    slots: Sequence[Slot]

    @cached_property
    def lefts(self) -> list[float]:
        """The left edge of each slot, from the first's."""
        edges = [0.0]
        for slot in self.slots:
            edges.append(edges[-1] + slot.width + APART)
        return edges[:-1]

    @cached_property
    def _spine(self) -> float:
        """The axis, from the left edge of the first slot: on the way that is straight, or in the middle."""
        axes = [left + slot.axis for left, slot in zip(self.lefts, self.slots, strict=True)]
        straight = [axis for axis, slot in zip(axes, self.slots, strict=True) if not slot.column.pieces]
        middle = (axes[0] + axes[-1]) / 2
        near = [axis for axis in axes if abs(axis - middle) < NEAR]
        return [*straight, *near, middle][0]

    @cached_property
    def axis(self) -> float:
        return max(self._spine, self.head.axis)

    @cached_property
    def width(self) -> float:
        return self.axis + max(self.lefts[-1] + self.slots[-1].width - self._spine, self.head.axis)

    @cached_property
    def _label_height(self) -> float:
        return max(slot.label_height for slot in self.slots)

    @cached_property
    def _top(self) -> float:
        """Where the columns begin, from the top."""
        return self.head.height + 2 * BUS + self._label_height + GAP - 8

    @cached_property
    def height(self) -> float:
        deepest = self._top + max(slot.column.height for slot in self.slots)
        return deepest + 2 * BUS if self.falls else deepest

    @property
    def falls(self) -> bool:
        return any(slot.column.falls for slot in self.slots)

    def place(self, x: float, y: float, sheet: Sheet, lanes: Lanes) -> None:
        self.head.place(x + self.axis - self.head.axis, y, sheet, lanes)
        spine, begin = x + self.axis, x + self.axis - self._spine
        for left, slot in zip(self.lefts, self.slots, strict=True):
            self._place_slot(slot, begin + left, y, spine, sheet, lanes)

    def _place_slot(self, slot: Slot, left: float, y: float, spine: float, sheet: Sheet, lanes: Lanes) -> None:
        axis, bus = left + slot.axis, y + self.head.height + BUS
        middle = bus + BUS + self._label_height / 2
        has_column = bool(slot.column.pieces)
        down = y + self._top if has_column else y + self.height
        ends = (
            ((axis, down),) if has_column else ((axis, down - (0 if axis == spine else BUS)), (spine, y + self.height))
        )
        _spread(sheet, (spine, y + self.head.height), bus, axis, ends, has_column)
        if slot.label:
            box = Box(axis - slot.label_width / 2, middle - slot.label_height / 2, slot.label_width, slot.label_height)
            sheet.labels.append(Label(box, slot.label))
        slot.column.place(axis - slot.column.axis, y + self._top, sheet, lanes.below(bus + BUS / 2))
        if has_column and slot.column.falls:
            join = y + self.height - BUS
            sheet.stroke((axis, y + self._top + slot.column.height), (axis, join), (spine, join), (spine, join + BUS))


def _spread(sheet: Sheet, begin: Point, bus: float, axis: float, ends: tuple[Point, ...], is_arrow: bool) -> None:
    """From a fork's card across to a way's axis and down it."""
    corners = [begin, (begin[0], bus), (axis, bus), ends[0]]
    if len(ends) > 1:
        corners += [(ends[1][0], ends[0][1]), ends[1]]
    sheet.stroke(*corners, is_arrow=is_arrow)


@dataclass(frozen=True)
class Loop:
    """What is repeated, in a frame: the card that counts, its block, and the line back."""

    head: Still
    body: Column
    falls: bool = True

    @cached_property
    def axis(self) -> float:
        return PADDING + LANE + max(self.head.axis, self.body.axis)

    @cached_property
    def width(self) -> float:
        right = max(self.head.width - self.head.axis, self.body.width - self.body.axis)
        return self.axis + right + PADDING

    @cached_property
    def height(self) -> float:
        return PADDING + self.head.height + GAP + self.body.height + BUS + PADDING

    def place(self, x: float, y: float, sheet: Sheet, lanes: Lanes) -> None:
        sheet.frames.append(Frame(Box(x, y, self.width, self.height), is_dashed=True))
        axis, top = x + self.axis, y + PADDING
        self.head.place(axis - self.head.axis, top, sheet, lanes)
        begins = top + self.head.height + GAP
        sheet.stroke((axis, y), (axis, top))
        sheet.stroke((axis, begins - GAP), (axis, begins), is_arrow=True)
        self.body.place(axis - self.body.axis, begins, sheet, Lanes())
        if self.body.falls:
            self._lead_back(x, axis, begins + self.body.height, sheet)
        sheet.stroke((axis, y + self.height - PADDING), (axis, y + self.height))

    def _lead_back(self, x: float, axis: float, bottom: float, sheet: Sheet) -> None:
        left = x + PADDING / 2 + 2
        entry = sheet.entry_by_step[self.head.card.name]
        join = bottom + BUS
        sheet.stroke((axis, bottom), (axis, join))
        sheet.stroke((axis, join), (left, join), (left, entry[1]), entry, is_arrow=True, is_back=True)
