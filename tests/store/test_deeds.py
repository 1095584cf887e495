from typing import Any

import pytest

from language.port import Answer, Deed
from store.database import Database
from store.deeds import permitted
from tests.deeds import add_enrolments, take_coupon
from tests.rows import AT, deliver, enrolment_row


async def ask(db: Database, deed: Deed) -> Answer | None:
    async with db.pool.acquire() as connection, connection.transaction():
        return await permitted(connection, deed)


async def test_progress_is_written_whatever_is_answered(db: Database) -> None:
    [(customer, enrolment)] = await add_enrolments(db, 1)
    assert await ask(db, take_coupon(customer, enrolment)) is None
    row = await enrolment_row(db, enrolment)
    assert (row["step"], row["seen_seq"], row["run_id"]) == ("bonus", 1, "run-1")


async def test_run_that_has_not_seen_everything_gets_it_instead(db: Database) -> None:
    [(customer, enrolment)] = await add_enrolments(db, 1)
    await deliver(db, enrolment, name="Bought")
    answer = await ask(db, take_coupon(customer, enrolment))
    assert answer is not None
    assert answer.verdict == "behind"
    assert [delivery.seq for delivery in answer.unseen] == [2]
    assert await ask(db, take_coupon(customer, enrolment, seen_seq=2)) is None


@pytest.mark.parametrize(
    ("columns", "verdict", "reason"),
    [
        ({"paused_at": AT}, "paused", "the enrolment is paused"),
        ({"suspended_by": 7}, "paused", "another journey has displaced this one"),
        ({"state": "ending", "outcome": "stopped"}, "closed", "the enrolment had ended: stopped"),
        ({"state": "ended", "outcome": "done"}, "closed", "the enrolment has ended, or another run has it"),
        ({"run_id": "run-0"}, "closed", "the enrolment has ended, or another run has it"),
    ],
)
async def test_why_nothing_may_be_done_is_said(
    db: Database, columns: dict[str, Any], verdict: str, reason: str
) -> None:
    [(customer, enrolment)] = await add_enrolments(db, 1)
    for name, value in columns.items():
        await db.pool.execute(f"UPDATE enrolments SET {name} = $1", value)
    answer = await ask(db, take_coupon(customer, enrolment))
    assert answer is not None
    assert (answer.verdict, answer.reason) == (verdict, reason)
