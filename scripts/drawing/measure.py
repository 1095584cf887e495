"""How wide a text may become, and how to break it into lines. The fonts of whoever looks are not known here."""

import unicodedata

BOLD = 1.0
PLAIN = 0.92
"""A plain letter beside a bold one."""

_EMS = {
    0.35: " 'ijlí",
    0.4: ",./:;IJ\\|‘’·Í",
    0.45: "-f",
    0.5: "!()[]_`rt–",
    0.55: '"*г',
    0.6: "?cszзстэç",
    0.65: "LxГвхья«»",
    0.7: "$0123456789EFTaekovyЕТабекнопуч“”€₽áéóâêôãõöäàÉЁё",
    0.75: "CPSYZbdghnpqu{}ЗРСЭийлрцúñüßÇÑ",
    0.8: "ABKRVXАБВУХЬЯъÁÂÃ",
    0.85: "#+<=>DGHNU^~ИЙКЛНПЧдм→←↩Ú",
    0.9: "&OQДОÓÕ",
    0.95: "wЦЪы",
    1.05: "@MМФжфю…—%mЫ",
    1.15: "шWщ",
    1.25: "ЖШ№Ю",
    1.35: "Щ",
}
_EM_BY_LETTER = {letter: ems for ems, letters in _EMS.items() for letter in letters}
"""Of DejaVu Sans Bold, the widest of the fonts that the picture asks for."""
_UNKNOWN = 1.2


def width_of(text: str, size: float, weight: float = BOLD) -> float:
    """The width in pixels that a line does not exceed; `size` is the font's, in pixels."""
    ems = sum(0 if unicodedata.combining(letter) else _EM_BY_LETTER.get(letter, _UNKNOWN) for letter in text)
    return ems * size * weight


def wrap(text: str, width: float, size: float, weight: float = BOLD, most: int = 99) -> tuple[str, ...]:
    """Lines no wider than `width` pixels. Words that are too long are broken; after `most` lines it ends with `…`."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        for piece in _pieces(word, width, size, weight):
            longer = f"{line} {piece}" if line else piece
            if line and width_of(longer, size, weight) > width:
                lines.append(line)
                longer = piece
            line = longer
    lines.append(line)
    return tuple(lines) if len(lines) <= most else (*lines[: most - 1], _cut(lines[most - 1], width, size, weight))


def _pieces(word: str, width: float, size: float, weight: float) -> list[str]:
    """A word, broken where it must be: after an underscore, a dot or a slash, if one is near."""
    pieces = []
    while width_of(word, size, weight) > width:
        end = next(n for n in range(len(word), 0, -1) if n == 1 or width_of(word[:n], size, weight) <= width)
        soft = max(word.rfind(mark, 0, end) for mark in "_./-") + 1
        cut = soft if soft > end // 2 else end
        pieces.append(word[:cut])
        word = word[cut:]
    return [*pieces, word]


def _cut(line: str, width: float, size: float, weight: float) -> str:
    while line and width_of(f"{line}…", size, weight) > width:
        line = line[:-1]
    return f"{line.rstrip(' ,.;:')}…"
