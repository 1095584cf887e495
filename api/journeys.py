"""Journeys: what is live, and how those inside fare."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.paging import Asked, Paged, PageRead, Text
from api.problem import Problem
from api.provided import Db
from api.security import NeedsApiKey
from language.program import program
from store import reading_journeys as reading

router = APIRouter(prefix="/v1/journeys", tags=["journeys"], dependencies=[NeedsApiKey])

JourneyId = Annotated[Text, Path(description="The journey's id.", examples=["reservation"])]


class EnrolmentCountsRead(BaseModel):
    """Numbers of enrolments."""

    active: int
    ending: int = Field(description="Their end is decided, their run has yet to carry it out.")
    ended: int
    paused: int = Field(description="Of the active ones.")
    by_outcome: dict[str, int] = Field(description="How they ended.", examples=[{"converted": 32, "expired": 7}])


class JourneyRead(BaseModel):
    """A journey by the version that is live (the newest, if none is)."""

    journey: str = Field(examples=["reservation"])
    title: str = Field(examples=["Apartment reservation"])
    owner: str | None = Field(examples=["sales-marketing"])
    version: int
    state: str = Field(description="Of that version.", examples=["live"])
    published_at: datetime
    enrolments: EnrolmentCountsRead
    conversions: int = Field(description="Enrolments that reached the goal.")
    value: float = Field(description="What reaching it was worth, all together.")
    messages: dict[str, dict[str, int]] = Field(
        description="Numbers of messages by channel and status.",
        examples=[{"sms": {"sent": 400, "undeliverable": 12}, "email": {"delivered": 800}}],
    )

    @classmethod
    def of(cls, record: reading.JourneyRecord) -> "JourneyRead":
        counts = EnrolmentCountsRead(**record.by_state, paused=record.paused, by_outcome=record.by_outcome)
        return cls(
            journey=record.journey,
            title=record.title,
            owner=record.owner,
            version=record.version,
            state=record.state,
            published_at=record.published_at,
            enrolments=counts,
            conversions=record.conversions,
            value=record.value,
            messages=record.messages,
        )


class VersionRead(BaseModel):
    """A version of a journey; whoever began with it stays with it."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    state: str = Field(examples=["archived"])
    digest: str
    published_at: datetime
    published_by: str | None
    people: int = Field(description="Enrolments of this version that have not ended.")


class StandingRead(BaseModel):
    """How many stand in a step."""

    step: str = Field(examples=["day_before"])
    verb: str | None = Field(description="null: the live version has no such step.", examples=["wait"])
    title: str | None = Field(examples=["until start.expires_at - duration('24h')"])
    people: int = Field(description="Active enrolments that stand there.")
    paused: int


class JourneyDetailRead(JourneyRead):
    """With its versions, newest first, and its steps as they are written, with how many stand where."""

    versions: list[VersionRead] = []
    steps: list[StandingRead] = []


class JourneyPage(PageRead[JourneyRead]):
    """Journeys in the order of their ids."""


@router.get("", summary="List journeys")
async def list_journeys(asked: Annotated[Paged, Query()], db: Db) -> JourneyPage:
    """What is published, with counts of enrolments, conversions and messages."""
    page = await reading.list_journeys(db, cursor=asked.cursor, limit=asked.limit)
    return JourneyPage(items=[JourneyRead.of(record) for record in page.items], next_cursor=page.cursor)


@router.get("/{journey}", summary="Read a journey")
async def read_journey(journey: JourneyId, _: Annotated[Asked, Query()], db: Db) -> JourneyDetailRead:
    """Its versions, and where in it people are."""
    record = await reading.get_journey(db, journey)
    if record is None:
        raise Problem(404, "There is no such journey", f"No journey {journey} was ever published.")
    versions = [VersionRead.model_validate(version) for version in await reading.list_versions(db, journey)]
    steps = _standings(record.definition, await reading.list_standings(db, journey))
    return JourneyDetailRead(**dict(JourneyRead.of(record)), versions=versions, steps=steps)


def _standings(definition: str, standing_by_step: Mapping[str, reading.Standing]) -> list[StandingRead]:
    """The live version's steps in the order in which they are written, then those of older versions only."""
    written = list(program(definition).journey.every_step())
    steps = [_standing(step.id, standing_by_step.get(step.id), step.verb, step.title()) for step in written]
    gone = sorted(standing_by_step.keys() - {step.id for step in written})
    return [*steps, *(_standing(name, standing_by_step[name]) for name in gone)]


def _standing(
    name: str, standing: reading.Standing | None, verb: str | None = None, title: str | None = None
) -> StandingRead:
    people, paused = (standing.people, standing.paused) if standing else (0, 0)
    return StandingRead(step=name, verb=verb, title=title, people=people, paused=paused)
