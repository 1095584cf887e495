"""A card: an icon, a headline, and a few lines that fit."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from scripts.drawing.measure import BOLD, PLAIN, wrap

Kind = Literal["title", "plain", "quote", "note"]

WIDTH = 290.0
MARGIN = 14.0
INDENT = 54.0
"""Where the text begins, right of the icon."""
SIZE = {"title": 14.0, "plain": 12.5, "quote": 12.5, "note": 12.0}
LEADING = {"title": 19.0, "plain": 17.0, "quote": 17.0, "note": 16.5}
_MOST = {"title": 4, "plain": 6, "quote": 2, "note": 5}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text; `kind` decides its looks."""

    text: str
    kind: Kind = "plain"


@dataclass(frozen=True, slots=True)
class Card:
    """All sizes in pixels. `name` is the step's id, `whole` all that the card says, unbroken."""

    name: str
    icon: str
    colour: str
    lines: tuple[Line, ...]
    whole: str
    is_off: bool = False
    width: float = WIDTH

    @property
    def height(self) -> float:
        return max(48.0, sum(LEADING[line.kind] for line in self.lines) + 2 * MARGIN - 4)


def make_card(name: str, look: tuple[str, str], texts: Iterable[Line], *, is_off: bool = False) -> Card:
    """A card with its texts broken; texts that are empty are left out."""
    said = [line for line in texts if line.text]
    lines = tuple(Line(piece, line.kind) for line in said for piece in fit(line, WIDTH - INDENT - MARGIN))
    return Card(name, *look, lines, "\n".join(line.text for line in said), is_off)


def fit(line: Line, width: float) -> tuple[str, ...]:
    """A text broken for `width` pixels. What runs on for too long is cut."""
    return wrap(line.text, width, SIZE[line.kind], weight_of(line.kind), _MOST[line.kind])


def weight_of(kind: Kind) -> float:
    return BOLD if kind == "title" else PLAIN
