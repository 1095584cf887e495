"""The sandbox: both providers played on this machine, and a page that shows what customers would see."""

from collections.abc import Callable
from datetime import datetime
from importlib.resources import files
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel

from api.sandbox.sendgrid import sendgrid_router
from api.sandbox.twilio import twilio_router
from store.sandbox import SandboxAccount, SandboxInbox

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; frame-src 'self';"
    " img-src data: https:; font-src https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Also holds for the mails inside the page: nothing in them runs, whatever they contain."""

HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}


class ShownMessage(BaseModel):
    """A message as its customer sees it. `at` is the journey's time; `journey`, `step` say whence it came."""

    id: int
    channel: str
    sender: str | None
    recipient: str
    subject: str | None
    text: str | None
    html: str | None
    at: datetime
    customer_id: int | None
    journey: str | None
    step: str | None
    message: str | None
    segments: int | None


class ShownMessages(BaseModel):
    messages: list[ShownMessage]


def sandbox_router(account: SandboxAccount, inbox: Callable[..., SandboxInbox]) -> APIRouter:
    """Everything under `/sandbox`: `twilio` and `sendgrid` for the SDKs (their own credentials), the rest for people.

    `inbox` is a FastAPI dependency. The page asks for no key: mount this only where this machine alone is served.
    """
    router = APIRouter()
    router.include_router(twilio_router(account, inbox), prefix="/sandbox/twilio")
    router.include_router(sendgrid_router(account, inbox), prefix="/sandbox/sendgrid")
    router.include_router(page_router(inbox))
    return router


def page_router(inbox: Callable[..., SandboxInbox]) -> APIRouter:
    router = APIRouter(prefix="/sandbox", tags=["sandbox"])
    Inbox = Annotated[SandboxInbox, Depends(inbox)]

    @router.get("", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(_file("page.html"), headers=HEADERS)

    @router.get("/page.js", include_in_schema=False)
    async def script() -> Response:
        return Response(_file("page.js"), media_type="text/javascript", headers=HEADERS)

    @router.get("/page.css", include_in_schema=False)
    async def style() -> Response:
        return Response(_file("page.css"), media_type="text/css", headers=HEADERS)

    @router.get("/messages", summary="What customers would have received, newest first")
    async def messages(
        inbox: Inbox,
        customer: Annotated[str | None, Query(description="an address or part of one, or a customer's id")] = None,
        channel: Literal["email", "sms"] | None = None,
        after: Annotated[int, Query(description="only messages newer than this id")] = 0,
        before: Annotated[int | None, Query(description="only messages older than this id")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> ShownMessages:
        found = await inbox.show(wanted=customer, channel=channel, after=after, before=before, limit=limit)
        return ShownMessages(messages=[ShownMessage.model_validate(message) for message in found])

    return router


def _file(name: str) -> str:
    return (files("api.sandbox") / name).read_text(encoding="utf-8")
