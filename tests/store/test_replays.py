"""Calls are made again as often as people ask, one at a time, and only where it is known what they told."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from language.port import Answer
from language.replay import Replay
from store.calls import CallLedger
from store.database import Database
from store.reading_calls import CallFilter, get_call
from store.replays import Asked, NotReplayableError, ReplayQueue, UnknownCallError, ask_again, ask_all_again
from tests.activities.calling import order_of
from tests.deeds import add_enrolments
from tests.rows import AT, add_version

LATER = AT + timedelta(hours=2)
REFUSED, DONE = Answer(verdict="refused", reason="it answered 500"), Answer(verdict="done")


async def add_calls(db: Database, count: int = 1, answer: Answer | None = REFUSED, **more: Any) -> list[str]:
    """Calls of as many customers, long settled with this answer; None: they are held."""
    ledger, keys = CallLedger(db), []
    for customer, enrolment in await add_enrolments(db, count):
        order = order_of(customer, enrolment, **more)
        await ledger.claim(order, now=AT, patience=timedelta(minutes=15))
        if answer is None:
            await ledger.hold(order, "it answered 500", now=AT, was_called=True)
        else:
            await ledger.settle(order, answer, now=AT)
        keys.append(order.key)
    await rest(db)
    return keys


async def rest(db: Database) -> None:
    """Whoever called, calls no more."""
    await db.pool.execute("UPDATE calls SET call_until = clock_timestamp() - interval '1 second'")


async def take_all(db: Database) -> list[Replay]:
    queue, taken = ReplayQueue(db), []
    while (one := await queue.take([])) is not None:
        taken.append(one)
    return taken


async def ask(db: Database, *keys: str) -> None:
    for key in keys:
        await ask_again(db, lambda: LATER, key)


async def replay_of(db: Database, key: str) -> dict[str, Any] | None:
    record = await get_call(db, key)
    assert record is not None
    return record.replay


@pytest.fixture(autouse=True)
async def version(db: Database) -> None:
    await add_version(db)


async def test_what_was_refused_is_taken_as_it_was_told(db: Database) -> None:
    values = {"big": 1e16, "lead": "l1", "odd": "\0", "whole": 100.0}
    [key] = await add_calls(db, values=values)
    await ask(db, key)
    [taken] = await take_all(db)
    assert (taken.key, taken.journey, taken.version, taken.step) == (key, "reservation", 1, "call_crm_lead")
    assert (taken.destination, taken.values, taken.attempt) == ("crm_lead", values, 1)
    assert repr(taken.values) == repr(values), "to the letter: the same id must not bring another body"


async def test_asking_twice_while_it_waits_is_once(db: Database) -> None:
    [key] = await add_calls(db)
    await asyncio.gather(*(ask(db, key) for _ in range(10)), *(ask_all(db) for _ in range(5)))
    assert len(await take_all(db)) == 1
    await ask(db, key)
    assert await take_all(db) == [], "somebody is at it"


async def ask_all(db: Database, **words: Any) -> Asked:
    return await ask_all_again(db, lambda: LATER, CallFilter(**words))


async def test_many_workers_take_each_once(db: Database) -> None:
    keys = await add_calls(db, 30)
    assert await ask_all(db) == Asked(30, 0)
    taken = await asyncio.gather(*(take_all(db) for _ in range(8)))
    assert sorted(one.key for some in taken for one in some) == sorted(keys)


async def test_whoever_dies_with_one_is_followed_by_another_and_heard_no_more(db: Database) -> None:
    [key] = await add_calls(db)
    await ask(db, key)
    queue = ReplayQueue(db)
    [first] = await take_all(db)
    await rest(db)
    [second] = await take_all(db)
    assert (first.attempt, second.attempt) == (1, 2)
    assert await queue.settle(second, DONE, now=LATER)
    assert not await queue.settle(first, REFUSED, now=LATER)
    assert (await replay_of(db, key) or {})["status"] == "done"


async def test_the_journeys_past_stays_and_what_was_told_goes(db: Database) -> None:
    [key] = await add_calls(db)
    await ask(db, key)
    [taken] = await take_all(db)
    await ReplayQueue(db).settle(taken, DONE, now=LATER)
    record = await get_call(db, key)
    assert record is not None
    assert (record.status, record.reason, record.attempts, record.at) == ("refused", "it answered 500", 1, AT)
    assert (record.values, record.is_replayable) == (None, False)
    order = order_of(record.customer_id, record.enrolment_id)
    assert await CallLedger(db).claim(order, now=LATER, patience=timedelta()) == REFUSED


async def test_what_failed_again_waits_and_keeps_its_turn(db: Database) -> None:
    [key] = await add_calls(db)
    await ask(db, key)
    [taken] = await take_all(db)
    queue = ReplayQueue(db)
    await queue.put_off(taken, "it answered 503", timedelta(hours=1), now=LATER, was_called=True)
    assert await take_all(db) == []
    assert await replay_of(db, key) == {
        "status": "waiting",
        "reason": "it answered 503",
        "attempts": 1,
        "asked_at": LATER.isoformat(),
        "at": LATER.isoformat(),
    }
    await db.pool.execute("UPDATE calls SET replay_from = clock_timestamp()")
    [again] = await take_all(db)
    await queue.settle(again, REFUSED, now=LATER)
    await ask(db, key)
    [asked_anew] = await take_all(db)
    assert asked_anew.attempt == 3


async def test_destinations_that_are_away_keep_no_others_waiting(db: Database) -> None:
    await add_calls(db, 2)
    [other] = await add_calls(db, destination="billing")
    await ask_all(db)
    taken = await ReplayQueue(db).take(["crm_lead"])
    assert taken is not None
    assert taken.key == other


async def test_a_first_attempt_that_may_still_be_calling_is_waited_for(db: Database) -> None:
    [key] = await add_calls(db)
    await ask(db, key)
    await db.pool.execute("UPDATE calls SET call_until = clock_timestamp() + interval '9 seconds'")
    assert await take_all(db) == []


@pytest.mark.parametrize("status", ["claimed", "held"])
async def test_what_an_ended_enrolment_left_is_asked_for_by_itself(db: Database, status: str) -> None:
    [key] = await add_calls(db, answer=None)
    await db.pool.execute("UPDATE calls SET status = $1", status)
    with pytest.raises(NotReplayableError, match="still at this call"):
        await ask(db, key)
    await db.pool.execute("UPDATE enrolments SET state = 'ended'")
    assert await ask_all(db) == Asked(0, 0)
    assert await ask_all(db, status="cut_off") == Asked(1, 0)
    await ask(db, key)
    assert len(await take_all(db)) == 1


async def test_an_attempt_that_is_done_after_all_needs_no_other(db: Database) -> None:
    [(customer, enrolment)] = await add_enrolments(db, 1)
    order, ledger = order_of(customer, enrolment), CallLedger(db)
    await ledger.claim(order, now=AT, patience=timedelta())
    await db.pool.execute("UPDATE enrolments SET state = 'ended'")
    await ask(db, order.key)
    await ledger.settle(order, DONE, now=AT)
    await rest(db)
    assert await take_all(db) == []
    assert (await replay_of(db, order.key) or {})["status"] == "done"


GONE = {
    "values": "UPDATE calls SET values = NULL",
    "customer": "DELETE FROM customers",
    "enrolment": "DELETE FROM enrolments",
}


@pytest.mark.parametrize("what", GONE)
async def test_without_what_it_told_nothing_is_made_again(db: Database, what: str) -> None:
    asked, unasked = await add_calls(db, 2)
    await ask(db, asked)
    await db.pool.execute(GONE[what])
    [taken] = await take_all(db)
    assert (taken.key, taken.values) == (asked, None)
    with pytest.raises(NotReplayableError, match="not kept"):
        await ask(db, unasked)
    await db.pool.execute("UPDATE calls SET replay = NULL")
    assert await ask_all(db) == Asked(0, 2)


async def test_what_was_done_or_is_unknown_is_not_made_again(db: Database) -> None:
    [done] = await add_calls(db, answer=DONE)
    assert await db.pool.fetchval("SELECT values FROM calls") is None
    with pytest.raises(NotReplayableError, match="was done"):
        await ask(db, done)
    with pytest.raises(UnknownCallError):
        await ask(db, "7/call/1")
    assert await ask_all(db) == Asked(0, 0)


async def test_many_are_asked_for_by_what_they_have_in_common(db: Database) -> None:
    await add_calls(db, 3)
    await add_calls(db, 2, destination="billing")
    await db.pool.execute("UPDATE calls SET at = $1 WHERE key = (SELECT min(key) FROM calls)", AT - timedelta(days=1))
    assert await ask_all(db, journey="win_back") == Asked(0, 0)
    assert await ask_all(db, destination="crm_lead", since=AT) == Asked(2, 0)
    assert await ask_all(db, destination="crm_lead", journey="reservation") == Asked(1, 0)
    assert await ask_all(db, since=AT) == Asked(2, 0)


async def test_a_destination_is_what_the_live_version_says(db: Database) -> None:
    """It may have been mended since; where it is not named any more, it is what it was."""
    keys = await add_calls(db, 2)
    await db.pool.execute("UPDATE journey_versions SET state = 'archived'")
    await add_version(db, version=2)
    await ask(db, keys[0])
    assert [one.version for one in await take_all(db)] == [1]
    await db.pool.execute("UPDATE journey_versions SET destinations = '{\"crm_lead\": {}}' WHERE version = 2")
    await ask(db, keys[1])
    assert [one.version for one in await take_all(db)] == [2]
