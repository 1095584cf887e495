"""Decodes for the Temporal UI what we encrypt: its remote codec protocol. The payloads pass through its browser."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from temporalio.api.common.v1 import Payload, Payloads

from api.problem import PROBLEMS, Problem
from api.security import bearer, require_api_key
from runtime.codec import SojournCodec, UnknownKey
from runtime.keys import parse_keys
from runtime.settings import Settings, is_loopback

Coding = Callable[[Sequence[Payload]], Awaitable[list[Payload]]]

_EXAMPLE = {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "eyJhIjoxfQ=="}]}
_PAYLOADS = {
    "type": "object",
    "description": "Temporal's `Payloads` as JSON; bytes are Base64.",
    "properties": {"payloads": {"type": "array", "items": {"type": "object"}}},
    "example": _EXAMPLE,
}
_CONTENT: dict[str, Any] = {"content": {"application/json": {"schema": _PAYLOADS}}}
_DOCUMENTED: dict[str, Any] = {
    "openapi_extra": {"requestBody": {"required": True, **_CONTENT}},
    "responses": {**PROBLEMS, 200: {"description": "The payloads, in their order.", **_CONTENT}},
    "response_class": Response,
}


class CodecDoor:
    """Who may ask: whoever has an API key; in development also this machine, if the API cannot be reached from others.

    Browsers let only pages of the Temporal UI read the answers.
    """

    def __init__(self, settings: Settings) -> None:
        self._is_open_here = not settings.is_guarded
        self._origins = _origins(settings.temporal_ui_url)

    async def admit(
        self, request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
    ) -> None:
        """A dependency. Raises Problem."""
        if not self._is_at_home(request):
            await require_api_key(request, given)

    def headers(self, request: Request) -> dict[str, str]:
        """What the browser of a page of the Temporal UI needs to hear."""
        origin = request.headers.get("origin")
        if origin not in self._origins:
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "authorization, content-type, x-namespace",
            "Access-Control-Max-Age": "600",
        }

    def _is_at_home(self, request: Request) -> bool:
        """Not through a proxy, and not on behalf of a foreign page in somebody's browser."""
        is_direct = request.client is not None and is_loopback(request.client.host)
        is_forwarded = "x-forwarded-for" in request.headers or "forwarded" in request.headers
        is_foreign = request.headers.get("origin") not in (None, *self._origins)
        return self._is_open_here and is_direct and not is_forwarded and not is_foreign


def codec_router(settings: Settings) -> APIRouter:
    """`/codec/encode` and `/codec/decode`."""
    codec = SojournCodec(parse_keys(key.get_secret_value() for key in settings.encryption_keys))
    door = CodecDoor(settings)
    router = APIRouter(prefix="/codec", tags=["operating"])
    admitted = [Depends(door.admit)]

    @router.options("/{what}", include_in_schema=False)
    async def preflight(request: Request, what: str) -> Response:
        return Response(status_code=204, headers=door.headers(request))

    @router.post("/encode", summary="Encode payloads", dependencies=admitted, **_DOCUMENTED)
    async def encode(request: Request) -> Response:
        """As we write them to Temporal: compressed, and encrypted where there are keys."""
        return await _coded(request, codec.encode, door.headers(request))

    @router.post("/decode", summary="Decode payloads", dependencies=admitted, **_DOCUMENTED)
    async def decode(request: Request) -> Response:
        """For the Temporal UI (its setting "Codec Server") and `temporal --codec-endpoint`."""
        return await _coded(request, codec.decode, door.headers(request))

    return router


async def _coded(request: Request, coding: Coding, headers: dict[str, str]) -> Response:
    try:
        given = Parse(await request.body(), Payloads(), ignore_unknown_fields=True)
        coded = await coding(given.payloads)
    except ParseError:
        raise Problem(400, "These are not payloads", "The body is not Temporal's `Payloads` as JSON.") from None
    except (UnknownKey, ValueError) as error:
        raise Problem(400, "These payloads cannot be decoded", str(error), headers=headers) from None
    return Response(MessageToJson(Payloads(payloads=coded)), media_type="application/json", headers=headers)


def _origins(ui_url: str | None) -> frozenset[str]:
    """Of the Temporal UI; on this machine by both names that people type."""
    if not ui_url:
        return frozenset()
    parts = urlsplit(ui_url)
    hosts = {parts.netloc}
    if is_loopback(parts.hostname or ""):
        port = f":{parts.port}" if parts.port else ""
        hosts |= {f"localhost{port}", f"127.0.0.1{port}"}
    return frozenset(f"{parts.scheme}://{host}" for host in hosts)
