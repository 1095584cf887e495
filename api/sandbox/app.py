"""The sandbox: both providers played on this machine, and a page that shows what customers would see."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse, Response
from liquid import Environment, PackageLoader
from liquid.extra import BlockTag, ExtendsTag
from pydantic import BaseModel, Field

from api.problem import Problem
from api.sandbox.reports import SandboxReports, tellable
from api.sandbox.sendgrid import sendgrid_router
from api.sandbox.twilio import twilio_router
from language.channel import Channel
from language.message_event import Report
from store.sandbox import SandboxAccount, SandboxInbox

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; frame-src 'self';"
    " img-src data: https:; font-src https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Also holds for the mails inside the page: nothing in them runs, whatever they contain."""

DETAILS = ("title", "url", "language", "machine", "timeout", "content_sid", "variables")
"""What of a message's details the page shows."""

Asset = Literal["page", "pocket", "parts"]

HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}


class ShownEvent(BaseModel):
    """What was reported of a message; `text` is a reply's."""

    report: str
    at: datetime
    text: str | None = None


class ShownMessage(BaseModel):
    """A message as its customer sees it. `at` is the journey's time; `journey`, `step` say whence it came.

    `details` are what a channel has beside texts; `reports` what can be said of the message now.
    """

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
    status: str | None
    details: dict[str, Any]
    events: list[ShownEvent]
    reports: tuple[Report, ...]

    @classmethod
    def of(cls, shown: dict[str, Any]) -> "ShownMessage":
        details = {name: value for name, value in shown["details"].items() if name in DETAILS}
        return cls.model_validate({**shown, "details": details, "reports": tellable(shown)})


class ShownMessages(BaseModel):
    messages: list[ShownMessage]


MessageId = Annotated[int, Path(ge=1, lt=2**63)]


class Reply(BaseModel):
    """What the customer writes back."""

    text: str | None = Field(None, max_length=1600)


def sandbox_router(
    account: SandboxAccount, inbox: Callable[..., SandboxInbox], reports: Callable[..., SandboxReports]
) -> APIRouter:
    """Everything under `/sandbox`: `twilio` and `sendgrid` for the SDKs (their own credentials), the rest for people.

    `inbox` and `reports` are FastAPI dependencies. The page asks for no key: mount this only where this machine alone
    is served.
    """
    router = APIRouter()
    router.include_router(twilio_router(account, inbox), prefix="/sandbox/twilio")
    router.include_router(sendgrid_router(account, inbox), prefix="/sandbox/sendgrid")
    router.include_router(page_router(inbox))
    router.include_router(report_router(reports))
    return router


def page_router(inbox: Callable[..., SandboxInbox]) -> APIRouter:
    router = APIRouter(prefix="/sandbox", tags=["sandbox"])
    Inbox = Annotated[SandboxInbox, Depends(inbox)]

    @router.get("", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(_page("page"), headers=HEADERS)

    @router.get("/pocket", include_in_schema=False)
    async def pocket() -> HTMLResponse:
        return HTMLResponse(_page("pocket"), headers=HEADERS)

    @router.get("/{name}.js", include_in_schema=False)
    async def script(name: Asset) -> Response:
        return Response(_file(f"{name}.js"), media_type="text/javascript", headers=HEADERS)

    @router.get("/{name}.css", include_in_schema=False)
    async def style(name: Asset) -> Response:
        return Response(_file(f"{name}.css"), media_type="text/css", headers=HEADERS)

    @router.get("/messages", summary="What customers would have received, newest first")
    async def messages(
        inbox: Inbox,
        customer: Annotated[str | None, Query(description="an address or part of one, or a customer's id")] = None,
        channel: Channel | None = None,
        after: Annotated[int, Query(description="only messages newer than this id", ge=0, lt=2**63)] = 0,
        before: Annotated[int | None, Query(description="only messages older than this id", ge=0, lt=2**63)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> ShownMessages:
        wanted = customer and customer.replace("\0", "\ufffd")
        found = await inbox.show(wanted=wanted, channel=channel, after=after, before=before, limit=limit)
        return ShownMessages(messages=[ShownMessage.of(message) for message in found])

    return router


def report_router(reports: Callable[..., SandboxReports]) -> APIRouter:
    router = APIRouter(prefix="/sandbox", tags=["sandbox"], dependencies=[Depends(_from_here)])

    @router.post("/messages/{id}/{report}", summary="Say what became of a message, as its provider would")
    async def tell(
        id: MessageId, report: Report, reports: Annotated[SandboxReports, Depends(reports)], reply: Reply | None = None
    ) -> ShownMessage:
        """`opened`, `clicked` and `answered` are the customer's doing, the rest the provider's."""
        return ShownMessage.of(await reports.tell(id, report, reply.text if reply else None))

    return router


def _from_here(request: Request) -> None:
    """No other site's page may press buttons here; browsers say on whose page one was pressed."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "Not from another site", "Press the buttons on the sandbox page itself.")


@cache
def _page(name: str) -> str:
    """A page in the shell that all have."""
    pages = Environment(loader=PackageLoader("api.sandbox", package_path="", ext=".html"))
    pages.add_tag(ExtendsTag)
    pages.add_tag(BlockTag)
    return pages.get_template(name).render()


def _file(name: str) -> str:
    return (files("api.sandbox") / name).read_text(encoding="utf-8")
