"""How many parts a text costs as an SMS: GSM-7 where every character allows it, UCS-2 otherwise."""

from collections.abc import Iterable
from typing import Literal

Encoding = Literal["gsm7", "ucs2"]

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
_SINGLE: dict[Encoding, int] = {"gsm7": 160, "ucs2": 70}
_PART: dict[Encoding, int] = {"gsm7": 153, "ucs2": 67}


def encoding_of(text: str) -> Encoding:
    """The alphabet a network needs for this text."""
    return "gsm7" if all(character in _BASIC or character in _EXTENSION for character in text) else "ucs2"


def count_segments(text: str) -> int:
    """The number of SMS parts, at least 1. A two-unit character (`€`, an emoji) is never torn between two parts."""
    encoding = encoding_of(text)
    sizes = [_size(character, encoding) for character in text]
    return 1 if sum(sizes) <= _SINGLE[encoding] else _parts(sizes, _PART[encoding])


def _size(character: str, encoding: Encoding) -> int:
    if encoding == "gsm7":
        return 2 if character in _EXTENSION else 1
    return 2 if ord(character) > 0xFFFF else 1


def _parts(sizes: Iterable[int], capacity: int) -> int:
    parts, used = 1, 0
    for size in sizes:
        if used + size > capacity:
            parts, used = parts + 1, 0
        used += size
    return parts
