"""What PostgreSQL would hold of one customer in a scenario."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from language.cap import Contact
from language.channel import Channel
from language.delivery import Delivery, Fact
from language.happening import Happening
from language.interpreter import Interpreter
from language.library import Library
from language.port import OpenTask, StepTrace
from language.scenario import Scenario
from language.sending import Consent
from language.spending import Charge
from language.time_zone import customer_zone
from language.virtual_time import VirtualTime


@dataclass
class SentMessage:
    """A message that went out."""

    message: str
    step: str
    visit: int
    channel: Channel


@dataclass
class SimulatedEnrolment:
    """One enrolment of the scenario's journey."""

    id: int
    key: str
    started_at: datetime
    start: dict[str, Any]
    last_seq: int = 0
    state: str = "active"
    outcome: str | None = None
    ended_at: datetime | None = None
    goal_at: datetime | None = None
    is_paused: bool = False
    stage: str | None = None
    messages: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    sent: list[SentMessage] = field(default_factory=list)
    tasks: list[OpenTask] = field(default_factory=list)
    reports: list[Fact] = field(default_factory=list)
    traces: dict[tuple[str, int], StepTrace] = field(default_factory=dict)
    interpreter: Interpreter | None = None
    task: asyncio.Task[str | None] | None = None

    @property
    def is_active(self) -> bool:
        return self.state == "active"

    def deliver(self, at: datetime, **what: Any) -> None:
        self.last_seq += 1
        if self.interpreter is not None:
            self.interpreter.absorb([Delivery(seq=self.last_seq, at=at, **what)])

    def close(self, outcome: str, at: datetime) -> None:
        self.state, self.outcome, self.ended_at = "ending", outcome, at
        self.deliver(at, kind="end", outcome=outcome)


class SimulatedWorld:
    """One customer, their enrolments in one journey, and how they stand in others.

    `tells_all`: also what nobody can expect of a scenario is told, and the reason of everything.
    """

    def __init__(
        self, library: Library, scenario: Scenario, begins: datetime, time: VirtualTime, *, tells_all: bool = False
    ) -> None:
        self.scenario, self.begins, self.time, self.tells_all = scenario, begins, time, tells_all
        self.messages = library.messages
        self.traits = dict(scenario.customer.traits)
        self.last_seen: datetime | None = None
        self.events: list[Fact] = []
        self.enrolments: list[SimulatedEnrolment] = []
        self.others = {
            name: {**standing.model_dump(), "ended_at": None} for name, standing in scenario.journeys.items()
        }
        self.coupons = {pool: sorted(codes) for pool, codes in scenario.coupons.items()}
        self.coupons_taken: Counter[str] = Counter()
        self.policy = library.policy
        self.contacts: list[Contact] = []
        self.spent: dict[tuple[str, str], Decimal] = {}
        self.noticed_at: datetime | None = None
        self.consents: dict[tuple[str | None, str | None], Consent] = {}
        self.consents |= {
            (one.channel, one.topic): one.consent for one in scenario.customer.consents if one.state != "pending"
        }
        self.happenings: list[Happening] = []

    @property
    def now(self) -> datetime:
        return self.time.now

    def are_in_a_row(self, many: int) -> bool:
        """Whether the last `many` messages are promotional, and none was opened, clicked or answered since."""
        last = self.contacts[-many:]
        is_noticed = self.noticed_at is not None and bool(last) and self.noticed_at >= last[0].at
        return len(last) == many and all(it.message_class == "promotional" for it in last) and not is_noticed

    def spend(self, charges: Sequence[Charge]) -> Charge | None:
        """Take all, or none: the first that does not fit is returned. Nobody else spends anything in a scenario."""
        spent = {(charge.budget.name, charge.period): charge for charge in charges}
        for name, charge in spent.items():
            if not charge.fits(self.spent.get(name, Decimal(0))):
                return charge
        for name, charge in spent.items():
            self.spent[name] = self.spent.get(name, Decimal(0)) + charge.amount
        return None

    def note(self, kind: str, name: str, **more: Any) -> None:
        self.happenings.append(Happening(self.now - self.begins, kind, name, **more, zone=self.zone()))

    def tell(self, kind: str, name: str, **more: Any) -> None:
        """What is noted only when all is to be told."""
        if self.tells_all:
            self.note(kind, name, **more)

    def profile(self) -> dict[str, Any]:
        customer = self.scenario.customer
        return {**self.traits, "id": 1, "time_zone": customer.time_zone, "locale": customer.locale}

    def journeys(self) -> dict[str, Any]:
        """`journeys` in conditions."""
        standings = dict(self.others)
        if self.enrolments:
            last = self.enrolments[-1]
            standings[self.scenario.journey] = {
                "active": last.is_active,
                "stage": last.stage,
                "outcome": last.outcome,
                "ended_at": last.ended_at,
            }
        return {name: {**standing, "same_key": standing} for name, standing in standings.items()}

    def zone(self) -> str:
        return customer_zone(self.traits, self.scenario.customer.time_zone, self.policy.time_zones).name
