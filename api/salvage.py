"""A request of which one part cannot be read as JSON: take it apart, so that the rest can. Pure; rare."""

import re
from collections.abc import Iterator

import orjson

DEEPEST = 50_000
"""Brackets within brackets; who nests deeper only wants to keep us busy."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},:]', re.DOTALL)


class NoObject(Exception):
    """These bytes are not even the outline of a JSON object."""


def members(body: bytes) -> dict[str, bytes]:
    """The members of the object, each value as it was written. Raises NoObject."""
    found = {}
    for part in _parts(body, b"{", b"}"):
        name = _TOKEN.match(part)
        if name is None or not name.group().startswith(b'"'):
            raise NoObject
        value = part[name.end() :].lstrip()
        if not value.startswith(b":"):
            raise NoObject
        found[_name(name.group())] = value[1:].strip()
    return found


def elements(array: bytes) -> list[bytes]:
    """The elements of the array, each as it was written. Raises NoObject when it is none."""
    return list(_parts(array, b"[", b"]"))


def _name(text: bytes) -> str:
    try:
        return str(orjson.loads(text))
    except orjson.JSONDecodeError:
        return text.decode(errors="backslashreplace")


def _parts(text: bytes, opening: bytes, closing: bytes) -> Iterator[bytes]:
    """What stands between the commas of the outermost brackets."""
    text = text.strip()
    if not (text.startswith(opening) and text.endswith(closing)):
        raise NoObject
    depth, begin, end = 0, 1, 0
    for token in _TOKEN.finditer(text):
        sign = token.group()
        if sign in b"[{":
            depth += 1
            if depth > DEEPEST:
                break
        elif sign in b"]}":
            depth -= 1
        if (sign == b"," and depth == 1) or depth == 0:
            if part := text[begin : token.start()].strip():
                yield part
            begin, end = token.end(), token.end()
        if depth == 0:
            break
    if depth != 0 or end != len(text):
        raise NoObject
