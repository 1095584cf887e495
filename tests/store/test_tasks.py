import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from language.port import Escalation, OpenTask, StepTrace
from store.commands import command
from store.coupons import Coupons, load_codes
from store.database import Database
from store.ingest import Ingest
from store.progress import write_progress
from store.reading_tasks import TaskFilter, TaskRecord, get_task, list_tasks
from store.tasks import (
    ClaimedByAnotherError,
    Completion,
    NotAResultError,
    TaskClosedError,
    Tasks,
    UnknownTaskError,
    claim,
    complete,
    release,
)
from tests.deeds import add_enrolments, open_task, take_coupon
from tests.rows import AT, add_customer, add_enrolment, deliver, enrolment_row, progress
from tests.store.ingesting import alias, customer_of, identify

HOUR = timedelta(hours=1)
LATER = AT + HOUR
WAITING = StepTrace(step="qualify", visit=1, verb="task", entered_at=AT)


def later() -> datetime:
    return LATER


async def opened(db: Database, **more: Any) -> tuple[int, int]:
    """A task of a new customer and the enrolment it is for."""
    [(customer, enrolment)] = await add_enrolments(db, 1)
    return await open_for(db, open_task(customer, enrolment, **more)), enrolment


async def open_for(db: Database, task: OpenTask) -> int:
    answer = await Tasks(db).open_task(task)
    assert answer.verdict == "done"
    return int(answer.result["task_id"])


async def read(db: Database, task_id: int, now: datetime = LATER) -> TaskRecord:
    task = await get_task(db, task_id, now)
    assert task is not None
    return task


async def state(db: Database, task_id: int, now: datetime = LATER) -> str:
    return (await read(db, task_id, now)).state


async def finish(db: Database, task_id: int, result: str | None = "A", by: str = "maria") -> None:
    await complete(db, later, task_id, Completion(by, result))


async def test_task_is_opened_once(db: Database) -> None:
    [(customer, enrolment)] = await add_enrolments(db, 1)
    wanted = open_task(customer, enrolment, values={"phone": "+5511"}, due_at=AT + 24 * HOUR)
    answers = await asyncio.gather(*(Tasks(db).open_task(wanted) for _ in range(5)))
    assert len({answer.result["task_id"] for answer in answers}) == 1
    task = await read(db, answers[0].result["task_id"])
    assert (task.customer_id, task.enrolment_id, task.step, task.visit) == (customer, enrolment, "qualify", 1)
    assert (task.task, task.team, task.title, task.results) == ("qualify", "sales", "Qualify Ana", ["A", "B", "C"])
    assert (task.values, task.created_at, task.due_at) == ({"phone": "+5511"}, AT, AT + 24 * HOUR)
    assert (task.state, task.is_overdue, task.closed_at) == ("open", False, None)


async def test_nothing_is_opened_for_whom_something_has_happened_meanwhile(db: Database) -> None:
    [(customer, enrolment)] = await add_enrolments(db, 1)
    await deliver(db, enrolment, name="Bought")
    assert (await Tasks(db).open_task(open_task(customer, enrolment))).verdict == "behind"
    assert await db.pool.fetchval("SELECT count(*) FROM tasks") == 0


async def test_completing_reaches_the_run_as_a_fact(db: Database) -> None:
    task_id, enrolment = await opened(db)
    await complete(db, later, task_id, Completion("maria", "B", "call on Tuesday"))
    [delivery] = (await write_progress(db.pool, progress(enrolment, 1))).unseen
    fact = delivery.fact
    assert fact is not None
    assert (delivery.kind, delivery.seq, delivery.at) == ("event", 2, LATER)
    assert (fact.name, fact.at, fact.is_activity) == ("Task Completed", LATER, False)
    assert fact.properties == {"task": "qualify", "result": "B", "note": "call on Tuesday", "by": "maria"}
    assert fact.about == {"step": "qualify", "visit": "1", "task": "qualify"}
    task = await read(db, task_id)
    assert (task.state, task.result, task.note, task.completed_by) == ("done", "B", "call on Tuesday", "maria")
    assert (task.closed_at, task.is_overdue) == (LATER, False)


async def test_of_many_who_complete_it_at_once_exactly_one_does(database_url: str) -> None:
    db = await Database.open(database_url, pool_size=30)
    task_id, enrolment = await opened(db)
    tries = (finish(db, task_id, by=f"person {number}") for number in range(30))
    failures = [it for it in await asyncio.gather(*tries, return_exceptions=True) if it is not None]
    assert len(failures) == 29
    assert {type(it) for it in failures} == {TaskClosedError}
    assert (await enrolment_row(db, enrolment))["last_seq"] == 2
    await db.close()


async def test_completing_and_leaving_the_step_at_once_agree(database_url: str) -> None:
    """Either the run hears of it with the write that leaves the step, or the person learns that it is too late."""
    db = await Database.open(database_url, pool_size=30)
    left = WAITING.model_copy(update={"left_at": LATER})

    async def race() -> tuple[bool, bool]:
        task_id, enrolment = await opened(db)
        writing = write_progress(db.pool, progress(enrolment, 1, traces=(left,)))
        standing, refusal = await asyncio.gather(writing, finish(db, task_id), return_exceptions=True)
        assert not isinstance(standing, BaseException)
        assert await state(db, task_id) == ("cancelled" if refusal else "done")
        return standing.is_behind, refusal is None

    heard = await asyncio.gather(*(race() for _ in range(40)))
    assert all(is_behind == is_done for is_behind, is_done in heard)
    agree = "(t.state = 'done') = (e.last_seq = 2)"
    assert await db.pool.fetchval(f"SELECT bool_and({agree}) FROM tasks t JOIN enrolments e ON e.id = enrolment_id")
    await db.close()


async def test_completing_and_stopping_at_once_never_deadlock(database_url: str) -> None:
    db = await Database.open(database_url, pool_size=30)
    for _ in range(10):
        tasks = [await opened(db) for _ in range(5)]
        stops = [command(db, later, enrolment, "stop") for _, enrolment in tasks]
        writes = [write_progress(db.pool, progress(enrolment, 1, traces=(WAITING,))) for _, enrolment in tasks]
        done = await asyncio.gather(
            *(finish(db, task_id) for task_id, _ in tasks), *stops, *writes, return_exceptions=True
        )
        assert {type(it) for it in done if isinstance(it, BaseException)} <= {TaskClosedError}
    await db.close()


@pytest.mark.parametrize(("results", "result"), [(("A", "B"), "D"), (("A", "B"), None), ((), "A")])
async def test_answer_must_be_one_of_the_results(db: Database, results: tuple[str, ...], result: str | None) -> None:
    task_id, enrolment = await opened(db, results=results)
    with pytest.raises(NotAResultError):
        await finish(db, task_id, result)
    assert await state(db, task_id) == "open"
    assert (await enrolment_row(db, enrolment))["last_seq"] == 1


async def test_task_without_results_is_just_done(db: Database) -> None:
    task_id, _ = await opened(db, results=())
    await finish(db, task_id, None)
    assert (await read(db, task_id)).result is None
    assert await state(db, task_id) == "done"


async def test_claimed_by_one_it_is_not_anothers_until_released(db: Database) -> None:
    task_id, _ = await opened(db)
    await claim(db, later, task_id, "maria")
    await claim(db, lambda: LATER + HOUR, task_id, "maria")
    with pytest.raises(ClaimedByAnotherError):
        await claim(db, later, task_id, "joão")
    task = await read(db, task_id)
    assert (task.state, task.claimed_by, task.claimed_at) == ("claimed", "maria", LATER)
    await release(db, later, task_id)
    await claim(db, later, task_id, "joão")
    assert (await read(db, task_id)).claimed_by == "joão"


async def test_of_many_who_claim_it_at_once_exactly_one_does(db: Database) -> None:
    task_id, _ = await opened(db)
    tries = (claim(db, later, task_id, f"person {number}") for number in range(10))
    failures = [it for it in await asyncio.gather(*tries, return_exceptions=True) if it is not None]
    assert {type(it) for it in failures} == {ClaimedByAnotherError}
    assert len(failures) == 9


async def test_anybody_may_complete_what_somebody_else_has_claimed(db: Database) -> None:
    task_id, _ = await opened(db)
    await claim(db, later, task_id, "maria")
    await finish(db, task_id, by="joão")
    task = await read(db, task_id)
    assert (task.claimed_by, task.completed_by) == ("maria", "joão")


async def everything_is_refused(db: Database, task_id: int, now: datetime = LATER) -> str:
    """The reason; and nothing was delivered."""
    before = await db.pool.fetchval("SELECT sum(last_seq) FROM enrolments")
    reasons = set()
    for change in (
        complete(db, lambda: now, task_id, Completion("maria", "A")),
        claim(db, lambda: now, task_id, "maria"),
        release(db, lambda: now, task_id),
    ):
        with pytest.raises(TaskClosedError) as refused:
            await change
        reasons.add(str(refused.value))
    assert await db.pool.fetchval("SELECT sum(last_seq) FROM enrolments") == before
    [reason] = reasons
    return reason


async def test_what_is_done_stays_done(db: Database) -> None:
    task_id, _ = await opened(db)
    await finish(db, task_id)
    assert "done already" in await everything_is_refused(db, task_id)


async def test_at_its_last_instant_the_time_is_up(db: Database) -> None:
    task_id, _ = await opened(db, due_at=LATER)
    assert await state(db, task_id, LATER - timedelta(microseconds=1)) == "open"
    task = await read(db, task_id)
    assert (task.state, task.is_overdue, task.closed_at) == ("expired", True, LATER)
    assert "time for this task is up" in await everything_is_refused(db, task_id)
    await complete(db, lambda: LATER - timedelta(microseconds=1), task_id, Completion("maria", "A"))


@pytest.mark.parametrize("ended", ["ending", "ended"])
async def test_task_of_an_enrolment_that_has_ended_is_cancelled(db: Database, ended: str) -> None:
    task_id, _ = await opened(db, due_at=AT + 9 * HOUR)
    await db.pool.execute("UPDATE enrolments SET state = $1, outcome = 'paid', ended_at = $2", ended, LATER)
    for now in (LATER, AT + 99 * HOUR):
        task = await read(db, task_id, now)
        assert (task.state, task.is_overdue, task.closed_at) == ("cancelled", False, LATER)
    assert "no use any more" in await everything_is_refused(db, task_id)


@pytest.mark.parametrize(
    ("due_at", "expected"), [(None, "cancelled"), (AT + 2 * HOUR, "cancelled"), (AT + HOUR / 2, "expired")]
)
async def test_task_comes_to_nothing_when_the_run_leaves_its_step(
    db: Database, due_at: datetime | None, expected: str
) -> None:
    task_id, enrolment = await opened(db, due_at=due_at)
    await write_progress(db.pool, progress(enrolment, 1, traces=(WAITING,)))
    assert await db.pool.fetchval("SELECT state FROM tasks") == "open"
    left = WAITING.model_copy(update={"left_at": LATER})
    await write_progress(db.pool, progress(enrolment, 1, traces=(left,)).model_copy(update={"at": LATER}))
    assert await db.pool.fetchval("SELECT state FROM tasks") == expected
    assert (await read(db, task_id, AT + 99 * HOUR)).closed_at == (due_at if expected == "expired" else LATER)
    await everything_is_refused(db, task_id, AT)


async def test_other_visits_of_the_step_keep_their_tasks(db: Database) -> None:
    [(customer, enrolment)] = await add_enrolments(db, 1)
    first = await open_for(db, open_task(customer, enrolment))
    again = open_task(customer, enrolment).model_copy(update={"key": f"{enrolment}/qualify/2", "visit": 2})
    second = await open_for(db, again)
    left = WAITING.model_copy(update={"left_at": LATER})
    await write_progress(db.pool, progress(enrolment, 1, traces=(left,)))
    assert (await state(db, first), await state(db, second)) == ("cancelled", "open")


async def test_end_of_the_run_is_the_end_of_its_open_tasks_alone(db: Database) -> None:
    open_id, enrolment = await opened(db)
    done_id, other = await opened(db)
    await finish(db, done_id)
    for one, seen in ((enrolment, 1), (other, 2)):
        await write_progress(db.pool, progress(one, seen, ended_as="paid"))
    rows = await db.pool.fetch("SELECT state FROM tasks ORDER BY id")
    assert [row["state"] for row in rows] == ["cancelled", "done"]
    assert (await state(db, open_id), await state(db, done_id)) == ("cancelled", "done")


async def test_run_that_lost_the_answer_learns_that_it_is_completed(db: Database) -> None:
    [(customer, enrolment)] = await add_enrolments(db, 1)
    task_id = await open_for(db, open_task(customer, enrolment))
    await finish(db, task_id)
    answer = await Tasks(db).open_task(open_task(customer, enrolment, seen_seq=2))
    assert answer.result == {"task_id": task_id, "completed": {"result": "A", "note": None, "by": "maria"}}


ESCALATIONS = (Escalation(at=AT + 2 * HOUR, to="leads"), Escalation(at=AT + 4 * HOUR, to="boss"))


async def test_escalated_it_is_theirs_from_that_moment_on(db: Database) -> None:
    task_id, _ = await opened(db, escalations=ESCALATIONS)
    seen = [await read(db, task_id, AT + hours * HOUR) for hours in (1, 2, 3, 4)]
    assert [(task.team, task.is_overdue) for task in seen] == [
        ("sales", False),
        ("leads", True),
        ("leads", True),
        ("boss", True),
    ]
    for team, found in (("sales", 0), ("leads", 1), ("boss", 0)):
        assert len((await list_tasks(db, TaskFilter(team=team), AT + 3 * HOUR)).items) == found


async def test_done_in_time_it_is_never_escalated(db: Database) -> None:
    task_id, _ = await opened(db, escalations=ESCALATIONS)
    await finish(db, task_id)
    task = await read(db, task_id, AT + 99 * HOUR)
    assert (task.team, task.is_overdue) == ("sales", False)


async def test_tasks_move_with_a_merged_customer(db: Database) -> None:
    [(gone, enrolment)] = await add_enrolments(db, 1)
    stays = await add_customer(db)
    await db.pool.execute("UPDATE customers SET merged_into = $2 WHERE id = $1", gone, stays)
    assert (await read(db, await open_for(db, open_task(gone, enrolment)))).customer_id == stays


async def test_tasks_and_coupons_of_two_who_turn_out_to_be_one_are_theirs(db: Database, ingest: Ingest) -> None:
    await ingest.accept([identify("old"), identify("new")])
    gone, stays = [int((await customer_of(db, "user_id", user))["id"]) for user in ("old", "new")]
    enrolment = await add_enrolment(db, gone)
    await open_for(db, open_task(gone, enrolment))
    await load_codes(db, "bonus30", ["A"])
    await Coupons(db).take(take_coupon(gone, enrolment))
    await ingest.accept([alias("new", "old")])
    [owner] = await db.pool.fetch("SELECT t.customer_id AS task, c.customer_id AS coupon FROM tasks t, coupons c")
    left = await db.pool.fetchval("SELECT id FROM customers WHERE merged_into IS NULL")
    assert (owner["task"], owner["coupon"]) == (left, left)
    assert left in (gone, stays)


async def test_task_that_is_not_there_is_unknown(db: Database) -> None:
    with pytest.raises(UnknownTaskError):
        await finish(db, 77)
    assert await get_task(db, 77, AT) is None
