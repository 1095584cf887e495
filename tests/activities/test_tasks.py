from temporalio.testing import ActivityEnvironment

from activities.tasks import TaskActivities
from language.port import Answer
from store.database import Database
from store.tasks import Tasks
from tests.deeds import add_enrolments, open_task


async def test_attempt_after_a_lost_answer_gets_the_same(db: Database) -> None:
    [one] = await add_enrolments(db, 1)
    activities = TaskActivities(Tasks(db))
    answers: list[Answer] = [
        await ActivityEnvironment().run(activities.open_task, open_task(*one, at=at))
        for at in (open_task(*one).at,) * 2
    ]
    assert answers[0] == answers[1]
    assert await db.pool.fetchval("SELECT count(*) FROM tasks") == 1
