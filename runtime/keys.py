"""Keys for encryption and signatures as they are written in settings: `id:base64 of 32 bytes`."""

import base64
import binascii
from collections.abc import Iterable


def parse_keys(entries: Iterable[str]) -> dict[str, bytes]:
    """`id:base64` entries as keys by id, in their order. Raises ValueError without showing the key."""
    keys: dict[str, bytes] = {}
    for place, entry in enumerate(entries, start=1):
        key_id, separator, encoded = entry.partition(":")
        if not separator or not key_id:
            raise ValueError(f"key {place} is not of the form id:base64")
        if key_id in keys:
            raise ValueError(f"key {place} repeats an id")
        keys[key_id] = _key(place, encoded)
    return keys


def _key(place: int, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError(f"key {place} is not base64") from None
    if len(key) != 32:
        raise ValueError(f"key {place} has {len(key)} bytes; 32 are needed")
    return key
