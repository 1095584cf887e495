"""A sheet as SVG text: the same sheet, the same bytes. It needs nothing from elsewhere."""

from collections.abc import Iterator
from xml.etree import ElementTree as Tree

from scripts.drawing import palette
from scripts.drawing.building import MARK_LEADING, MARK_SIZE
from scripts.drawing.card import INDENT, LEADING, MARGIN, SIZE, Card, Line
from scripts.drawing.lanes import Point
from scripts.drawing.sheet import Box, Frame, Label, Mark, Sheet, Stroke
from scripts.drawing.ways import LEADING as LABEL_LEADING
from scripts.drawing.ways import SIZE as LABEL_SIZE

FONTS = "Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Noto Sans', 'DejaVu Sans', sans-serif"
_ROUND = 9.0
_HEAD = 8.0
_LOOKS = {
    "title": {"font-weight": "600", "fill": palette.INK},
    "plain": {"fill": palette.SOFT},
    "quote": {"fill": palette.INK},
    "note": {"fill": palette.SOFT, "font-style": "italic"},
}
_MARKS = {
    "end": (palette.INK, palette.STOP),
    "back": (palette.PURPLE, palette.BACK),
    "on": (palette.PURPLE, palette.ON),
    "rest": (palette.SLATE, palette.LOOKS["rest"][0]),
}


def to_svg(sheet: Sheet, title: str, description: str, width: float, height: float) -> str:
    """The whole picture; `width` and `height` in pixels."""
    root = _picture(title, description, width, height)
    _add(root, "rect", width=width, height=height, fill=palette.PAPER)
    for frame in sheet.frames:
        _frame(root, frame)
    for stroke in sorted(sheet.strokes, key=lambda stroke: stroke.is_back):
        _stroke(root, stroke)
    for label in sheet.labels:
        _label(root, label)
    for mark in sheet.marks:
        _mark(root, mark)
    for box, card in sheet.cards:
        _card(root, box, card)
    _headings(root, sheet)
    Tree.indent(root, space=" ")
    return Tree.tostring(root, encoding="unicode") + "\n"


def _picture(title: str, description: str, width: float, height: float) -> Tree.Element:
    root = Tree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "font-family": FONTS})
    root.set("aria-labelledby", "title description")
    root.set("width", _number(width))
    root.set("height", _number(height))
    root.set("viewBox", f"0 0 {_number(width)} {_number(height)}")
    _add(root, "title", id="title").text = title
    _add(root, "desc", id="description").text = description
    return root


def _add(parent: Tree.Element, tag: str, **attributes: str | float) -> Tree.Element:
    written = {name.replace("_", "-"): _number(value) for name, value in attributes.items()}
    return Tree.SubElement(parent, tag, written)


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")


def _rectangle(parent: Tree.Element, box: Box, radius: float, **attributes: str | float) -> Tree.Element:
    return _add(parent, "rect", x=box.x, y=box.y, width=box.width, height=box.height, rx=radius, **attributes)


def _text(parent: Tree.Element, x: float, y: float, text: str, size: float, **attributes: str) -> None:
    _add(parent, "text", x=x, y=y, font_size=size, **attributes).text = text


def _icon(parent: Tree.Element, path: str, x: float, y: float, size: float, colour: str = "#ffffff") -> None:
    """The icon's upper left corner, and how large it becomes."""
    place = f"translate({_number(x)} {_number(y)}) scale({size / 24:.3f})"
    stroke: dict[str, str | float] = {
        "stroke": colour,
        "stroke_width": 1.9,
        "stroke_linecap": "round",
        "stroke_linejoin": "round",
    }
    _add(parent, "path", d=path, transform=place, fill="none", **stroke)


def _frame(root: Tree.Element, frame: Frame) -> None:
    dashes = {"stroke_dasharray": "6 5"} if frame.is_dashed else {}
    _rectangle(root, frame.box, 14, fill=palette.FRAME, stroke=palette.EDGE, stroke_width=1.4, **dashes)
    _lines(root, frame.box.x + 20, frame.box.y + 12, frame.lines)


def _lines(parent: Tree.Element, x: float, y: float, lines: tuple[Line, ...]) -> None:
    """Lines of a card, the first one's top at `y`."""
    for line in lines:
        y += LEADING[line.kind]
        _text(parent, x, y - 4.5, line.text, SIZE[line.kind], **_LOOKS[line.kind])


def _card(root: Tree.Element, box: Box, card: Card) -> None:
    group = _add(root, "g", opacity="0.55") if card.is_off else _add(root, "g")
    _add(group, "title").text = f"{card.whole}\n({card.name})" if card.name else card.whole
    _rectangle(group, box, 11, fill=palette.CARD, stroke=palette.EDGE, stroke_width=1.2)
    _add(group, "circle", cx=box.x + 28, cy=box.y + 27, r=16.5, fill=card.colour)
    _icon(group, card.icon, box.x + 18, box.y + 17, 20)
    first = LEADING["title"] * sum(line.kind == "title" for line in card.lines)
    is_single = len(card.lines) == 1
    top = box.y + (box.height - first) / 2 if is_single else box.y + MARGIN - 2
    _lines(group, box.x + INDENT, top, card.lines)


def _label(root: Tree.Element, label: Label) -> None:
    box = label.box
    _rectangle(root, box, min(12, box.height / 2), fill=palette.CARD, stroke=palette.LINE, stroke_width=1)
    for number, line in enumerate(label.lines, start=1):
        y = box.y + number * LABEL_LEADING - 0.8
        _text(root, box.x + box.width / 2, y, line, LABEL_SIZE, fill=palette.INK, text_anchor="middle")


def _mark(root: Tree.Element, mark: Mark) -> None:
    colour, icon = _MARKS[mark.kind]
    group = _add(root, "g")
    _add(group, "title").text = " ".join(mark.lines)
    _rectangle(group, mark.box, min(16, mark.box.height / 2), fill=colour)
    _icon(group, icon, mark.box.x + 12, mark.box.y + (mark.box.height - 18) / 2, 18)
    for number, line in enumerate(mark.lines, start=1):
        y = mark.box.y + number * MARK_LEADING + 2
        _text(group, mark.box.x + 36, y, line, MARK_SIZE, fill="#ffffff", font_weight="600")


def _stroke(root: Tree.Element, stroke: Stroke) -> None:
    colour = palette.PURPLE if stroke.is_back else palette.LINE
    _add(root, "path", d=" ".join(_path(stroke.points)), fill="none", stroke=colour, stroke_width=1.7)
    if stroke.is_arrow:
        _add(root, "path", d=_head(*stroke.points[-2:]), fill=colour)


def _path(points: tuple[Point, ...]) -> Iterator[str]:
    """Straight lines with rounded corners."""
    yield f"M{_at(points[0])}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(_ROUND, _distance(before, corner) / 2, _distance(corner, after) / 2)
        yield f"L{_at(_towards(corner, before, radius))}"
        yield f"Q{_at(corner)} {_at(_towards(corner, after, radius))}"
    yield f"L{_at(points[-1])}"


def _head(before: Point, tip: Point) -> str:
    """The triangle at the end of a line."""
    x, y = _towards(tip, before, _HEAD)
    across = (_HEAD / 2, 0.0) if before[0] == tip[0] else (0.0, _HEAD / 2)
    corners = [(x + across[0], y + across[1]), (x - across[0], y - across[1])]
    return f"M{_at(tip)} L{_at(corners[0])} L{_at(corners[1])} Z"


def _towards(point: Point, other: Point, length: float) -> Point:
    distance = _distance(point, other) or 1.0
    return (
        point[0] + (other[0] - point[0]) * length / distance,
        point[1] + (other[1] - point[1]) * length / distance,
    )


def _distance(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _at(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _headings(root: Tree.Element, sheet: Sheet) -> None:
    for swatch in sheet.swatches:
        _rectangle(root, swatch.box, 5, fill=swatch.colour)
    for heading in sheet.headings:
        looks = {"font_weight": "700", "fill": palette.INK} if heading.is_bold else {"fill": palette.SOFT}
        _text(root, heading.x, heading.y, heading.text, heading.size, **looks)
