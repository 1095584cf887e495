"""Channels: by which accounts messages go, which of them is left alone, and the way to take it up again."""

from datetime import datetime
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.paging import Asked
from api.provided import Db
from api.security import NeedsApiKey
from language.channel import Channel
from store import circuits as reading
from store.circuits import AccountRecord
from store.database import Database

log = structlog.get_logger()

router = APIRouter(prefix="/v1/channels", tags=["channels"], dependencies=[NeedsApiKey])

State = Literal["closed", "open", "half_open"]


class AccountRead(BaseModel):
    """An account that a channel sends by. Times are those of the real world, not of journeys."""

    account: str = Field(description="`main`, or `fallback`, which takes its place.", examples=["main"])
    provider: str = Field(examples=["twilio"])
    state: State = Field(description="`closed`: messages go by it; `open`: none does; `half_open`: one tries.")
    since: datetime | None = Field(description="Since when it is left alone.")
    reason: str | None = Field(examples=["twilio 20003: authentication failed"])
    next_probe_at: datetime | None = Field(description="When the next message tries.")


class ChannelRead(BaseModel):
    """A channel, with its accounts in the order in which they are tried."""

    channel: Channel
    accounts: list[AccountRead]
    held: int = Field(description="Messages that wait for the provider.")


class ChannelList(BaseModel):
    """All channels of the workers; none before the first worker has started."""

    items: list[ChannelRead]


class CircuitClose(Asked):
    account: str | None = Field(None, description="This account only; else all of the channel.", max_length=100)


@router.get("", summary="List the channels")
async def list_channels(_: Annotated[Asked, Query()], db: Db) -> ChannelList:
    """With their accounts, what is wrong with these, and how many messages wait for that."""
    return ChannelList(items=await _channels(db))


@router.post("/{channel}/circuit/close", summary="Send by a channel's accounts again")
async def close_circuit(channel: Channel, asked: Annotated[CircuitClose, Query()], db: Db) -> ChannelList:
    """The account was mended: nobody need wait for the next probe. If it was not, it opens anew."""
    for account in await reading.close_circuits(db, channel, asked.account):
        log.error("channel.circuit_closed", channel=channel, account=account, by="a person")
    return ChannelList(items=[it for it in await _channels(db) if it.channel == channel])


async def _channels(db: Database) -> list[ChannelRead]:
    held = await reading.count_held(db)
    accounts: dict[str, list[AccountRead]] = {}
    for record in await reading.list_accounts(db):
        accounts.setdefault(record.channel, []).append(_read(record))
    return [
        ChannelRead.model_validate({"channel": name, "accounts": those, "held": held.get(name, 0)})
        for name, those in accounts.items()
    ]


def _read(record: AccountRecord) -> AccountRead:
    state: State = "closed" if record.opened_at is None else "half_open" if record.is_probed else "open"
    return AccountRead(
        account=record.account,
        provider=record.provider,
        state=state,
        since=record.opened_at,
        reason=record.reason,
        next_probe_at=record.probe_at,
    )
