import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload, Payloads

from api.app import create_app
from runtime.codec import SojournCodec
from runtime.keys import parse_keys
from runtime.settings import Settings

KEYS = f"k1:{base64.b64encode(bytes(32)).decode()}"
UI = "http://127.0.0.1:8233"
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps({"name": "Ana " * 500}).encode())


@asynccontextmanager
async def door(client: tuple[str, int] = ("127.0.0.1", 9), **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    keys = {"encryption_keys": (SecretStr(KEYS),), "api_keys": (SecretStr("staff"),), "temporal_ui_url": UI}
    app = create_app(Settings(**keys | settings))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, client=client), base_url="http://api") as api:
        yield api


def as_json(*payloads: Payload) -> Any:
    return MessageToDict(Payloads(payloads=payloads))


async def encrypted() -> Any:
    return as_json(*await SojournCodec(parse_keys([KEYS])).encode([PLAIN]))


async def test_what_we_encrypted_is_decoded() -> None:
    async with door() as api:
        answer = await api.post("/codec/decode", json=await encrypted(), headers={"X-Namespace": "default"})
    assert answer.json() == as_json(PLAIN)


async def test_what_is_encoded_is_unreadable_and_comes_back() -> None:
    async with door() as api:
        encoded = (await api.post("/codec/encode", json=as_json(PLAIN, PLAIN))).json()
        decoded = (await api.post("/codec/decode", json=encoded)).json()
    assert encoded != as_json(PLAIN, PLAIN)
    assert decoded == as_json(PLAIN, PLAIN)


@pytest.mark.parametrize("origin", [UI, "http://localhost:8233"])
async def test_browser_may_show_it_on_pages_of_the_temporal_ui(origin: str) -> None:
    asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    async with door() as api:
        preflight = await api.options("/codec/decode", headers=asks)
        answer = await api.post("/codec/decode", json=await encrypted(), headers={"Origin": origin})
    assert preflight.status_code == 204
    for each in (preflight, answer):
        assert each.headers["access-control-allow-origin"] == origin
        assert each.headers["vary"] == "Origin"
    assert "x-namespace" in preflight.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    ("client", "headers", "settings"),
    [
        (("10.0.0.7", 9), {}, {}),
        (("127.0.0.1", 9), {"Origin": "https://elsewhere.test"}, {}),
        (("127.0.0.1", 9), {"X-Forwarded-For": "10.0.0.7"}, {}),
        (("127.0.0.1", 9), {"Authorization": "Bearer guess"}, {"environment": "production"}),
        (("127.0.0.1", 9), {}, {"host": "0.0.0.0"}),
    ],
    ids=["another machine", "a foreign page", "through a proxy", "production", "reachable from elsewhere"],
)
async def test_others_need_an_api_key(client: Any, headers: dict[str, str], settings: dict[str, Any]) -> None:
    async with door(client, **settings) as api:
        refused = await api.post("/codec/decode", json=await encrypted(), headers=headers)
        admitted = await api.post(
            "/codec/decode", json=await encrypted(), headers={**headers, "Authorization": "Bearer staff"}
        )
    assert refused.status_code == 401
    assert "access-control-allow-origin" not in refused.headers
    assert admitted.json() == as_json(PLAIN)
    assert "access-control-allow-origin" not in admitted.headers


@pytest.mark.parametrize("body", [b"", b"{", b'{"payloads": [{"data": 7}]}', b"\xff"])
async def test_what_are_no_payloads_is_a_problem(body: bytes) -> None:
    async with door() as api:
        answer = await api.post("/codec/decode", content=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_lost_key_is_told_to_the_ui() -> None:
    other = f"k2:{base64.b64encode(bytes(range(32))).decode()}"
    async with door(encryption_keys=(SecretStr(other),)) as api:
        answer = await api.post("/codec/decode", json=await encrypted(), headers={"Origin": UI})
    assert answer.status_code == 400
    assert "SOJOURN_ENCRYPTION_KEYS" in answer.json()["detail"]
    assert answer.headers["access-control-allow-origin"] == UI
