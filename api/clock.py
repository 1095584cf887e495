"""The journeys' clock, which is not the wall clock in demo time."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.parts import Parts
from api.security import NeedsApiKey

router = APIRouter(prefix="/v1", tags=["operating"], dependencies=[NeedsApiKey])


class ClockRead(BaseModel):
    now: datetime = Field(description="journey time")
    speed: float = Field(description="journey seconds that pass in a real one")


@router.get("/clock", summary="Read the journeys' clock")
async def clock(request: Request) -> ClockRead:
    """What time it is for journeys."""
    parts: Parts = request.app.state.parts
    return ClockRead(now=parts.clock(), speed=parts.pace.speed)
