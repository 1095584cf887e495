"""Every error answer, as RFC 9457 problem details, from one place."""

import traceback
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from store.commands import CommandError, UnknownEnrolmentError
from store.enrolling import NoSuchJourneyError
from store.ingest_queue import Full, Unavailable
from store.reading_page import BadCursorError
from store.replays import UnknownCallError
from store.tasks import NotAResultError, UnknownTaskError

log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"


class ProblemRead(BaseModel):
    """What went wrong."""

    type: str = Field(default="about:blank", description="Names the kind of problem, where there is a page on it.")
    title: str = Field(description="The same for every occurrence.", examples=["An API key is needed"])
    status: int = Field(description="The HTTP status again.", examples=[401])
    detail: str | None = Field(default=None, description="About this occurrence, for people.")
    errors: list[dict[str, Any]] | None = Field(default=None, description="Where, if it was the request.")


class Problem(Exception):
    """Raise it anywhere below a route."""

    def __init__(
        self, status: int, title: str, detail: str | None = None, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(title)
        self.read = ProblemRead(title=title, status=status, detail=detail)
        self.headers = headers


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request is at fault.", "content": {MEDIA_TYPE: {}}, "model": ProblemRead},
    "5XX": {"description": "We are at fault; nothing was stored.", "content": {MEDIA_TYPE: {}}, "model": ProblemRead},
}
"""For `responses=` of every route."""


def answer(problem: ProblemRead, headers: Mapping[str, str] | None = None) -> JSONResponse:
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, problem.status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def add_problem_handlers(app: FastAPI) -> None:
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


async def answer_to(request: Request, error: Exception) -> JSONResponse:
    """The answer to any exception, for whoever stands outside of the application's own handlers."""
    handler = next(_HANDLERS[kind] for kind in (*type(error).__mro__, Exception) if kind in _HANDLERS)
    return await handler(request, error)


async def _problem(_: Request, error: Problem) -> JSONResponse:
    return answer(error.read, error.headers)


async def _http_exception(_: Request, error: HTTPException) -> JSONResponse:
    title = HTTPStatus(error.status_code).phrase
    detail = error.detail if error.detail != title else None
    return answer(ProblemRead(title=title, status=error.status_code, detail=detail), error.headers)


_WORDS = {"extra_forbidden": "it is not known here", "missing": "it is needed"}
"""For pydantic's own, by the type of the fault."""


async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    errors = [
        {"at": list(fault["loc"]), "problem": _WORDS.get(fault["type"], fault["msg"])} for fault in error.errors()
    ]
    return answer(ProblemRead(title="The request cannot be understood", status=422, errors=errors))


async def _full(_: Request, error: Full) -> JSONResponse:
    problem = ProblemRead(title="Too much at once", status=429, detail="Nothing of this was stored; send it again.")
    return answer(problem, {"Retry-After": str(error.retry_after)})


async def _unavailable(_: Request, __: Unavailable) -> JSONResponse:
    detail = "The database did not answer in time. Send it again: what is stored already is not stored twice."
    return answer(ProblemRead(title="Not now", status=503, detail=detail), {"Retry-After": "2"})


_UNKNOWN = (UnknownEnrolmentError, NoSuchJourneyError, UnknownTaskError, UnknownCallError)


async def _refused(_: Request, error: CommandError) -> JSONResponse:
    status = 404 if isinstance(error, _UNKNOWN) else 409
    return answer(ProblemRead(title="The command was refused", status=status, detail=str(error)))


async def _not_a_result(_: Request, error: NotAResultError) -> JSONResponse:
    errors = [{"at": ["body", "result"], "problem": str(error)}]
    return answer(ProblemRead(title="The request cannot be understood", status=422, errors=errors))


async def _bad_cursor(_: Request, error: BadCursorError) -> JSONResponse:
    errors = [{"at": ["query", "cursor"], "problem": str(error)}]
    return answer(ProblemRead(title="The request cannot be understood", status=422, errors=errors))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    """Where it happened is logged, not its text: that may quote a customer."""
    places = [f"{place.filename}:{place.lineno}" for place in traceback.extract_tb(error.__traceback__)[-4:]]
    log.error("request.failed", path=_template(request), error=type(error).__name__, places=places)
    return answer(ProblemRead(title="Something is wrong on our side", status=500))


def _template(request: Request) -> str:
    """The route's path: the request's own may name a customer by their address."""
    return getattr(request.scope.get("route"), "path", "unknown")


_HANDLERS: dict[type[Exception], Callable[[Request, Any], Awaitable[JSONResponse]]] = {
    Problem: _problem,
    HTTPException: _http_exception,
    RequestValidationError: _invalid,
    Full: _full,
    Unavailable: _unavailable,
    NotAResultError: _not_a_result,
    CommandError: _refused,
    BadCursorError: _bad_cursor,
    Exception: _unexpected,
}
