"""Where browsers and apps tell that a push message has come, and that it was opened."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field, ValidationError

from api.parcel import unpack
from api.problem import PROBLEMS, Problem
from api.provided import App
from api.push import FOR_ANYBODY
from api.webhooks.taking import Said, take
from language.push_reports import PATH, PushReport, PushReports
from runtime.metrics import WEBHOOKS_REFUSED
from runtime.settings import Settings
from runtime.signing import LONGEST, Signer
from store.reporting import Told


class PushReportCreate(BaseModel):
    """What became of a push message on the device that it went to."""

    report: str = Field(max_length=LONGEST, description="The token that came with the message.")
    event: PushReport = Field(description="`delivered`: the device has it; `opened`: it was tapped.")


async def _given(request: Request) -> PushReportCreate:
    """The body, whatever type it says it has: pages of other sites can send `text/plain` without asking first."""
    try:
        return PushReportCreate.model_validate_json(await unpack(request))
    except ValidationError:
        detail = "It is JSON with `report`, the message's token, and `event`: `delivered` or `opened`."
        raise Problem(422, "That is no report on a push message", detail, headers=FOR_ANYBODY) from None


Given = Annotated[PushReportCreate, Depends(_given)]
_CONTENT = {"schema": PushReportCreate.model_json_schema()}
_DOCUMENTED: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": _CONTENT, "text/plain": _CONTENT}}
}


def push_report_router(settings: Settings) -> APIRouter:
    """The route of these settings' tokens."""
    router = APIRouter(tags=["push"], responses=PROBLEMS)
    reports = PushReports(settings.public_url, Signer.of(settings))

    @router.post(PATH, status_code=204, summary="A device reports on a push message", openapi_extra=_DOCUMENTED)
    async def take_report(given: Given, app: App) -> Response:
        """Needs no key: the token is the right to report on this one message. Told again, it changes nothing."""
        key = reports.key(given.report)
        if key is None:
            WEBHOOKS_REFUSED.labels("push", "wrong signature").inc()
        # One of each: a tap may be told by several devices, and by a page that was loaded twice.
        told = Told(key or "", given.event, f"push/{key}/{given.event}", by_device=True)
        if key is None or "unknown" in await take(app, "push", Said(reports=[told])):
            raise Problem(404, "There is no such message", headers=FOR_ANYBODY)
        return Response(status_code=204, headers=FOR_ANYBODY)

    return router
