import base64
import os
from datetime import timedelta

import pytest
from pydantic import BaseModel
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from runtime.codec import COMPRESSED, ENCRYPTED, SojournCodec, UnknownKey
from runtime.settings import load_settings
from runtime.temporal import connect, data_converter
from runtime.temporal_server import temporary_temporal

OLD, NEW = os.urandom(32), os.urandom(32)
SHORT = Payload(metadata={"encoding": b"json/plain"}, data=b'"+15005550006"')
LONG = Payload(metadata={"encoding": b"json/plain"}, data=b'"' + b"again and " * 1_000 + b'"')
NOISE = Payload(metadata={"encoding": b"binary/plain"}, data=os.urandom(4_096))


def written(key_id: str, key: bytes) -> str:
    return f"{key_id}:{base64.b64encode(key).decode()}"


class Letter(BaseModel):
    recipient: str
    text: str


@pytest.mark.parametrize("keys", [{}, {"new": NEW}, {"new": NEW, "old": OLD}])
async def test_what_is_encoded_decodes_to_the_same(keys: dict[str, bytes]) -> None:
    codec = SojournCodec(keys)
    payloads = [SHORT, LONG, NOISE, Payload()]

    assert await codec.decode(await codec.encode(payloads)) == payloads


async def test_without_keys_only_what_shrinks_is_compressed() -> None:
    encoded = await SojournCodec({}).encode([SHORT, LONG, NOISE])

    assert [payload.metadata["encoding"] for payload in encoded] == [b"json/plain", COMPRESSED, b"binary/plain"]
    assert len(encoded[1].data) < len(LONG.data) / 10


async def test_with_keys_nothing_is_readable_and_equal_payloads_look_different() -> None:
    encoded = await SojournCodec({"new": NEW}).encode([SHORT, SHORT])

    assert {payload.metadata["encoding"] for payload in encoded} == {ENCRYPTED}
    assert encoded[0].data != encoded[1].data
    assert b"15005550006" not in b"".join(payload.SerializeToString() for payload in encoded)


async def test_after_a_rotation_old_payloads_decode_and_new_ones_use_the_new_key() -> None:
    before = await SojournCodec({"old": OLD}).encode([SHORT])
    rotated = SojournCodec({"new": NEW, "old": OLD})

    assert await rotated.decode(before) == [SHORT]
    assert (await rotated.encode([SHORT]))[0].metadata["key-id"] == b"new"
    with pytest.raises(UnknownKey):
        await SojournCodec({"new": NEW}).decode(before)


async def test_an_altered_payload_is_refused() -> None:
    codec = SojournCodec({"new": NEW})
    (encoded,) = await codec.encode([SHORT])
    altered = Payload(metadata=encoded.metadata, data=encoded.data[:-1] + bytes([encoded.data[-1] ^ 1]))

    with pytest.raises(ValueError, match="altered"):
        await codec.decode([altered])


async def test_with_keys_the_texts_of_failures_are_encrypted_too() -> None:
    failure = Failure()
    await data_converter([written("new", NEW)]).encode_failure(ApplicationError("Ann is not there"), failure)

    assert b"Ann" not in failure.SerializeToString()


async def test_temporal_keeps_only_the_encrypted_form() -> None:
    letter = Letter(recipient="+15005550006", text="Hello")
    async with temporary_temporal() as address:
        settings = load_settings(temporal_address=address, encryption_keys=written("new", NEW))
        client = await connect(settings, patience=timedelta(seconds=5))
        handle = await client.start_workflow("Nobody", letter, id="letter", task_queue="none")

        history = await handle.fetch_history()

    payload = history.events[0].workflow_execution_started_event_attributes.input.payloads[0]
    assert payload.metadata["encoding"] == ENCRYPTED
    assert b"15005550006" not in b"".join(event.SerializeToString() for event in history.events)


async def test_connecting_waits_for_a_temporal_that_is_not_there_yet_only_as_long_as_it_may() -> None:
    settings = load_settings(temporal_address="127.0.0.1:9")

    with pytest.raises(RuntimeError):
        await connect(settings, patience=timedelta(seconds=0.5))
    assert await connect(settings, lazy=True)
