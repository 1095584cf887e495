"""People's commands to an enrolment. They hold from the commit on and travel to the run as deliveries."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from language.delivery import Command, Delivery
from store.database import Database
from store.outbox import deliver
from store.retry import retried

STOPPED = "stopped"

_LOCK = "SELECT id, state, paused_at, step, last_seq FROM enrolments WHERE id = $1 FOR UPDATE"
_WAITS = """
SELECT true FROM steps WHERE enrolment_id = $1 AND step = $2 AND left_at IS NULL ORDER BY visit DESC LIMIT 1
"""
_CHANGE = """
UPDATE enrolments SET
    last_seq = last_seq + 1,
    reason = coalesce($4, reason),
    state = CASE $2 WHEN 'stop' THEN 'ending' ELSE state END,
    outcome = CASE $2 WHEN 'stop' THEN $5 ELSE outcome END,
    ended_at = CASE $2 WHEN 'stop' THEN $3 ELSE ended_at END,
    paused_at = CASE $2 WHEN 'pause' THEN $3 WHEN 'resume' THEN NULL ELSE paused_at END
WHERE id = $1 RETURNING last_seq
"""


class CommandError(Exception):
    """A command that makes no sense now; its text is for the person who gave it."""


class UnknownEnrolmentError(CommandError):
    """There is no such enrolment."""


class AlreadyEndedError(CommandError):
    """The enrolment has ended, or its end is decided."""


class AlreadyPausedError(CommandError):
    """The enrolment is paused already."""


class NotPausedError(CommandError):
    """The enrolment is not paused."""


class NotWaitingError(CommandError):
    """The enrolment waits for nothing that could be skipped."""


@dataclass(frozen=True, slots=True)
class Commanded:
    """What was committed: the delivery's `seq`, and the journey time from which it holds."""

    enrolment_id: int
    command: Command
    seq: int
    at: datetime


async def command(
    db: Database, clock: Callable[[], datetime], enrolment_id: int, command: Command, *, reason: str | None = None
) -> Commanded:
    """Commit one command; wake the relay afterwards. `clock` is the journeys'. Raises a `CommandError`.

    `reason` is kept with the enrolment and shown to support staff.
    """

    async def transaction() -> Commanded:
        async with db.pool.acquire() as connection, connection.transaction():
            return await _commit(connection, clock, enrolment_id, command, reason)

    return await retried(transaction)


async def _commit(
    connection: Any, clock: Callable[[], datetime], enrolment_id: int, command: Command, reason: str | None
) -> Commanded:
    enrolment = await connection.fetchrow(_LOCK, enrolment_id)
    _check(enrolment, command)
    if command == "skip_wait" and not await connection.fetchval(_WAITS, enrolment_id, enrolment["step"]):
        raise NotWaitingError("This enrolment is not waiting in any step.")
    at = clock()
    seq = await connection.fetchval(_CHANGE, enrolment_id, command, at, reason, STOPPED)
    delivery = _delivery(command, seq, at, enrolment["step"])
    await deliver(connection, enrolment_id, delivery)
    return Commanded(enrolment_id, command, seq, at)


def _check(enrolment: asyncpg.Record | None, command: Command) -> None:
    if enrolment is None:
        raise UnknownEnrolmentError("There is no such enrolment.")
    if enrolment["state"] != "active":
        raise AlreadyEndedError("This enrolment has ended.")
    if command == "pause" and enrolment["paused_at"] is not None:
        raise AlreadyPausedError("This enrolment is paused already.")
    if command == "resume" and enrolment["paused_at"] is None:
        raise NotPausedError("This enrolment is not paused.")


def _delivery(command: Command, seq: int, at: datetime, step: str | None) -> Delivery:
    if command == "stop":
        return Delivery(seq=seq, kind="end", at=at, outcome=STOPPED)
    return Delivery(seq=seq, kind="command", at=at, command=command, step=step if command == "skip_wait" else None)
