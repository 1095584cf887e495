"""The Segment HTTP API: events in."""

from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from api.intake import Intake
from api.problem import PROBLEMS
from api.shortcut import Endpoint


class Success(BaseModel):
    """Everything in the request is stored: as events, or, what could not be understood, in quarantine."""

    success: Literal[True] = True


class ItemCreate(BaseModel):
    """A call of an analytics SDK. Further fields are allowed, as Segment defines them."""

    type: Literal["track", "identify", "page", "screen", "group", "alias"] | None = Field(
        default=None, description="What kind of call; in a batch it is needed."
    )
    messageId: str | None = Field(
        default=None,
        description="Sent again with the same id, an event is not stored again. Without one, an item that has a "
        "`timestamp` counts as sent again when all of it is equal; an item without either is always new.",
    )
    userId: str | None = Field(default=None, description="Who; this or `anonymousId` is needed.")
    anonymousId: str | None = None
    previousId: str | None = Field(default=None, description="alias: who `userId` was before.")
    groupId: str | None = None
    event: str | None = Field(default=None, description="track: the event's name.")
    name: str | None = Field(default=None, description="page, screen: its name.")
    properties: dict[str, Any] | None = Field(default=None, description="track, page, screen.")
    traits: dict[str, Any] | None = Field(default=None, description="identify, group. Also in `context.traits`.")
    timestamp: str | None = Field(default=None, description="ISO 8601; when it happened by the sender's clock.")
    sentAt: str | None = Field(default=None, description="ISO 8601; tells how wrong the sender's clock is.")
    context: dict[str, Any] | None = Field(default=None, description="`timezone`, `locale` and `traits` are used.")


class BatchCreate(BaseModel):
    """At most 5 MB unpacked, 128 KB of properties or traits an item; may be gzipped."""

    batch: list[ItemCreate]
    sentAt: str | None = None
    writeKey: str | None = Field(default=None, description="Unless given as the user name of Basic authorization.")


class BareRoute(APIRoute):
    """Hands the request to the endpoint as it came: ingest checks bodies itself, faster and more forgivingly."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        return self.endpoint


router = APIRouter(prefix="/v1", tags=["events"], route_class=BareRoute, responses=PROBLEMS)

_ITEM: dict[str, Any] = {
    "userId": "42",
    "timestamp": "2026-11-22T09:00:00Z",
    "messageId": "3f6c1b1e-8b0a-4c53-9a55-0d6f8c1a2b10",
}
_EXAMPLES: dict[str, dict[str, Any]] = {
    "track": {**_ITEM, "event": "Order Completed", "properties": {"order_id": "7", "revenue": 39.95}},
    "identify": {**_ITEM, "traits": {"email": "ana@example.com", "phone": "+5511987654321", "first_name": "Ana"}},
    "page": {**_ITEM, "name": "Pricing", "properties": {"url": "https://example.com/pricing"}},
    "screen": {**_ITEM, "name": "Balance"},
    "group": {**_ITEM, "groupId": "acme", "traits": {"name": "Acme"}},
    "alias": {**_ITEM, "previousId": "visitor-17"},
}
_BATCH = {"batch": [{"type": kind, **_EXAMPLES[kind]} for kind in ("identify", "track")], "writeKey": "your write key"}


def _documented(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    content = {"schema": schema, "example": example}
    media_types = dict.fromkeys(("application/json", "text/plain"), content)
    return {"requestBody": {"required": True, "content": media_types}, "security": [{"writeKey": []}]}


async def _take(request: Request, kind: Any = None) -> Response:
    intake: Intake = request.app.state.intake
    await intake.take(request, kind)
    return Response(b'{"success":true}', media_type="application/json")


@router.post(
    "/batch", summary="Store many calls", response_model=Success, openapi_extra=_documented(BatchCreate, _BATCH)
)
async def batch(request: Request) -> Response:
    """Store many calls at once. Answers 200 even when some items cannot be understood: those go to quarantine."""
    return await _take(request)


@router.post("/import", summary="Store history", response_model=Success, openapi_extra=_documented(BatchCreate, _BATCH))
async def import_(request: Request) -> Response:
    """Store history. Like a batch: events older than a journey's `late` start nothing."""
    return await _take(request)


@router.post(
    "/track",
    summary="Something happened",
    response_model=Success,
    openapi_extra=_documented(ItemCreate, _EXAMPLES["track"]),
)
async def track(request: Request) -> Response:
    """Something happened to a customer."""
    return await _take(request, "track")


@router.post(
    "/identify",
    summary="Who a customer is",
    response_model=Success,
    openapi_extra=_documented(ItemCreate, _EXAMPLES["identify"]),
)
async def identify(request: Request) -> Response:
    """Who a customer is: traits are merged name by name; a visitor who becomes known is merged into the customer."""
    return await _take(request, "identify")


@router.post(
    "/page",
    summary="A page was viewed",
    response_model=Success,
    openapi_extra=_documented(ItemCreate, _EXAMPLES["page"]),
)
async def page(request: Request) -> Response:
    """A customer looked at a page."""
    return await _take(request, "page")


@router.post(
    "/screen",
    summary="A screen was viewed",
    response_model=Success,
    openapi_extra=_documented(ItemCreate, _EXAMPLES["screen"]),
)
async def screen(request: Request) -> Response:
    """A customer looked at a screen of an app."""
    return await _take(request, "screen")


@router.post(
    "/group",
    summary="A customer belongs to a group",
    response_model=Success,
    openapi_extra=_documented(ItemCreate, _EXAMPLES["group"]),
)
async def group(request: Request) -> Response:
    """A customer belongs to a company or another group."""
    return await _take(request, "group")


@router.post(
    "/alias",
    summary="Two ids are one customer",
    response_model=Success,
    openapi_extra=_documented(ItemCreate, _EXAMPLES["alias"]),
)
async def alias(request: Request) -> Response:
    """Two ids are one customer."""
    return await _take(request, "alias")


def endpoint_by_path() -> dict[str, Endpoint]:
    return {route.path: route.endpoint for route in router.routes if isinstance(route, APIRoute)}
