"""What a run asks of the world: live facts and stored events, once while time stands still; what expressions see."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from language.clause import ANY_ACTIVITY, Clause
from language.delivery import Fact
from language.expression import Expression
from language.listening import ACTIVITY, Listener
from language.port import MOST_EVENTS, Known, LookUp, Port
from language.program import Program
from language.state import Enrolment, State
from language.steps import Send

LIVE = frozenset({"profile", "journeys", "steps"})
TICK = timedelta(microseconds=1)
FALLBACK_ZONE = "UTC"


class Inquiry:
    """Asks for one enrolment. `forget` when time has passed."""

    def __init__(self, program: Program, enrolment: Enrolment, state: State, port: Port) -> None:
        self._program, self._enrolment, self._state, self._port = program, enrolment, state, port
        self._listener = Listener(program.journey, enrolment.version)
        self._known: dict[str, Known] = {}

    def forget(self) -> None:
        self._known.clear()

    async def last_activity(self) -> datetime | None:
        return (await self._port.look_up(self._question(last_seen=True))).last_seen_at

    async def zone(self) -> ZoneInfo:
        """The customer's zone; UTC when what is stored is none."""
        name = (await self._ask(self._question(profile=True))).time_zone
        try:
            return ZoneInfo(name)
        except (OSError, KeyError, ValueError):
            return ZoneInfo(FALLBACK_ZONE)

    async def recall(self, clauses: Sequence[Clause], since: datetime | None) -> list[Fact]:
        """Stored events that these clauses name, oldest first, received after `since` (None: since it began)."""
        names = tuple(dict.fromkeys(ACTIVITY if n == ANY_ACTIVITY else n for clause in clauses for n in clause.on))
        since = since or self._enrolment.started_at
        facts: list[Fact] = []
        while True:
            known = await self._ask(self._question(events=names, since=since))
            page = [Fact.model_validate(event) for event in known.events]
            facts += page
            if len(page) < MOST_EVENTS or page[-1].at - TICK <= since:
                return facts
            since = page[-1].at - TICK  # more may have come at that very moment

    async def reaches(self, clause: Clause, fact: Fact) -> bool:
        """Whether a fact is about this enrolment as the clause wants it: by key, unless it says `match: customer`."""
        key = self._program.journey.key
        if key is None or clause.match == "customer" or fact.about is not None:
            return True
        profile = (await self._ask(self._question(profile=True))).profile if "profile" in key.roots else {}
        return self._listener.key_of(fact.properties, profile) == self._enrolment.key

    async def scope(self, expression: Expression, event: dict[str, Any] | None, now: datetime) -> dict[str, Any]:
        """The names that an expression may use; live facts only when it does."""
        scope = {**base_scope(self._state, now), "event": event}
        if not expression.roots & LIVE:
            return scope
        journeys = tuple(sorted({path[1] for path in expression.paths if path[0] == "journeys" and len(path) > 1}))
        wants_profile, wants_messages = "profile" in expression.roots, self._names_messages(expression)
        if wants_profile or journeys or wants_messages:
            known = await self._ask(self._question(profile=wants_profile, journeys=journeys, messages=wants_messages))
            scope |= {"profile": known.profile, "journeys": known.journeys, "steps": self._live_results(known)}
        return scope

    def _names_messages(self, expression: Expression) -> bool:
        named = {path[1] for path in expression.paths if path[0] == "steps" and len(path) > 1}
        return any(place.step.sends() for name in named if (place := self._program.place_by_id.get(name)))

    def _live_results(self, known: Known) -> dict[str, Any]:
        """What steps left, with the present status of their messages."""
        results: dict[str, Any] = dict(self._state.results)
        for step_id, by_channel in known.messages.items():
            place = self._program.place_by_id.get(step_id)
            left = results.get(step_id, {})
            results[step_id] = {**left, **by_channel}
            if place and isinstance(place.step, Send):
                outcome = by_channel.get(place.step.via[0], {}).get("status", left.get("outcome"))
                results[step_id]["outcome"] = outcome
        return results

    def _question(self, **what: Any) -> LookUp:
        return LookUp(enrolment_id=self._enrolment.enrolment_id, customer_id=self._enrolment.customer_id, **what)

    async def _ask(self, question: LookUp) -> Known:
        name = question.model_dump_json()
        if name not in self._known:
            self._known[name] = await self._port.look_up(question)
        return self._known[name]


def base_scope(state: State, now: datetime) -> dict[str, Any]:
    """The names that need no asking."""
    return {
        "start": state.start,
        "event": state.event,
        "steps": state.results,
        "repeat": {"index": state.repeat},
        "now": now,
    }


def plain(value: Any) -> Any:
    """A value of an expression as JSON has it: moments become ISO 8601, lengths of time seconds, what is odd text."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case dict():
            return {str(name): plain(item) for name, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
    return str(value)
