"""What people have to do. A run opens a task, people claim and complete it; completing it reaches the run as a fact."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from language.delivery import Delivery, Fact
from language.port import Answer, OpenTask
from store.commands import CommandError
from store.database import Database
from store.deeds import permitted
from store.facts import lock_customer
from store.outbox import deliver
from store.reading_tasks import STATE
from store.retry import retried

COMPLETED = "Task Completed"
"""The name of the fact that the run hears."""

_KNOWN = "SELECT id, state, result, note, completed_by FROM tasks WHERE key = $1"
_OPEN = """
INSERT INTO tasks (key, enrolment_id, customer_id, journey, step, visit, task, team, title, values, results,
    escalations, created_at, due_at, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'open') RETURNING id
"""

_LOCK_ENROLMENT = """
SELECT id FROM enrolments WHERE id = (SELECT enrolment_id FROM tasks WHERE id = $1) FOR NO KEY UPDATE
"""
# After the enrolment's lock, so that its snapshot holds whatever was committed by those who had it before.
_LOCK = f"""
SELECT t.id, t.enrolment_id, t.step, t.visit, t.task, t.results, t.claimed_by, {STATE} AS state
FROM tasks t JOIN enrolments e ON e.id = t.enrolment_id WHERE t.id = $2 FOR NO KEY UPDATE OF t
"""

_CLAIM = """
UPDATE tasks SET state = 'claimed', claimed_by = $2, claimed_at = $3 WHERE id = $1 AND claimed_by IS NULL
"""
_RELEASE = "UPDATE tasks SET state = 'open', claimed_by = NULL, claimed_at = NULL WHERE id = $1"
_COMPLETE = """
UPDATE tasks SET state = 'done', result = $2, note = $3, completed_by = $4, closed_at = $5 WHERE id = $1
"""
_NEXT_SEQ = "UPDATE enrolments SET last_seq = last_seq + 1 WHERE id = $1 RETURNING last_seq"


class UnknownTaskError(CommandError):
    """There is no such task."""


class TaskClosedError(CommandError):
    """It is done, or came to nothing."""


class ClaimedByAnotherError(CommandError):
    """Somebody else is at it."""


class NotAResultError(CommandError):
    """The answer is none of those to choose from."""


WHY_CLOSED = {
    "done": "This task is done already.",
    "expired": "The time for this task is up; the journey goes on without it.",
    "cancelled": "This task is of no use any more: its journey has gone on, or ended.",
}


@dataclass(frozen=True, slots=True)
class Completion:
    """What somebody answers. `result` is one of the task's `results`, None where it has none."""

    by: str
    result: str | None = None
    note: str | None = None


class Tasks:
    """The tasks, as activities use them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def open_task(self, task: OpenTask) -> Answer:
        """Answered by `{task_id}`; by `completed: {result, note, by}` too where somebody has completed it already."""

        async def transaction() -> Answer:
            async with self._db.pool.acquire() as connection, connection.transaction():
                return await _open(connection, task)

        return await retried(transaction)


async def _open(connection: Any, task: OpenTask) -> Answer:
    customer_id = await lock_customer(connection, task.customer_id)
    refusal = await permitted(connection, task)
    known = await connection.fetchrow(_KNOWN, task.key)
    if known is not None:
        return _opened(known)
    if refusal is not None:
        return refusal
    task_id = await connection.fetchval(
        _OPEN,
        task.key,
        task.progress.enrolment_id,
        customer_id,
        task.journey,
        task.step,
        task.visit,
        task.task,
        task.to,
        task.title,
        task.values,
        list(task.results),
        [escalation.model_dump(mode="json") for escalation in task.escalations],
        task.at,
        task.due_at,
    )
    return Answer(verdict="done", result={"task_id": task_id})


def _opened(known: asyncpg.Record) -> Answer:
    result: dict[str, Any] = {"task_id": known["id"]}
    if known["state"] == "done":
        result["completed"] = {"result": known["result"], "note": known["note"], "by": known["completed_by"]}
    return Answer(verdict="done", result=result)


async def claim(db: Database, clock: Callable[[], datetime], task_id: int, by: str) -> None:
    """From now on `by` is at it; asked twice by the same, it stays theirs. Raises a `CommandError`."""

    async def commit(connection: Any, task: asyncpg.Record, now: datetime) -> None:
        if task["claimed_by"] not in (None, by):
            raise ClaimedByAnotherError("Somebody else has claimed this task; it has to be released first.")
        await connection.execute(_CLAIM, task_id, by, now)

    await _change(db, clock, task_id, commit)


async def release(db: Database, clock: Callable[[], datetime], task_id: int) -> None:
    """Give it back to its team. Raises a `CommandError`."""

    async def commit(connection: Any, _: asyncpg.Record, __: datetime) -> None:
        await connection.execute(_RELEASE, task_id)

    await _change(db, clock, task_id, commit)


async def complete(db: Database, clock: Callable[[], datetime], task_id: int, completion: Completion) -> None:
    """Commit the answer, and its delivery to the run; wake the relay afterwards. Whoever claimed it, anybody may.

    `clock` is the journeys'. Raises a `CommandError`.
    """

    async def commit(connection: Any, task: asyncpg.Record, now: datetime) -> None:
        _check(task["results"], completion.result)
        await connection.execute(_COMPLETE, task_id, completion.result, completion.note, completion.by, now)
        seq = await connection.fetchval(_NEXT_SEQ, task["enrolment_id"])
        delivery = Delivery(seq=seq, kind="event", at=now, fact=_fact(task, completion, seq, now))
        await deliver(connection, task["enrolment_id"], delivery)

    await _change(db, clock, task_id, commit)


async def _change(
    db: Database,
    clock: Callable[[], datetime],
    task_id: int,
    commit: Callable[[Any, asyncpg.Record, datetime], Awaitable[None]],
) -> None:
    """Let `commit` change the task if it is open, holding its enrolment and then itself."""

    async def transaction() -> None:
        async with db.pool.acquire() as connection, connection.transaction():
            if await connection.fetchval(_LOCK_ENROLMENT, task_id) is None:
                raise UnknownTaskError("There is no such task.")
            now = clock()
            [task] = await connection.fetch(_LOCK, now, task_id)
            if task["state"] in WHY_CLOSED:
                raise TaskClosedError(WHY_CLOSED[task["state"]])
            await commit(connection, task, now)

    await retried(transaction)


def _check(results: list[str], result: str | None) -> None:
    if results and result not in results:
        raise NotAResultError(f"it must be one of: {', '.join(results)}")
    if not results and result is not None:
        raise NotAResultError("this task has no results to choose from: leave it out")


def _fact(task: asyncpg.Record, completion: Completion, seq: int, now: datetime) -> Fact:
    properties = {
        "task": task["task"],
        "result": completion.result,
        "note": completion.note,
        "by": completion.by,
    }
    about = {"step": task["step"], "visit": str(task["visit"]), "task": task["task"]}
    return Fact(name=COMPLETED, properties=properties, at=now, is_activity=False, about=about, seq=seq)
