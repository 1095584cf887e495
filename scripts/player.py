"""Plays a scenario against a running system in demo time, as a backend would: with Segment's own SDK over HTTP."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import Any

import httpx
import segment.analytics as segment

from language.clock import Pace
from language.scenario import Expect, Given, Scenario, at_beginning

MARGIN = timedelta(days=2)
"""Journey time after the last thing expected, in which something unexpected would still show."""


@dataclass(frozen=True, slots=True)
class Played:
    """How a scenario went: (message, channel) in order, and the outcomes; `faults` is empty when it held."""

    scenario: Scenario
    sent: tuple[tuple[str, str], ...]
    outcomes: tuple[str, ...]
    faults: tuple[str, ...]


class Reader:
    """Pages through the API's lists."""

    def __init__(self, api_url: str, api_key: str) -> None:
        self._http = httpx.AsyncClient(base_url=api_url, headers={"Authorization": f"Bearer {api_key}"}, timeout=30)

    async def close(self) -> None:
        await self._http.aclose()

    async def pace(self) -> Pace:
        """The journeys' clock, as the system tells it."""
        clock = (await self._http.get("/v1/clock")).raise_for_status().json()
        now = datetime.fromisoformat(clock["now"])
        here = Pace(speed=clock["speed"], origin=datetime.now(UTC))
        return here.model_copy(update={"origin": _origin(here.speed, now)})

    async def all(self, path: str, **filters: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await self._http.get(path, params={"limit": "200", **filters, **cursor})
            page = answer.raise_for_status().json()
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = {"cursor": page["next_cursor"]}

    async def one(self, path: str) -> dict[str, Any]:
        return dict((await self._http.get(path)).raise_for_status().json())


def _origin(speed: float, now: datetime) -> datetime:
    """The moment at which a clock of this speed, showing `now` at present, agreed with the real one."""
    real = datetime.now(UTC)
    return real if speed == 1 else real - (now - real) / (speed - 1)


def events_of(url: str, write_key: str) -> segment.Client:
    """Segment's SDK, sending at once rather than twice a second: half a second is half a day of demo time."""
    return segment.Client(write_key, host=url, upload_interval=0.02)


class Player:
    """`tell(at, name, text)` is called with journey time for each thing that is done to the system."""

    def __init__(
        self,
        reader: Reader,
        events: segment.Client,
        pace: Pace,
        tell: Callable[[datetime, str, str], None] = lambda at, name, text: None,
    ) -> None:
        self._reader, self._events, self._pace, self._tell = reader, events, pace, tell

    def now(self) -> datetime:
        return self._pace.journey_time(datetime.now(UTC))

    async def play(self, scenario: Scenario, user_id: str) -> Played:
        """From now until a while after its last expectation; what was sent is read from the API."""
        self._introduce(scenario, user_id)
        begins = self.now()
        for given in scenario.given:
            await self._sleep_until(begins + given.at)
            self._give(scenario, given, user_id, begins)
        last = max([*(one.at for one in scenario.given), *(one.at for one in scenario.expect)])
        await self._sleep_until(begins + last + MARGIN)
        return await self._judge(scenario, user_id)

    async def _sleep_until(self, moment: datetime) -> None:
        delay = self._pace.real_time(moment) - datetime.now(UTC)
        await asyncio.sleep(max(delay.total_seconds(), 0))

    def _introduce(self, scenario: Scenario, user_id: str) -> None:
        customer = scenario.customer
        context = {"timezone": customer.time_zone, "locale": customer.locale}
        known = {name: value for name, value in context.items() if value is not None}
        self._events.identify(user_id, dict(customer.traits), context=known)

    def _give(self, scenario: Scenario, given: Given, user_id: str, begins: datetime) -> None:
        name = name_of(scenario.customer.traits)
        if given.traits is not None:
            self._events.identify(user_id, at_beginning(given.traits, begins))
            self._tell(self.now(), name, f"new traits: {', '.join(given.traits)}")
        elif given.on is not None:
            self._events.track(user_id, given.on, at_beginning(given.with_, begins))
            self._tell(self.now(), name, given.on)
        else:
            raise ValueError(f"{scenario.scenario}: events about messages cannot be played here yet")

    async def _judge(self, scenario: Scenario, user_id: str) -> Played:
        who = f"user_id:{user_id}"
        messages = await self._reader.all("/v1/messages", customer=who, journey=scenario.journey)
        enrolments = await self._reader.all("/v1/enrolments", customer=who, journey=scenario.journey)
        went_out = sorted((one for one in messages if one["sent_at"]), key=lambda one: one["sent_at"])
        sent = tuple((one["message"], one["channel"]) for one in went_out)
        outcomes = tuple(one["outcome"] for one in enrolments if one["state"] == "ended")
        return Played(scenario, sent, outcomes, tuple(_faults(scenario, sent, outcomes)))


def speed_for(scenario: Scenario) -> float:
    """Journey seconds a real second at which any two moments of the scenario lie at least a second apart."""
    moments = sorted({one.at for one in scenario.given} | {one.at for one in scenario.expect})
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    return max(min(gaps, default=timedelta(days=1)).total_seconds(), 1.0)


def name_of(traits: Mapping[str, Any]) -> str:
    """What to call a customer."""
    return str(traits.get("first_name") or str(traits.get("email", "someone")).partition("@")[0])


def _faults(scenario: Scenario, sent: Sequence[tuple[str, str]], outcomes: Sequence[str]) -> list[str]:
    """The same messages by the same channels in the same order; those of one moment in any order."""
    faults: list[str] = []
    left = list(sent)
    for _, together in groupby((one for one in scenario.expect if one.send), key=lambda one: one.at):
        wanted = sorted(_named(one) for one in together)
        came, left = sorted(left[: len(wanted)]), left[len(wanted) :]
        if came != wanted:
            faults.append(f"expected {wanted}, came {came}")
    if left:
        faults.append(f"sent beyond what is expected: {left}")
    missing = [one.outcome for one in scenario.expect if one.outcome and one.outcome not in outcomes]
    return [*faults, *(f"the outcome {outcome} was not reached" for outcome in missing)]


def _named(expected: Expect) -> tuple[str, str]:
    return str(expected.send), str(expected.via)
