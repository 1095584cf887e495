"""What Temporal stores of us: compressed when that pays, encrypted when there are keys."""

import os
from collections.abc import Mapping, Sequence

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

COMPRESSED = b"binary/zstd"
ENCRYPTED = b"binary/aes-256-gcm"
_KEY_ID = "key-id"
_NONCE_BYTES = 12
_WORTH_COMPRESSING = 1_024  # bytes; below it, being readable in the Temporal UI is worth more
_LARGEST = 64 * 1024 * 1024


class UnknownKey(Exception):
    """A payload was encrypted with a key that is not among ours."""


class SojournCodec(PayloadCodec):
    """Compresses payloads of a kilobyte and more, then encrypts all with AES-256-GCM if there are keys.

    `keys` are 32 bytes each by id, the newest first: it encrypts, all decrypt.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._newest = next(iter(keys), None)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Never fails on a payload of our own; what is encoded already is encoded once more."""
        return [self._encrypted(_compressed(payload)) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Payloads that are not of this codec pass unchanged. Raises UnknownKey, ValueError if one was altered."""
        return [_decompressed(self._decrypted(payload)) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        if self._newest is None:
            return payload
        nonce, key_id = os.urandom(_NONCE_BYTES), self._newest.encode()
        sealed = self._ciphers[self._newest].encrypt(nonce, payload.SerializeToString(), key_id)
        return Payload(metadata={"encoding": ENCRYPTED, _KEY_ID: key_id}, data=nonce + sealed)

    def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCRYPTED:
            return payload
        key_id = payload.metadata.get(_KEY_ID, b"")
        cipher = self._ciphers.get(key_id.decode(errors="replace"))
        if cipher is None:
            raise UnknownKey("a payload was encrypted with a key that is not in SOJOURN_ENCRYPTION_KEYS")
        try:
            opened = cipher.decrypt(payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:], key_id)
        except InvalidTag:
            raise ValueError("an encrypted payload was altered, or its key has changed under the same id") from None
        return Payload.FromString(opened)


def _compressed(payload: Payload) -> Payload:
    plain = payload.SerializeToString()
    if len(plain) < _WORTH_COMPRESSING:
        return payload
    packed = zstandard.compress(plain)
    if len(packed) >= 0.9 * len(plain):
        return payload
    return Payload(metadata={"encoding": COMPRESSED}, data=packed)


def _decompressed(payload: Payload) -> Payload:
    if payload.metadata.get("encoding") != COMPRESSED:
        return payload
    if zstandard.get_frame_parameters(payload.data).content_size > _LARGEST:
        raise ValueError("a compressed payload claims more than 64 MB")
    return Payload.FromString(zstandard.decompress(payload.data))
