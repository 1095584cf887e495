"""What a worker does beside the calls that journeys ask of it."""

import asyncio
from datetime import timedelta

import pytest

from language.port import Answer
from runtime.settings import Settings
from store.calls import CallLedger
from store.database import Database
from store.replays import ask_again
from tests.activities.calling import call_desk
from tests.rows import AT
from worker.calls import call_activities


@pytest.mark.usefixtures("bare_environment")
async def test_a_worker_makes_calls_again_that_people_have_asked_for(db: Database) -> None:
    async with call_desk(db) as desk:
        order, ledger = desk.order(), CallLedger(db)
        await ledger.claim(order, now=AT, patience=timedelta())
        await ledger.settle(order, Answer(verdict="refused"), now=AT)
        await db.pool.execute("UPDATE calls SET call_until = now()")
        await ask_again(db, lambda: AT, order.key)
        async with call_activities(Settings(), db), asyncio.timeout(10):
            while await db.pool.fetchval("SELECT replay FROM calls") != "done":
                await asyncio.sleep(0.01)
    assert [heard.told["key"] for heard in desk.crm.heard] == [order.key]
