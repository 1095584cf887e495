"""Which events concern a journey, and what each does to an enrolment. Decided in the ingest transaction."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from language.clause import ANY_ACTIVITY, Clause
from language.journey import After, Exit, Journey
from language.program import CompiledJourney
from language.urgency import USUAL, urgency_of

Json = Mapping[str, Any]
ACTIVITY = "*"


class Occurrence(BaseModel):
    """An event as journeys see it. `at` is when it was received and decides races; both are journey time.

    `about`: which of our messages or tasks it concerns, see `language.delivery.Fact`.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    properties: dict[str, Any] = Field(default_factory=dict)
    at: datetime
    occurred_at: datetime
    is_activity: bool = True
    about: dict[str, str] | None = None


class Entry(NamedTuple):
    """A start clause matched. `key` is '' for a journey without one; `missing_key`: it starts nothing.

    `is_named` is false when only `any_activity` matched, or the event tells a status: then it is no news that somebody
    is inside already.
    """

    key: str
    missing_key: bool
    is_named: bool = True


class Admission(NamedTuple):
    """Whether a customer may enter (again). `replace` ends the open enrolment first."""

    verb: Literal["start", "replace", "refuse"]
    reason: str | None = None


class Effects(BaseModel):
    """What an event does to one enrolment. `outcome` ends it; `rearmed` replaces start properties.

    `stage` is the one that the event's status stands for, and all that this event says is then the enrolment's start;
    `unlisted` a status that stands for none.
    """

    model_config = ConfigDict(frozen=True)

    outcome: str | None = None
    goal: bool = False
    value: float | None = None
    rearmed: dict[str, Any] | None = None
    heard: bool = False
    stage: str | None = None
    unlisted: str | None = None

    @property
    def is_heard(self) -> bool:
        """Whether the enrolment's run has to know."""
        return self.heard or self.rearmed is not None or self.stage is not None

    @property
    def is_nothing(self) -> bool:
        return not (self.outcome or self.goal or self.is_heard or self.unlisted)


class Listener:
    """One version of a journey, as the ingest asks it."""

    def __init__(self, journey: Journey, version: int, urgency: int = USUAL) -> None:
        self.definition = journey
        self.journey = journey.journey
        self.version = version
        self.urgency = urgency
        self.late: timedelta = journey.late
        self._starts = tuple(clause for start in journey.start if (clause := start.clause))
        self._exits: tuple[Exit, ...] = journey.exit
        self._heard = tuple(clause for step in journey.every_step() for clause in step.clauses())
        self._rearms = tuple(clause for step in journey.every_step() for clause in step.rearms())
        self.start_names = _names(self._starts)
        goal = (journey.goal,) if journey.goal else ()
        self._computed_with = start_names_used(journey)
        self._hears_goal = any(step.awaits_goal() for step in journey.every_step())
        self._stage_by_status = stage_by_status(journey)
        self._status = Clause(on=journey.stage.on) if journey.stage else None
        status = (self._status,) if self._status else ()
        self._all = (*self._starts, *self._exits, *goal, *self._heard, *self._rearms, *status)
        self.event_names = _names(self._all)
        roots = _roots(journey, self._all)
        self.needs_profile = "profile" in roots
        self.needs_journeys = "journeys" in roots

    def entry(self, occurrence: Occurrence, profile: Json, journeys: Json) -> Entry | None:
        """The way in that this event opens, or None."""
        scope = {"event": occurrence.properties, "profile": profile, "journeys": journeys}
        matching = [clause for clause in self._starts if _fits(clause, occurrence, scope)]
        if not matching:
            return None
        key = self.key_of(occurrence.properties, profile)
        is_status = self._status is not None and occurrence.name in self._status.on
        is_named = not is_status and any(occurrence.name in clause.on for clause in matching)
        return Entry(key or "", key is None, is_named)

    def key_of(self, properties: Json, profile: Json) -> str | None:
        """The key on an event; '' for a journey without keys; None when it is missing."""
        if self.definition.key is None:
            return ""
        return _text(self.definition.key.evaluate({"event": properties, "profile": profile}))

    def first_stage(self, occurrence: Occurrence, profile: Json) -> str | None:
        """The stage in which an enrolment begins, if the event that starts it has a status."""
        scope = {"event": occurrence.properties, "start": occurrence.properties, "profile": profile}
        return self._stage_by_status.get(self._status_of(occurrence, scope) or "")

    def _status_of(self, occurrence: Occurrence, scope: Json) -> str | None:
        rule = self.definition.stage
        if rule is None or occurrence.name not in rule.on:
            return None
        return _text(rule.is_.evaluate(scope))

    def admission(self, *, is_open: bool, ever: bool, last_ended_at: datetime | None, now: datetime) -> Admission:
        """What `again` says; `ever`: the customer (and key) was in this journey before."""
        again = self.definition.again
        if is_open and again == "always":
            return Admission("replace")
        if is_open:
            return Admission("refuse", "already in this journey")
        if not ever or again in ("always", "after_exit"):
            return Admission("start")
        if isinstance(again, After) and last_ended_at is not None and now - last_ended_at >= again.after:
            return Admission("start")
        return Admission(
            "refuse",
            "has been in this journey before, and it says `again: never`"
            if again == "never"
            else "has been in this journey too recently (`again: after`)",
        )

    def effects(
        self,
        occurrence: Occurrence,
        *,
        key: str,
        start: Json,
        started_at: datetime,
        is_active: bool,
        has_goal: bool,
        profile: Json,
        journeys: Json,
    ) -> Effects:
        """What the event does to an enrolment with this key. Not active: only a late goal can still count."""
        event_key = self.key_of(occurrence.properties, profile)
        scope = {"event": occurrence.properties, "start": start, "profile": profile, "journeys": journeys}

        def reaches(clause: Clause) -> bool:
            return clause.match == "customer" or event_key == key or occurrence.about is not None

        def hits(clause: Clause) -> bool:
            return reaches(clause) and _fits(clause, occurrence, scope)

        goal = self._goal(occurrence, started_at) if not has_goal else None
        scored = goal is not None and hits(goal)
        value = _number(goal.value.evaluate(scope)) if scored and goal and goal.value else None
        if not is_active:
            return Effects(goal=scored, value=value)
        outcome = "converted" if scored and goal and goal.ends else self._exit(hits)
        if outcome is not None:
            return Effects(outcome=outcome, goal=scored, value=value)
        status = self._status_of(occurrence, scope) if self._status and reaches(self._status) else None
        stage = self._stage_by_status.get(status or "")
        return Effects(
            goal=scored,
            value=value,
            rearmed=self._rearmed(start, occurrence, hits) if stage is None else dict(occurrence.properties),
            heard=(scored and self._hears_goal) or any(reaches(c) and _may_wake(c, occurrence) for c in self._heard),
            stage=stage,
            unlisted=None if stage else status,
        )

    def _goal(self, occurrence: Occurrence, started_at: datetime) -> Any:
        goal = self.definition.goal
        if goal is None or (goal.within is not None and occurrence.at > started_at + goal.within):
            return None
        return goal

    def _rearmed(self, start: Json, occurrence: Occurrence, hits: Any) -> dict[str, Any] | None:
        """A rearming event moves what the journey began with or computes with; it does not rewrite who started."""
        if not any(map(hits, self._rearms)):
            return None
        return {
            name: value for name, value in occurrence.properties.items() if name in start or name in self._computed_with
        }

    def _exit(self, hits: Any) -> str | None:
        return next((clause.outcome for clause in self._exits if hits(clause)), None)


def _fits(clause: Clause, occurrence: Occurrence, scope: Json) -> bool:
    if not clause.names(occurrence.name, occurrence.is_activity):
        return False
    return clause.where is None or clause.where.is_true(scope)


def _may_wake(clause: Clause, occurrence: Occurrence) -> bool:
    """Whether a running step may want to know, before `where`."""
    if clause.of is not None and (occurrence.about or {}).get("step") != clause.of:
        return False
    return clause.names(occurrence.name, occurrence.is_activity)


def start_names_used(journey: Journey) -> frozenset[str]:
    """The properties of `start` that the journey's own expressions use."""
    used = [use.expression for step in journey.every_step() for use in step.expressions()]
    used += [use.expression for use in journey.head_uses()]
    return frozenset(path[1] for one in used for path in one.paths if path[0] == "start" and len(path) > 1)


def stage_by_status(journey: Journey) -> dict[str, str]:
    """Which stage each status stands for: its own name, and the others that it lists."""
    return {status: name for name, stage in journey.stages.items() for status in (name, *stage.statuses)}


def _names(clauses: tuple[Clause, ...]) -> frozenset[str]:
    return frozenset(ACTIVITY if name == ANY_ACTIVITY else name for clause in clauses for name in clause.on)


def _roots(journey: Journey, clauses: tuple[Clause, ...]) -> frozenset[str]:
    found = set(journey.key.roots) if journey.key else set()
    found.update(*(clause.where.roots for clause in clauses if clause.where))
    if journey.goal and journey.goal.value:
        found.update(journey.goal.value.roots)
    if journey.stage:
        found.update(journey.stage.is_.roots)
    return frozenset(found)


def _text(value: Any) -> str | None:
    """A key as text: `7` and `7.0` are one key, an empty text is none."""
    match value:
        case None | "" | dict() | list():
            return None
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case datetime():
            return value.isoformat()
    return str(value)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@lru_cache(maxsize=1024)
def listener(definition: str, version: int = 0) -> Listener:
    """The listener of a published definition (`journey_versions.definition`), read once."""
    compiled = CompiledJourney.model_validate_json(definition)
    return Listener(compiled, version, urgency_of(compiled.classes.values()))
