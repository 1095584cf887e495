import asyncio
from datetime import timedelta

import pytest

from language.port import StepTrace
from store.database import Database
from store.progress import write_progress
from tests.rows import AT, add_customer, add_enrolment, deliver, enrolment_row, progress

ENTERED = StepTrace(step="wait", visit=1, verb="wait", entered_at=AT, waits_until=AT + timedelta(days=1))
LEFT = ENTERED.model_copy(update={"left_at": AT + timedelta(hours=1), "result": {"outcome": "due"}})

HELD = """
INSERT INTO messages (key, enrolment_id, customer_id, step, visit, channel, message, message_class, status, attempt,
    created_at)
SELECT id || '/wait/1/sms', id, customer_id, 'wait', 1, 'sms', 'hello', 'service', 'held', 1, $2
FROM enrolments WHERE id = $1
"""


@pytest.fixture
async def enrolment_id(db: Database) -> int:
    return await add_enrolment(db, await add_customer(db))


async def test_the_first_run_takes_the_enrolment(db: Database, enrolment_id: int) -> None:
    assert not (await write_progress(db.pool, progress(enrolment_id, 1))).taken
    other = await write_progress(db.pool, progress(enrolment_id, 1, "run-2", step="wait", traces=(ENTERED,)))
    assert other.taken
    row = await enrolment_row(db, enrolment_id)
    assert (row["run_id"], row["step"], row["seen_seq"]) == ("run-1", None, 1)
    assert await db.pool.fetchval("SELECT count(*) FROM steps") == 0


async def test_two_runs_at_once_only_one_gets_it(db: Database, enrolment_id: int) -> None:
    runs = [write_progress(db.pool, progress(enrolment_id, 1, f"run-{number}")) for number in range(8)]
    assert sorted(one.taken for one in await asyncio.gather(*runs)) == [False] + [True] * 7


async def test_no_such_enrolment_is_taken(db: Database) -> None:
    assert (await write_progress(db.pool, progress(99, 1))).taken


async def test_a_visit_is_entered_then_left(db: Database, enrolment_id: int) -> None:
    await write_progress(db.pool, progress(enrolment_id, 1, step="wait", traces=(ENTERED,)))
    await write_progress(db.pool, progress(enrolment_id, 1, traces=(LEFT,)))
    await write_progress(db.pool, progress(enrolment_id, 1, traces=(ENTERED,)))
    [row] = await db.pool.fetch("SELECT * FROM steps")
    assert StepTrace.model_validate({name: row[name] for name in StepTrace.model_fields}) == LEFT


async def test_a_visit_may_be_entered_and_left_in_one_go(db: Database, enrolment_id: int) -> None:
    await write_progress(db.pool, progress(enrolment_id, 1, traces=(ENTERED, LEFT)))
    assert await db.pool.fetchval("SELECT result FROM steps") == {"outcome": "due"}


async def test_what_was_not_seen_comes_back_in_order(db: Database, enrolment_id: int) -> None:
    for number in range(3):
        await deliver(db, enrolment_id, number=number)
    standing = await write_progress(db.pool, progress(enrolment_id, 2))
    assert [one.seq for one in standing.unseen] == [3, 4]
    assert standing.unseen[1].fact
    assert standing.unseen[1].fact.properties == {"number": 2}
    assert not (await write_progress(db.pool, progress(enrolment_id, 4))).is_behind


async def test_a_run_that_lost_its_memory_is_told_again(db: Database, enrolment_id: int) -> None:
    await deliver(db, enrolment_id)
    await write_progress(db.pool, progress(enrolment_id, 1))
    await write_progress(db.pool, progress(enrolment_id, 2))
    again = await write_progress(db.pool, progress(enrolment_id, 1))
    assert [one.seq for one in again.unseen] == [2]
    assert (await enrolment_row(db, enrolment_id))["seen_seq"] == 2


async def test_the_end_closes_and_is_final(db: Database, enrolment_id: int) -> None:
    end = progress(enrolment_id, 1, ended_as="completed")
    assert not (await write_progress(db.pool, end)).taken
    row = await enrolment_row(db, enrolment_id)
    assert (row["state"], row["outcome"], row["ended_at"]) == ("ended", "completed", AT)
    assert await db.pool.fetchval("SELECT count(*) FROM deliveries") == 0
    assert (await write_progress(db.pool, end)).taken
    assert (await write_progress(db.pool, progress(enrolment_id, 1, step="wait"))).taken


async def test_an_outcome_already_decided_stands(db: Database, enrolment_id: int) -> None:
    await db.pool.execute(
        "UPDATE enrolments SET state = 'ending', outcome = 'moved_on', ended_at = $1", AT - timedelta(hours=1)
    )
    await write_progress(db.pool, progress(enrolment_id, 1, ended_as="completed"))
    row = await enrolment_row(db, enrolment_id)
    assert (row["state"], row["outcome"], row["ended_at"]) == ("ended", "moved_on", AT - timedelta(hours=1))


async def test_a_run_may_pause_its_enrolment_for_a_person_to_look(db: Database, enrolment_id: int) -> None:
    standing = await write_progress(db.pool, progress(enrolment_id, 1, pause="goes in circles"))
    assert standing.paused
    row = await enrolment_row(db, enrolment_id)
    assert (row["paused_at"], row["reason"]) == (AT, "goes in circles")


async def test_a_concurrent_event_is_seen_by_the_progress_that_waited_for_it(db: Database, enrolment_id: int) -> None:
    async with db.pool.acquire() as ingest, ingest.transaction():
        await ingest.execute("UPDATE enrolments SET last_seq = 2")
        writing = asyncio.create_task(write_progress(db.pool, progress(enrolment_id, 1)))
        await asyncio.sleep(0.1)
        await ingest.execute(
            "INSERT INTO deliveries (enrolment_id, seq, kind, payload) VALUES ($1, 2, 'end', $2)",
            enrolment_id,
            {"seq": 2, "kind": "end", "at": AT.isoformat(), "outcome": "moved_on"},
        )
        assert not writing.done()
    assert [one.outcome for one in (await writing).unseen] == ["moved_on"]


async def test_an_attempt_that_was_given_up_takes_nobody_back(db: Database, enrolment_id: int) -> None:
    before = progress(enrolment_id, 1, step="wait", stage="first", pause="goes in circles", traces=(ENTERED,))
    after = progress(enrolment_id, 1, step="next", stage="second", traces=(LEFT,))
    after = after.model_copy(update={"at": AT + timedelta(minutes=1)})
    for one in (after, before, after.model_copy(update={"at": after.at - timedelta(seconds=1), "step": "last"})):
        assert not (await write_progress(db.pool, one)).taken
    row = await enrolment_row(db, enrolment_id)
    assert (row["step"], row["stage"], row["paused_at"], row["reason"]) == ("last", "second", None, None)
    assert await db.pool.fetchval("SELECT left_at FROM steps") == LEFT.left_at


@pytest.mark.parametrize(("minutes", "status"), [(-1, "held"), (1, "suppressed")])
async def test_what_waits_is_let_go_by_whoever_stands_there(
    db: Database, enrolment_id: int, minutes: int, status: str
) -> None:
    """An attempt that was given up had left the step on what it had heard; the one after it stands there and sends."""
    await write_progress(db.pool, progress(enrolment_id, 1, step="wait", traces=(ENTERED,)))
    await db.pool.execute(HELD, enrolment_id, AT)
    left = progress(enrolment_id, 1, step="next", traces=(LEFT,))
    await write_progress(db.pool, left.model_copy(update={"at": AT + timedelta(minutes=minutes)}))
    assert await db.pool.fetchval("SELECT status FROM messages") == status


async def test_a_run_with_another_clock_is_believed(db: Database, enrolment_id: int) -> None:
    later = progress(enrolment_id, 1, step="wait").model_copy(update={"at": AT + timedelta(days=1)})
    await write_progress(db.pool, later)
    await db.pool.execute("UPDATE enrolments SET run_id = NULL")
    await write_progress(db.pool, progress(enrolment_id, 1, "run-2", step="next", traces=(ENTERED,)))
    await write_progress(db.pool, progress(enrolment_id, 1, "run-2", step="last"))
    assert (await enrolment_row(db, enrolment_id))["step"] == "last"
    assert await db.pool.fetchval("SELECT count(*) FROM steps") == 1
