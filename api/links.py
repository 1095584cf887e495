"""Where tracked links lead: to what their message says and nowhere else. A person's click is told to the journey, and
shows whose browser it is."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.parts import Parts
from api.preference_page import HEADERS, not_found_page, page
from api.previewers import is_machine
from api.provided import App
from runtime.settings import Settings
from store.browsers import introduction
from store.database import POSTGRES_AWAY
from store.ingest_queue import Full, Unavailable
from store.links import LinkRecord, find_link
from store.message_reports import take_reports
from store.reporting import Told

SEGMENT_COOKIE = "ajs_anonymous_id"
OWN_COOKIE = "sojourn_browser"
LIFETIME = 400 * 24 * 3600
"""Seconds; browsers keep no cookie longer."""

PATIENCE = 3.0
"""Seconds that a customer waits for PostgreSQL."""

LONGEST_ID, LONGEST_USER_AGENT = 200, 300
AWAY = (
    "<p><strong>One moment, please.</strong> This link works again soon: open it once more in a minute.</p>\n"
    "<p><strong>Одну минуту.</strong> Ссылка скоро заработает: откройте её ещё раз через минуту.</p>\n"
    "<p><strong>Um momento.</strong> O link volta a funcionar em breve: abra-o de novo em um minuto.</p>\n"
)
_HTML = {"text/html": {"schema": {"type": "string"}}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    302: {"description": "To what the message says."},
    404: {"content": _HTML, "description": "The link is none of ours."},
    503: {"content": _HTML, "description": "PostgreSQL is away."},
}


@dataclass(frozen=True, slots=True)
class Opening:
    """Somebody opens a link. `browser` is the anonymous id that the browser has, or gets; `is_own`: it is ours."""

    by_machine: bool
    user_agent: str
    browser: str
    is_own: bool

    @classmethod
    def of(cls, request: Request) -> "Opening":
        user_agent = request.headers.get("user-agent", "").replace("\0", "\ufffd")[:LONGEST_USER_AGENT]
        segments, ours = (_cookie(request, name) for name in (SEGMENT_COOKIE, OWN_COOKIE))
        browser = segments or ours or uuid4().hex
        return cls(is_machine(request.method, request.headers), user_agent, browser, is_own=segments is None)


def link_router(settings: Settings) -> APIRouter:
    router = APIRouter(tags=["links"], responses=_ANSWERS)
    is_secure = settings.public_url.startswith("https:")

    @router.head("/l/{token}", include_in_schema=False)
    @router.get(
        "/l/{token}",
        summary="Open a tracked link",
        status_code=302,
        response_class=RedirectResponse,
        responses=_ANSWERS,
    )
    async def open_link(token: str, request: Request, app: App) -> Response:
        """Needs no key: the link came by a message. Previews and scanners are led there too, and told apart."""
        opening = Opening.of(request)
        response = await _open(app, token, opening)
        if response.status_code == 302 and opening.is_own and not opening.by_machine:
            response.set_cookie(
                OWN_COOKIE, opening.browser, max_age=LIFETIME, secure=is_secure, httponly=True, samesite="lax"
            )
        return response

    return router


async def _open(parts: Parts, token: str, opening: Opening) -> Response:
    try:
        async with asyncio.timeout(PATIENCE):
            link = await find_link(parts.db, token)
    except POSTGRES_AWAY:
        text = page(None, "One moment, please", AWAY)
        return HTMLResponse(text, status_code=503, headers={**HEADERS, "Retry-After": "5"})
    if link is None:
        return HTMLResponse(not_found_page(), status_code=404, headers=HEADERS)
    # Whatever cannot be noted now, the customer gets where the message said.
    with suppress(Full, Unavailable, *POSTGRES_AWAY):
        async with asyncio.timeout(PATIENCE):
            await _note(parts, link, opening)
    return RedirectResponse(link.url, status_code=302, headers=HEADERS)


async def _note(parts: Parts, link: LinkRecord, opening: Opening) -> None:
    """The click is the message's, the browser the customer's."""
    details = {"url": link.url, "user_agent": opening.user_agent}
    event_id = f"link/{uuid4().hex}"
    told = Told(link.message_key, "clicked", event_id, details=details, by_machine=opening.by_machine)
    await take_reports(parts.db, parts.clock, [told])
    parts.waker.wake()
    if opening.by_machine:
        return
    introduced = await introduction(parts.db, link.customer_id, opening.browser)
    if introduced is not None:
        await parts.queue.submit([introduced])


def _cookie(request: Request, name: str) -> str | None:
    """An anonymous id; Segment's scripts write theirs in quotes."""
    value = unquote(request.cookies.get(name, "")).strip('"')
    return value if 0 < len(value) <= LONGEST_ID and value.isprintable() else None
