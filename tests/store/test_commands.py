from datetime import timedelta

import pytest

from language.delivery import Command
from language.port import StepTrace
from store import commands
from store.commands import Commanded
from store.database import Database
from store.progress import write_progress
from tests.rows import AT, add_customer, add_enrolment, enrolment_row, progress

LATER = AT + timedelta(hours=3)
WAITING = StepTrace(step="wait", visit=1, verb="wait", entered_at=AT)


@pytest.fixture
async def enrolment_id(db: Database) -> int:
    return await add_enrolment(db, await add_customer(db))


async def command(db: Database, enrolment_id: int, name: Command, *, reason: str | None = None) -> Commanded:
    return await commands.command(db, lambda: LATER, enrolment_id, name, reason=reason)


async def test_stopping_ends_it_at_once(db: Database, enrolment_id: int) -> None:
    stopped = await command(db, enrolment_id, "stop", reason="asked by phone")
    assert (stopped.seq, stopped.at) == (2, LATER)
    row = await enrolment_row(db, enrolment_id)
    assert (row["state"], row["outcome"], row["ended_at"]) == ("ending", "stopped", LATER)
    assert row["reason"] == "asked by phone"
    [delivery] = (await write_progress(db.pool, progress(enrolment_id, 1))).unseen
    assert (delivery.kind, delivery.outcome) == ("end", "stopped")


async def test_pausing_and_resuming(db: Database, enrolment_id: int) -> None:
    await command(db, enrolment_id, "pause")
    assert (await write_progress(db.pool, progress(enrolment_id, 1))).paused
    await command(db, enrolment_id, "resume")
    standing = await write_progress(db.pool, progress(enrolment_id, 1))
    assert not standing.paused
    assert [delivery.command for delivery in standing.unseen] == ["pause", "resume"]


async def test_skipping_names_the_step_that_waits(db: Database, enrolment_id: int) -> None:
    await write_progress(db.pool, progress(enrolment_id, 1, step="wait", traces=(WAITING,)))
    await command(db, enrolment_id, "skip_wait")
    [delivery] = (await write_progress(db.pool, progress(enrolment_id, 1))).unseen
    assert (delivery.command, delivery.step) == ("skip_wait", "wait")


async def test_nothing_can_be_skipped_where_nothing_waits(db: Database, enrolment_id: int) -> None:
    with pytest.raises(commands.NotWaitingError):
        await command(db, enrolment_id, "skip_wait")
    left = WAITING.model_copy(update={"left_at": LATER})
    await write_progress(db.pool, progress(enrolment_id, 1, step="wait", traces=(left,)))
    with pytest.raises(commands.NotWaitingError):
        await command(db, enrolment_id, "skip_wait")
    assert (await enrolment_row(db, enrolment_id))["last_seq"] == 1


async def test_what_makes_no_sense_is_refused_and_changes_nothing(db: Database, enrolment_id: int) -> None:
    with pytest.raises(commands.NotPausedError):
        await command(db, enrolment_id, "resume")
    await command(db, enrolment_id, "pause")
    with pytest.raises(commands.AlreadyPausedError):
        await command(db, enrolment_id, "pause")
    await command(db, enrolment_id, "stop")
    for name in ("stop", "pause", "resume", "skip_wait"):
        with pytest.raises(commands.AlreadyEndedError):
            await command(db, enrolment_id, name)
    with pytest.raises(commands.UnknownEnrolmentError):
        await command(db, 99, "stop")
    assert (await enrolment_row(db, enrolment_id))["last_seq"] == 3
