"""Tasks: what journeys ask of people."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.naming import NAMES, CustomerName, family_of
from api.paging import Asked, Paged, PageRead, Text
from api.problem import Problem
from api.provided import App
from api.security import NeedsApiKey
from store import reading_tasks as reading
from store import tasks

router = APIRouter(prefix="/v1/tasks", tags=["tasks"], dependencies=[NeedsApiKey])

TaskId = Annotated[int, Path(description="The task's id.", examples=[311], ge=1, lt=2**63)]
State = Literal["open", "claimed", "done", "expired", "cancelled"]
By = Annotated[Text, Field(min_length=1, max_length=200, description="Who, by any name.", examples=["maria"])]


class EscalationRead(BaseModel):
    """A moment from which on an open task is somebody else's."""

    at: datetime
    to: str = Field(description="Whose it is from then on.", examples=["head-of-sales"])


class TaskRead(BaseModel):
    """Something for a person to do."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(examples=[311])
    enrolment: int = Field(validation_alias="enrolment_id", examples=[1017])
    customer: int = Field(validation_alias="customer_id", description="Our id of the customer.", examples=[42])
    journey: str = Field(examples=["qualify"])
    step: str = Field(examples=["qualify"])
    task: str = Field(description="What kind of task.", examples=["qualify"])
    team: str = Field(
        description="Whose it is now: after an escalation, those it was escalated to.", examples=["sales"]
    )
    title: str = Field(examples=["Qualify Ana"])
    values: dict[str, Any] = Field(description="What there is to know about it.")
    results: list[str] = Field(description="The answers to choose from; none: it is only done or not.")
    state: State = Field(description="`expired`: its time is up. `cancelled`: the journey has gone on, or ended.")
    is_overdue: bool = Field(description="It was escalated, or its time was up, before anybody had done it.")
    claimed_by: str | None = Field(examples=["maria"])
    claimed_at: datetime | None
    result: str | None = Field(examples=["A"])
    note: str | None
    completed_by: str | None
    created_at: datetime
    due_at: datetime | None = Field(description="Until when it can be completed; null: there is no limit.")
    escalations: list[EscalationRead]
    closed_at: datetime | None = Field(description="When it was done, or came to nothing.")


class TaskPage(PageRead[TaskRead]):
    """Tasks, the newest first."""


class TasksAsked(Paged):
    state: State | None = None
    team: str | None = Field(None, description="Whose it is now.", examples=["sales"])
    journey: str | None = Field(None, examples=["qualify"])
    customer: CustomerName | None = Field(None, description=NAMES, examples=["42"])
    task: str | None = Field(None, examples=["qualify"])


class ClaimCreate(BaseModel):
    """Who is at it."""

    model_config = ConfigDict(extra="forbid")

    by: By


class CompletionCreate(BaseModel):
    """What became of it."""

    model_config = ConfigDict(extra="forbid")

    by: By
    result: Text | None = Field(None, max_length=200, description="One of the task's `results`.", examples=["A"])
    note: Text | None = Field(None, max_length=2000, examples=["wants to be called on Tuesday"])


@router.get("", summary="List tasks")
async def list_tasks(asked: Annotated[TasksAsked, Query()], app: App) -> TaskPage:
    """The newest first, filtered by whatever is given."""
    family = await family_of(app.db, asked.customer)
    wanted = reading.TaskFilter(asked.state, asked.team, asked.journey, asked.task, family)
    page = await reading.list_tasks(app.db, wanted, app.clock(), cursor=asked.cursor, limit=asked.limit)
    return TaskPage(items=[TaskRead.model_validate(it) for it in page.items], next_cursor=page.cursor)


@router.get("/{task_id}", summary="Read a task")
async def read_task(task_id: TaskId, _: Annotated[Asked, Query()], app: App) -> TaskRead:
    """As it stands now."""
    return await _task(app, task_id)


@router.post("/{task_id}/claim", summary="Claim a task")
async def claim(task_id: TaskId, create: ClaimCreate, app: App) -> TaskRead:
    """Say that somebody is at it. Refused (409) while somebody else is."""
    await tasks.claim(app.db, app.clock, task_id, create.by)
    return await _task(app, task_id)


@router.post("/{task_id}/release", summary="Release a task")
async def release(task_id: TaskId, app: App) -> TaskRead:
    """Give it back to its team."""
    await tasks.release(app.db, app.clock, task_id)
    return await _task(app, task_id)


@router.post("/{task_id}/complete", summary="Complete a task")
async def complete(task_id: TaskId, create: CompletionCreate, app: App) -> TaskRead:
    """The journey goes on by the result. Anybody may do so, also where somebody else has claimed it. Refused (409) when
    it is done already, its time is up, or its journey has gone on or ended."""
    completion = tasks.Completion(create.by, create.result, create.note)
    await tasks.complete(app.db, app.clock, task_id, completion)
    app.waker.wake()
    return await _task(app, task_id)


async def _task(app: App, task_id: int) -> TaskRead:
    record = await reading.get_task(app.db, task_id, app.clock())
    if record is None:
        raise Problem(404, "There is no such task", f"No task has the id {task_id}.")
    return TaskRead.model_validate(record)
