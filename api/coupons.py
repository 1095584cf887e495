"""Coupons: how many codes are left."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.paging import Asked
from api.provided import Db
from api.security import NeedsApiKey
from store.coupons import count_pools

router = APIRouter(prefix="/v1/coupons", tags=["coupons"], dependencies=[NeedsApiKey])


class PoolRead(BaseModel):
    """A pool of codes."""

    model_config = ConfigDict(from_attributes=True)

    pool: str = Field(examples=["bonus30"])
    left: int = Field(description="Codes that nobody has taken.", examples=[4200])
    taken: int = Field(examples=[800])


class PoolsRead(BaseModel):
    """All pools, in the order of their names."""

    items: list[PoolRead]


@router.get("", summary="Count coupons")
async def count_coupons(_: Annotated[Asked, Query()], db: Db) -> PoolsRead:
    """What is left in each pool. Codes come in by `sojourn coupons load POOL FILE.csv`."""
    return PoolsRead(items=[PoolRead.model_validate(pool) for pool in await count_pools(db)])
