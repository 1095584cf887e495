"""The whole picture: the heading, the steps or the stages, and beside them what holds everywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from language.journey import Journey, Stage
from language.message import Message
from scripts.drawing import palette
from scripts.drawing.building import Builder, end_mark, rest_mark
from scripts.drawing.card import LEADING, WIDTH, Line, fit
from scripts.drawing.head import notes, start_card
from scripts.drawing.lanes import Lanes
from scripts.drawing.measure import BOLD, PLAIN, wrap
from scripts.drawing.piece import APART, GAP, Column, Still
from scripts.drawing.sheet import Box, Frame, Heading, Sheet, Swatch
from scripts.drawing.svg import to_svg
from scripts.drawing.telling import classes_of

EDGE = 40.0
ROW = 2450.0
"""Stages stand side by side up to this width in pixels."""
FRAME_PADDING = 26.0
LARGE, SMALL = 24.0, 13.5
_MEANING_BY_CLASS = {
    "transactional": "transactional: always goes out",
    "service": "service: heeds quiet hours and opt-outs",
    "promotional": "promotional: heeds all limits",
}


def draw(journey: Journey, messages: Mapping[str, Message]) -> str:
    """The SVG text. Messages that are not at hand are only named."""
    sheet = lay_out(journey, messages)
    right = max(box.right for box in sheet.boxes())
    bottom = max(box.bottom for box in sheet.boxes())
    title = journey.title or journey.journey
    return to_svg(sheet, title, journey.description or f"The journey {title}", right + EDGE, bottom + EDGE)


def lay_out(journey: Journey, messages: Mapping[str, Message]) -> Sheet:
    """Everything in its place."""
    sheet, builder = Sheet(), Builder.of(journey, messages)
    column = builder.column(journey.steps, end=end_mark("End: completed"))
    start = Still(start_card(journey))
    column = replace(column, pieces=[start] if journey.stages else [start, *column.pieces])
    beside = [Still(card) for card in notes(journey)]
    stages = [_StageFrame.of(name, stage, builder) for name, stage in journey.stages.items()]
    top = _heading(sheet, journey, max(column.width, (3 if stages else 2) * (WIDTH + APART)))
    if stages:
        _stages(sheet, stages, _across(sheet, journey, messages, [start, *beside], top))
    else:
        column.place(EDGE, top, sheet, Lanes())
    sheet.lead_jumps()
    if not stages:
        bottom = top + sum(piece.height + APART for piece in beside) + 4 * APART
        _down(sheet, journey, messages, beside, sheet.right_of(top, bottom) + 2 * APART, top)
    return sheet


def _heading(sheet: Sheet, journey: Journey, width: float) -> float:
    """Title, owner and description; returns where the picture itself begins."""
    y = EDGE
    for text in wrap(journey.title or journey.journey, width, LARGE, BOLD):
        y += LARGE + 4
        sheet.headings.append(Heading(EDGE, y - 6, text, LARGE, is_bold=True))
    owner = f"{journey.journey}   ·   owner: {journey.owner}" if journey.owner else journey.journey
    for text in (*wrap(owner, width, SMALL, PLAIN), *wrap(journey.description or "", width, SMALL, PLAIN)):
        y += SMALL + 7
        sheet.headings.append(Heading(EDGE, y, text, SMALL))
    return y + GAP


def _across(
    sheet: Sheet, journey: Journey, messages: Mapping[str, Message], pieces: Sequence[Still], top: float
) -> float:
    """The notes in a row; returns where they end."""
    x = EDGE
    for piece in pieces:
        piece.place(x, top, sheet, Lanes())
        x += piece.width + APART
    legend = _legend(sheet, journey, messages, x, top + 8)
    return max([legend, *(top + piece.height for piece in pieces)]) + GAP


def _down(
    sheet: Sheet, journey: Journey, messages: Mapping[str, Message], pieces: Sequence[Still], x: float, y: float
) -> None:
    """The notes one below the other."""
    for piece in pieces:
        piece.place(x, y, sheet, Lanes())
        y += piece.height + APART / 2
    _legend(sheet, journey, messages, x, y + 8)


def _legend(sheet: Sheet, journey: Journey, messages: Mapping[str, Message], x: float, y: float) -> float:
    """What the colours of messages mean; returns where it ends."""
    used = {name for step in journey.every_step() for name in classes_of(step, messages)}
    for name, meaning in _MEANING_BY_CLASS.items():
        if name in used:
            sheet.swatches.append(Swatch(Box(x, y, 14, 14), palette.COLOUR_BY_CLASS[name]))
            sheet.headings.append(Heading(x + 24, y + 11.5, meaning, 12.5))
            y += 23
    return y


@dataclass(frozen=True)
class _StageFrame:
    """A stage: its name, what else is said of it, and its steps."""

    lines: tuple[Line, ...]
    column: Column

    @classmethod
    def of(cls, name: str, stage: Stage, builder: Builder) -> "_StageFrame":
        column = builder.column(stage.steps, end=rest_mark("Wait for the next status"))
        texts = [Line(name, "title")]
        texts += [Line(f"also: {', '.join(stage.statuses)}")] if stage.statuses else []
        texts += [Line("the same status again starts it anew")] if stage.restart else []
        texts += [Line(f"{stage.control:g}% are held out")] if stage.control else []
        width = max(column.width, WIDTH)
        return cls(tuple(Line(piece, text.kind) for text in texts for piece in fit(text, width)), column)

    @property
    def head(self) -> float:
        return sum(LEADING[line.kind] for line in self.lines) + 32

    @property
    def width(self) -> float:
        return max(self.column.width, WIDTH) + 2 * FRAME_PADDING

    @property
    def height(self) -> float:
        return self.head + self.column.height + FRAME_PADDING

    def place(self, x: float, y: float, sheet: Sheet) -> None:
        sheet.frames.append(Frame(Box(x, y, self.width, self.height), self.lines))
        self.column.place(x + (self.width - self.column.width) / 2, y + self.head, sheet, Lanes())


def _stages(sheet: Sheet, frames: Sequence[_StageFrame], y: float) -> None:
    """In rows, in their order."""
    rows: list[list[_StageFrame]] = [[]]
    for frame in frames:
        if rows[-1] and sum(other.width + APART for other in rows[-1]) + frame.width > ROW:
            rows.append([])
        rows[-1].append(frame)
    for row in rows:
        x = EDGE
        for frame in row:
            frame.place(x, y, sheet)
            x += frame.width + APART
        y += max(frame.height for frame in row) + APART
