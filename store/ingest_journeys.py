"""Who starts, who hears, who ends: decided in memory, event by event, in their order. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from language.listening import Effects, Entry, Listener, Occurrence
from language.urgency import USUAL
from store.ingest_listeners import Listeners
from store.ingest_people import Person

Json = dict[str, Any]


@dataclass(slots=True, eq=False)
class Enrolment:
    """A row of `enrolments`, locked or to be made, as far as events change it."""

    id: int
    customer_id: int
    journey: str
    version: int
    key: str
    start: Json
    state: str
    started_at: datetime
    outcome: str | None = None
    ended_at: datetime | None = None
    goal_at: datetime | None = None
    goal_value: float | None = None
    last_seq: int = 0
    stage: str | None = None
    urgency: int = USUAL
    is_new: bool = False
    is_changed: bool = False

    @property
    def is_active(self) -> bool:
        return self.state == "active"

    def end(self, outcome: str, at: datetime) -> None:
        self.state, self.outcome, self.ended_at, self.is_changed = "ending", outcome, at, True


class OutgoingDelivery(NamedTuple):
    enrolment_id: int
    seq: int
    kind: str
    payload: Json


class Refusal(NamedTuple):
    """A journey that did not start for a customer, or an event that changed nothing in an enrolment, and why."""

    customer_id: int
    journey: str
    reason: str
    at: datetime
    verdict: str = "not_started"
    enrolment_id: int | None = None


class Past(NamedTuple):
    """The enrolments of one customer, journey and key that are over."""

    ended_at: datetime | None


@dataclass(slots=True)
class History:
    """What PostgreSQL knew before these events, of the customers and journeys they concern.

    `past`: by customer, journey and key. `elsewhere`: by customer, the latest enrolment of each journey and key, only
    where a condition reads `journeys`.
    """

    enrolments: Iterable[Enrolment] = ()
    past: Mapping[tuple[int, str, str], Past] = field(default_factory=dict)
    elsewhere: Mapping[int, list[Enrolment]] = field(default_factory=dict)


class Decisions:
    """Applies events to a history and collects what is to be written."""

    def __init__(self, listeners: Listeners, history: History, new_id: Callable[[], int]) -> None:
        self._listeners = listeners
        self._history = history
        self._new_id = new_id
        self._by_customer: dict[int, list[Enrolment]] = defaultdict(list)
        for enrolment in history.enrolments:
            self._by_customer[enrolment.customer_id].append(enrolment)
        self.deliveries: list[OutgoingDelivery] = []
        self.refusals: list[Refusal] = []

    @property
    def enrolments(self) -> list[Enrolment]:
        """Those made or changed, in the order of their ids."""
        touched = (it for own in self._by_customer.values() for it in own if it.is_new or it.is_changed)
        return sorted(touched, key=lambda it: it.id)

    def decide(self, occurrence: Occurrence, person: Person) -> None:
        """First what the event does to those inside, then whom it lets in."""
        concerned = {it.journey for it in self._listeners.concerned(occurrence.name, occurrence.is_activity)}
        for enrolment in self._by_customer[person.id]:
            if enrolment.journey in concerned:
                self.affect(enrolment, occurrence, person)
        for listener in self._listeners.starting(occurrence.name, occurrence.is_activity):
            self._enter(listener, occurrence, person)

    def affect(self, enrolment: Enrolment, occurrence: Occurrence, person: Person) -> None:
        """What the event does to one enrolment of this history."""
        listener = self._listeners.of(enrolment.journey, enrolment.version)
        effects = listener.effects(
            occurrence,
            key=enrolment.key,
            start=enrolment.start,
            started_at=enrolment.started_at,
            is_active=enrolment.is_active,
            has_goal=enrolment.goal_at is not None,
            profile=person.profile if listener.needs_profile else {},
            journeys=self._journeys(person, enrolment.key) if listener.needs_journeys else {},
        )
        if not effects.is_nothing:
            self._apply(effects, enrolment, occurrence)

    def _apply(self, effects: Effects, enrolment: Enrolment, occurrence: Occurrence) -> None:
        if effects.goal:
            enrolment.goal_at, enrolment.goal_value, enrolment.is_changed = occurrence.at, effects.value, True
        if effects.unlisted is not None:
            reason = f"the status {effects.unlisted} is listed in no stage, so nothing changed"
            self.refusals.append(
                Refusal(enrolment.customer_id, enrolment.journey, reason, occurrence.at, "ignored", enrolment.id)
            )
        if effects.outcome:
            self._end(enrolment, effects.outcome, occurrence.at)
        elif effects.is_heard:
            self._tell(enrolment, effects, occurrence)

    def _tell(self, enrolment: Enrolment, effects: Effects, occurrence: Occurrence) -> None:
        if effects.rearmed is not None:
            enrolment.start = {**enrolment.start, **effects.rearmed}
        enrolment.stage = effects.stage or enrolment.stage
        self._deliver(
            enrolment,
            "event",
            occurrence.at,
            fact=fact(occurrence, is_goal=effects.goal),
            rearmed=effects.rearmed,
            stage=effects.stage,
        )

    def _enter(self, listener: Listener, occurrence: Occurrence, person: Person) -> None:
        profile = person.profile if listener.needs_profile else {}
        journeys = self._journeys(person, None) if listener.needs_journeys else {}
        entry = listener.entry(occurrence, profile, journeys)
        if entry is None:
            return
        if entry.missing_key:
            self._refuse(listener, occurrence, person, "the event does not carry this journey's key")
        elif occurrence.occurred_at < occurrence.at - listener.late:
            self._refuse(listener, occurrence, person, "the event came too late to start this journey (`late`)")
        else:
            self.admit(listener, entry, occurrence, person)

    def admit(self, listener: Listener, entry: Entry, occurrence: Occurrence, person: Person) -> None:
        key = entry.key
        same = [it for it in self._by_customer[person.id] if (it.journey, it.key) == (listener.journey, key)]
        inside = next((it for it in same if it.is_active), None)
        past = self._history.past.get((person.id, listener.journey, key))
        ended = [at for at in (past and past.ended_at, *(it.ended_at for it in same)) if at]
        admission = listener.admission(
            is_open=inside is not None,
            ever=past is not None or bool(same),
            last_ended_at=max(ended, default=None),
            now=occurrence.at,
        )
        if admission.verb == "refuse":
            if inside is not None and not entry.is_named:
                return
            self._refuse(listener, occurrence, person, admission.reason or "not admitted")
            return
        if inside is not None:
            self._end(inside, "replaced", occurrence.at)
        self._start(listener, key, occurrence, person)

    def _start(self, listener: Listener, key: str, occurrence: Occurrence, person: Person) -> None:
        enrolment = Enrolment(
            id=self._new_id(),
            customer_id=person.id,
            journey=listener.journey,
            version=listener.version,
            key=key,
            start=occurrence.properties,
            state="active",
            started_at=occurrence.at,
            stage=listener.first_stage(occurrence, person.profile),
            urgency=listener.urgency,
            is_new=True,
        )
        self._by_customer[person.id].append(enrolment)
        self._deliver(enrolment, "start", occurrence.at, fact=fact(occurrence), stage=enrolment.stage)

    def _end(self, enrolment: Enrolment, outcome: str, at: datetime) -> None:
        enrolment.end(outcome, at)
        self._deliver(enrolment, "end", at, outcome=outcome)

    def _deliver(self, enrolment: Enrolment, kind: str, at: datetime, **content: Any) -> None:
        enrolment.last_seq += 1
        enrolment.is_changed = True
        payload = {"seq": enrolment.last_seq, "kind": kind, "at": at}
        payload |= {name: value for name, value in content.items() if value is not None}
        self.deliveries.append(OutgoingDelivery(enrolment.id, enrolment.last_seq, kind, payload))

    def _refuse(self, listener: Listener, occurrence: Occurrence, person: Person, reason: str) -> None:
        self.refusals.append(Refusal(person.id, listener.journey, reason, occurrence.at))

    def _journeys(self, person: Person, key: str | None) -> dict[str, Json]:
        own = {it.id: it for it in self._history.elsewhere.get(person.id, ())}
        own |= {it.id: it for it in self._by_customer[person.id]}
        return standings(own.values(), key)


def standings(enrolments: Iterable[Enrolment], key: str | None) -> dict[str, Json]:
    """`journeys.<id>` in a condition: the customer's latest enrolment there; `same_key` likewise, of this key."""
    view: dict[str, Json] = {}
    for enrolment in sorted(enrolments, key=lambda it: (it.started_at, it.id)):
        standing = _standing(enrolment)
        same_key = standing if enrolment.key == key else view.get(enrolment.journey, {}).get("same_key")
        view[enrolment.journey] = {**standing, "same_key": same_key}
    return view


def fact(occurrence: Occurrence, *, is_goal: bool = False) -> Json:
    """A `language.delivery.Fact`, as JSON."""
    told: Json = {
        "name": occurrence.name,
        "properties": occurrence.properties,
        "at": occurrence.at,
        "is_activity": occurrence.is_activity,
    }
    if occurrence.about is not None:
        told["about"] = occurrence.about
    return {**told, "is_goal": True} if is_goal else told


def _standing(enrolment: Enrolment) -> Json:
    return {
        "active": enrolment.is_active,
        "stage": enrolment.stage,
        "outcome": enrolment.outcome,
        "ended_at": enrolment.ended_at,
    }
