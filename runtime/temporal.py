"""The connection to Temporal and how what we send there is written."""

import asyncio
import dataclasses
import random
from collections.abc import Iterable
from datetime import timedelta

from temporalio.client import Client
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import CompositePayloadConverter, DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.service import RPCError

from runtime.codec import SojournCodec
from runtime.keys import parse_keys
from runtime.settings import Settings

_CONVERTERS = tuple(PydanticPayloadConverter().converters.values())


class SharedPydanticConverter(CompositePayloadConverter):
    """Pydantic's converter; the SDK makes one for each activation, so all share what is costly to make."""

    def __init__(self) -> None:
        super().__init__(*_CONVERTERS)


def data_converter(keys: Iterable[str] = ()) -> DataConverter:
    """Pydantic models as JSON through our codec; with keys (`id:base64`) also the texts of failures are encrypted."""
    parsed = parse_keys(keys)
    converter = DataConverter(payload_converter_class=SharedPydanticConverter, payload_codec=SojournCodec(parsed))
    if not parsed:
        return converter
    return dataclasses.replace(converter, failure_converter_class=DefaultFailureConverterWithEncodedAttributes)


def settings_converter(settings: Settings) -> DataConverter:
    """The data converter that these settings' encryption keys make."""
    return data_converter(key.get_secret_value() for key in settings.encryption_keys)


async def connect(settings: Settings, *, lazy: bool = False, patience: timedelta = timedelta(0)) -> Client:
    """A client of the settings' Temporal and namespace.

    `lazy` connects at the first call, so that Temporal may be away (not for workers). Otherwise it is tried again,
    with back-off, until `patience` ends; then RPCError or RuntimeError of the last try is raised.
    """
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + patience.total_seconds(), 0.1
    while True:
        try:
            return await Client.connect(
                settings.temporal_address,
                namespace=settings.temporal_namespace,
                data_converter=settings_converter(settings),
                lazy=lazy,
            )
        except (RPCError, RuntimeError):
            if loop.time() + pause > deadline:
                raise
        await asyncio.sleep(pause * random.uniform(0.5, 1))
        pause = min(pause * 2, 5.0)
