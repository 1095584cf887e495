"""The HTTP application."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi

from api import (
    calls,
    channels,
    clock,
    consents,
    coupons,
    customers,
    enrolments,
    health,
    ingest,
    journeys,
    messages,
    preferences,
    suppressions,
    tasks,
    timeline,
    why,
)
from api.codec import codec_router
from api.documentation import add_documentation
from api.intake import Intake
from api.last_resort import LastResort
from api.links import link_router
from api.parts import Parts, running
from api.problem import PROBLEMS, add_problem_handlers
from api.push import push_router
from api.push_reports import push_report_router
from api.sandbox.app import sandbox_router
from api.sandbox.calls import RingingCalls, ending
from api.sandbox.reports import SandboxReports
from api.sandbox.webhooks import SandboxWebhooks
from api.security import WriteKeys
from api.shortcut import Shortcut
from api.voice.app import voice_router
from api.webhooks.app import webhook_router
from api.webhooks.trust import Trust
from runtime.settings import Settings
from store.sandbox import SandboxAccount, SandboxInbox

DESCRIPTION = """
Post events in the format of Segment's SDKs; journeys start, react and end by them.

* **Events** are taken with a write key: the user name of Basic authorization, or `writeKey` in the body.
* **Webhooks** of providers are believed by their signatures.
* **Everything else** takes an API key: `Authorization: Bearer …`.
* Errors are problem details (RFC 9457).
"""


def create_app(settings: Settings) -> FastAPI:
    """The API of these settings; its parts start and stop with the application's lifespan."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings) as parts:
            app.state.parts = parts
            keys = WriteKeys(key.get_secret_value() for key in settings.write_keys)
            app.state.intake = Intake(parts.queue, keys, parts.clock, in_demo_time=parts.pace.speed != 1)
            async with ending(_calls(settings, app)):
                yield

    app = FastAPI(
        title="Sojourn",
        description=DESCRIPTION,
        version="0.1.0",
        lifespan=lifespan,
        responses=PROBLEMS,
        docs_url=None,
        redoc_url=None,
    )
    app.state.api_keys = tuple(key.get_secret_value().encode() for key in settings.api_keys)
    add_problem_handlers(app)
    app.add_middleware(Shortcut, endpoint_by_path=ingest.endpoint_by_path())
    app.add_middleware(LastResort)
    trust = Trust.of(settings)
    for router in _routers(settings, trust):
        app.include_router(router)
    if settings.needs_sandbox or settings.may_pretend:
        account = SandboxAccount.of(settings.database_url)
        app.state.sandbox_webhooks = SandboxWebhooks(app, account, trust.twilio.auth_token or "", settings.public_url)
        app.include_router(sandbox_router(account, _inbox, _reports))
    add_documentation(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _routers(settings: Settings, trust: Trust) -> Iterator[APIRouter]:
    # The paths of the first three are customers' as well.
    of_customers = (timeline, why, consents, customers)
    readers = (*of_customers, enrolments, messages, journeys, tasks, calls, coupons, suppressions, channels, clock)
    for module in (ingest, *readers):
        yield module.router
    for of in (codec_router, push_router, push_report_router, link_router):
        yield of(settings)
    yield webhook_router(trust)
    yield voice_router(trust.twilio)
    yield preferences.router
    yield health.router


def _inbox(request: Request) -> SandboxInbox:
    return SandboxInbox(request.app.state.parts.db)


def _reports(request: Request) -> SandboxReports:
    return _reports_of(request.app)


def _reports_of(app: FastAPI) -> SandboxReports:
    parts: Parts = app.state.parts
    return SandboxReports(parts.db, parts.clock, parts.waker.wake, app.state.sandbox_webhooks)


def _calls(settings: Settings, app: FastAPI) -> RingingCalls | None:
    """What ends the sandbox's calls, unless people alone shall."""
    ends_as = settings.sandbox_calls
    if not (settings.needs_sandbox or settings.may_pretend) or ends_as == "wait":
        return None
    return RingingCalls(_reports_of(app), ends_as)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's, with what the ingest routes document by themselves."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = schema["components"]
        for model in (ingest.ItemCreate, ingest.BatchCreate):
            described = model.model_json_schema(ref_template="#/components/schemas/{model}")
            described.pop("$defs", None)
            components["schemas"][model.__name__] = described
        components.setdefault("securitySchemes", {})["writeKey"] = {"type": "http", "scheme": "basic"}
        app.openapi_schema = schema
    return app.openapi_schema
