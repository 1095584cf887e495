"""Whether this process lives, whether it can take events, and what it counts."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from temporalio.service import RPCError

from api.parts import Parts
from store.database import POSTGRES_AWAY

router = APIRouter(tags=["operating"])
PATIENCE = 2.0


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Events are taken as long as PostgreSQL is there; without Temporal they wait in `deliveries_waiting`."""

    is_ready: bool
    postgres: Literal["ok", "away"]
    temporal: Literal["ok", "away"]
    deliveries_waiting: int | None = Field(description="not yet handed to Temporal; null when PostgreSQL is away")
    events_in_queue: int = Field(description="taken in but not stored yet")


@router.get("/healthz", summary="Is the process alive")
async def healthz() -> Health:
    """The process answers."""
    return Health()


@router.get(
    "/readyz", summary="Can it take events", responses={503: {"model": Readiness, "description": "PostgreSQL is away."}}
)
async def readyz(request: Request, response: Response) -> Readiness:
    """Send events here, or not."""
    readiness = await look(request.app.state.parts)
    response.status_code = 200 if readiness.is_ready else 503
    return readiness


@router.get("/metrics", summary="What it counts", response_class=Response)
async def metrics() -> Response:
    """For Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def look(parts: Parts) -> Readiness:
    waiting, is_temporal_there = await asyncio.gather(_waiting(parts), _is_temporal_there(parts))
    return Readiness(
        is_ready=waiting is not None,
        postgres="away" if waiting is None else "ok",
        temporal="ok" if is_temporal_there else "away",
        deliveries_waiting=waiting,
        events_in_queue=parts.queue.size,
    )


async def _waiting(parts: Parts) -> int | None:
    try:
        return await asyncio.wait_for(parts.outbox.waiting(), PATIENCE)
    except POSTGRES_AWAY:
        return None


async def _is_temporal_there(parts: Parts) -> bool:
    try:
        return await asyncio.wait_for(parts.temporal.service_client.check_health(), PATIENCE)
    except (RPCError, RuntimeError, TimeoutError):
        return False
