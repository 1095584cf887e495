"""A destination that was away is told again, with the ids and the words of the first time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from activities.functions import FunctionCall
from activities.replaying import TOO_LATE, Replaying
from language.port import Answer
from store.calls import CallLedger
from store.database import Database
from store.reading_calls import get_call
from store.replays import ReplayQueue, ask_again
from tests.activities.calling import SECRET, CallDesk, call_desk
from tests.rows import AT

LATER = AT + timedelta(hours=2)


class Died(BaseException):
    pass


@pytest.fixture
async def desk(db: Database) -> AsyncIterator[CallDesk]:
    async with call_desk(db, secret_env="CRM_SECRET") as desk:
        yield desk


def worker(desk: CallDesk, **more: Any) -> Replaying:
    """The loop of a worker, which shares its circuits with the worker's calls."""
    return Replaying(ReplayQueue(desk.db), desk.activities.callees, lambda: LATER, **more)


async def given_up(desk: CallDesk, number: int = 1, **more: Any) -> str:
    """The key of a call that stayed down for longer than it was tried, and that a person wants made again."""
    order = desk.order(key=f"{desk.enrolment}/call_crm_lead/{number}", **more)
    ledger = CallLedger(desk.db)
    await ledger.claim(order, now=AT, patience=timedelta())
    await ledger.settle(order, Answer(verdict="refused", reason="it answered 500; given up after 15m"), now=AT)
    await ask_again(desk.db, lambda: AT, order.key)
    await due(desk)
    return order.key


async def due(desk: CallDesk) -> None:
    """As if all that may wait had waited."""
    await desk.db.pool.execute("UPDATE calls SET call_until = now(), replay_from = now()")


async def replay_of(desk: CallDesk, key: str) -> dict[str, Any]:
    record = await get_call(desk.db, key)
    assert record is not None
    assert (record.status, record.reason) == ("refused", "it answered 500; given up after 15m")
    assert record.replay is not None
    return record.replay


async def test_what_was_given_up_while_it_was_down_is_told_once_it_is_up(desk: CallDesk) -> None:
    order = desk.order()
    desk.crm.will.extend([500] * 2)
    await desk.failure(order)
    await desk.attempt(order.model_copy(update={"at": AT + timedelta(minutes=14, seconds=59)}))
    await ask_again(desk.db, lambda: LATER, order.key)
    await due(desk)

    desk.crm.will.append(503)
    assert await worker(desk).once()
    assert (await replay_of(desk, order.key))["reason"] == "it answered 503"
    await due(desk)
    assert await worker(desk).once()

    assert await replay_of(desk, order.key) == {
        "status": "done",
        "reason": None,
        "attempts": 2,
        "asked_at": LATER.isoformat(),
        "at": LATER.isoformat(),
    }
    assert not await worker(desk).once()
    assert (len(desk.crm.heard), len({heard.body for heard in desk.crm.heard})) == (4, 1)
    assert len({heard.headers["webhook-id"] for heard in desk.crm.heard}) == 1
    assert all(heard.is_signed(SECRET) for heard in desk.crm.heard)


async def test_a_refusal_is_kept_and_may_be_asked_for_anew(desk: CallDesk) -> None:
    key = await given_up(desk)
    desk.crm.will.append(404)
    assert await worker(desk).once()
    told = await replay_of(desk, key)
    assert (told["status"], told["reason"]) == ("refused", "it answered 404")
    await ask_again(desk.db, lambda: LATER, key)
    assert await worker(desk).once()
    assert (await replay_of(desk, key))["status"] == "done"


async def test_what_asks_for_time_gets_it(desk: CallDesk) -> None:
    key = await given_up(desk)
    desk.crm.will.append(lambda request: web.Response(status=429, headers={"Retry-After": "300"}))
    await worker(desk).once()
    wait = await desk.db.pool.fetchval("SELECT replay_from - clock_timestamp() FROM calls WHERE key = $1", key)
    assert timedelta(seconds=290) < wait <= timedelta(seconds=300)


@pytest.mark.parametrize("seconds", [-1, 0.5])
async def test_after_a_day_it_is_given_up(desk: CallDesk, seconds: float) -> None:
    key = await given_up(desk)
    await desk.db.pool.execute(
        "UPDATE calls SET replay_until = clock_timestamp() + $1::interval", timedelta(seconds=seconds)
    )
    desk.crm.will.append(500)
    await worker(desk).once()
    told = await replay_of(desk, key)
    assert (told["status"], TOO_LATE in str(told["reason"])) == ("refused", True)
    assert len(desk.crm.heard) == (seconds > 0)


async def test_a_destination_that_is_down_is_left_alone_and_others_are_not(desk: CallDesk) -> None:
    keys = [await given_up(desk, number) for number in range(1, 4)]
    desk.functions["other"] = lambda call: None
    other = await given_up(desk, 9, destination="other")
    for _ in range(5):
        desk.circuit.failed()
    loop = worker(desk)
    while await loop.once():
        pass
    assert desk.crm.heard == []
    assert (await replay_of(desk, other))["status"] == "done"
    told = [await replay_of(desk, key) for key in keys]
    assert {(one["status"], one["attempts"]) for one in told} == {("waiting", 0)}
    assert [one["reason"] for one in told].count("it is down") == 1, "the others are not even looked at"


async def test_its_failures_open_the_circuit_of_the_journeys_calls(desk: CallDesk) -> None:
    desk.crm.will.extend([500] * 5)
    for number in range(2, 7):
        await given_up(desk, number)
        await worker(desk).once()
    answer = await desk.attempt(desk.order())
    assert (answer.verdict, answer.reason, len(desk.crm.heard)) == ("held", "it is down", 5)


@pytest.mark.parametrize("point", ["worker.replay_taken", "worker.replay_answered"])
async def test_whoever_dies_is_followed_by_the_same_call(desk: CallDesk, point: str) -> None:
    key = await given_up(desk)

    def die(reached: str) -> None:
        if reached == point:
            raise Died

    with pytest.raises(Died):
        await worker(desk, hit=die).once()
    assert not await worker(desk).once(), "it may still be calling"
    await due(desk)
    assert await worker(desk).once()
    assert (await replay_of(desk, key))["status"] == "done"
    assert len({(heard.headers["webhook-id"], heard.body) for heard in desk.crm.heard}) == 1


async def test_two_workers_tell_of_each_once(desk: CallDesk) -> None:
    for number in range(12):
        await given_up(desk, number)

    async def work() -> None:
        loop = worker(desk)
        while await loop.once():
            pass

    await asyncio.gather(*(work() for _ in range(4)))
    assert len(desk.crm.heard) == len({heard.headers["webhook-id"] for heard in desk.crm.heard}) == 12


async def test_a_function_is_called_again_as_well(desk: CallDesk) -> None:
    calls: list[FunctionCall] = []
    desk.functions["score"] = calls.append
    key = await given_up(desk, destination="score", values={"id": 7})
    assert await worker(desk).once()
    told = FunctionCall(key, "reservation", "call_crm_lead", desk.customer, LATER, 1, {"id": 7})
    assert (calls, (await replay_of(desk, key))["status"]) == ([told], "done")


async def test_the_loop_goes_on_after_a_failure_of_its_own(desk: CallDesk) -> None:
    key = await given_up(desk)
    failures = [OSError(), OSError()]

    def fail(point: str) -> None:
        if failures:
            raise failures.pop()

    task = asyncio.create_task(worker(desk, hit=fail, idle=0.01).run())
    async with asyncio.timeout(10):
        while (await replay_of(desk, key))["status"] != "done":
            await due(desk)
            await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
