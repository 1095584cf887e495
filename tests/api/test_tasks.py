import asyncio
from datetime import datetime
from typing import Any

import httpx
import pytest

from language.port import Escalation
from store.database import Database
from store.tasks import Tasks
from tests.api.reading import after, reading, walk
from tests.deeds import add_enrolments, open_task
from tests.rows import AT


async def add_task(db: Database, **more: Any) -> int:
    """A task of a new customer."""
    [one] = await add_enrolments(db, 1)
    return int((await Tasks(db).open_task(open_task(*one, **more))).result["task_id"])


async def ids(api: httpx.AsyncClient, **query: Any) -> list[int]:
    answer = await api.get("/v1/tasks", params=query)
    assert answer.status_code == 200, answer.text
    return [task["id"] for task in answer.json()["items"]]


async def test_list_is_filtered_by_whatever_is_given(db: Database) -> None:
    first = await add_task(db)
    late = await add_task(db, due_at=after(hours=1))
    other = await add_task(db, task="call_back", journey="win_back")
    escalated = await add_task(db, escalations=(Escalation(at=after(hours=1), to="leads"),))
    customer = await db.pool.fetchval("SELECT customer_id FROM tasks WHERE id = $1", other)
    async with reading(db, now=after(hours=2)) as api:
        await api.post(f"/v1/tasks/{first}/claim", json={"by": "maria"})
        assert await ids(api) == [escalated, other, late, first]
        assert await ids(api, state="open") == [escalated, other]
        assert await ids(api, state="claimed") == [first]
        assert await ids(api, state="expired") == [late]
        assert await ids(api, state="done") == []
        assert await ids(api, team="leads") == [escalated]
        assert await ids(api, team="sales", state="open") == [other]
        assert await ids(api, journey="win_back") == [other]
        assert await ids(api, task="qualify", state="open") == [escalated]
        assert await ids(api, customer=customer) == [other]
        assert await ids(api, customer="user_id:nobody") == []


@pytest.mark.parametrize("query", [{}, {"state": "open"}])
async def test_pages_join_without_gap_or_overlap(db: Database, query: dict[str, str]) -> None:
    expected = [await add_task(db) for _ in range(7)][::-1]
    async with reading(db) as api:
        found = [task["id"] for task in await walk(api, "/v1/tasks", limit=3, **query)]
    assert found == expected


async def test_task_is_claimed_released_and_completed(db: Database) -> None:
    task = await add_task(db, values={"phone": "+5511"})
    async with reading(db, now=after(hours=1)) as api:
        claimed = (await api.post(f"/v1/tasks/{task}/claim", json={"by": "maria"})).json()
        refused = await api.post(f"/v1/tasks/{task}/claim", json={"by": "joão"})
        released = (await api.post(f"/v1/tasks/{task}/release")).json()
        assert api.bell.rung == 0  # type: ignore[attr-defined]
        done = (await api.post(f"/v1/tasks/{task}/complete", json={"by": "joão", "result": "B"})).json()
        assert api.bell.rung == 1  # type: ignore[attr-defined]
        assert (await api.get(f"/v1/tasks/{task}")).json() == done
    assert (claimed["state"], claimed["claimed_by"], claimed["claimed_at"]) == (
        "claimed",
        "maria",
        "2026-03-01T13:00:00Z",
    )
    assert refused.status_code == 409
    assert refused.json()["detail"] == "Somebody else has claimed this task; it has to be released first."
    assert (released["state"], released["claimed_by"], released["values"]) == ("open", None, {"phone": "+5511"})
    assert (done["state"], done["result"], done["completed_by"]) == ("done", "B", "joão")
    payload = await db.pool.fetchval("SELECT payload FROM deliveries WHERE seq = 2")
    assert payload["fact"]["properties"] == {"task": "qualify", "result": "B", "note": None, "by": "joão"}


async def test_of_two_answers_at_once_one_is_refused(db: Database) -> None:
    task = await add_task(db)
    async with reading(db) as api:
        answers = await asyncio.gather(
            *(api.post(f"/v1/tasks/{task}/complete", json={"by": "maria", "result": it}) for it in "AB")
        )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert await db.pool.fetchval("SELECT count(*) FROM deliveries WHERE kind = 'event'") == 1


async def test_unknown_result_is_refused_with_the_choices(db: Database) -> None:
    task = await add_task(db)
    async with reading(db) as api:
        answer = await api.post(f"/v1/tasks/{task}/complete", json={"by": "maria", "result": "Z"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"] == [{"at": ["body", "result"], "problem": "it must be one of: A, B, C"}]


@pytest.mark.parametrize(
    ("due_at", "state", "detail"),
    [
        (after(hours=1), "active", "The time for this task is up; the journey goes on without it."),
        (None, "ending", "This task is of no use any more: its journey has gone on, or ended."),
    ],
)
async def test_too_late_is_said(db: Database, due_at: datetime | None, state: str, detail: str) -> None:
    task = await add_task(db, due_at=due_at)
    await db.pool.execute("UPDATE enrolments SET state = $1, ended_at = $2 WHERE $1 <> 'active'", state, AT)
    async with reading(db, now=after(hours=1)) as api:
        answer = await api.post(f"/v1/tasks/{task}/complete", json={"by": "maria", "result": "A"})
        assert api.bell.rung == 0  # type: ignore[attr-defined]
    assert (answer.status_code, answer.json()["detail"]) == (409, detail)


@pytest.mark.parametrize("body", [{}, {"by": ""}, {"by": "m", "who": "m"}, {"by": "m\0"}])
async def test_body_that_says_not_who_is_refused(db: Database, body: dict[str, str]) -> None:
    task = await add_task(db)
    async with reading(db) as api:
        for command in ("claim", "complete"):
            answer = await api.post(f"/v1/tasks/{task}/{command}", json=body)
            assert answer.status_code == 422


@pytest.mark.parametrize("command", ["", "/claim", "/release", "/complete"])
async def test_task_that_is_not_there_is_a_problem(db: Database, command: str) -> None:
    async with reading(db) as api:
        answer = await (api.post(f"/v1/tasks/7{command}", json={"by": "m"}) if command else api.get("/v1/tasks/7"))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_tasks_need_an_api_key(db: Database) -> None:
    async with reading(db) as api:
        del api.headers["Authorization"]
        for path in ("/v1/tasks", "/v1/coupons"):
            assert (await api.get(path)).status_code == 401
