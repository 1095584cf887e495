"""What the contact policy says of one message to one customer: whether now, and if not, when."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from language.cap import Cap, CapStanding, Contact
from language.local_time import format_by
from language.policy import Policy
from language.quiet_hours import quiet_until
from language.spending import Charge
from language.time_zone import CustomerZone

MOST_ROUNDS = 20
_WEEK = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class Kind:
    """What rules tell messages apart by. `step` is the enrolment, step and visit that sends it."""

    channel: str
    message_class: str
    topic: str | None
    step: str

    @property
    def is_free(self) -> bool:
        """Whether it passes all rules of contact."""
        return self.message_class == "transactional"


def counts_since(policy: Policy, kind: Kind, now: datetime) -> datetime | None:
    """Since when earlier messages count; None when none do."""
    return min((cap.counts_since(now) for cap in _caps(policy, kind)), default=None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Not now, by which rule, and the first moment that no rule speaks against."""

    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class ContactRules:
    """The rules for a customer who lives in this zone and got these messages before."""

    policy: Policy
    kind: Kind
    zone: CustomerZone
    contacts: tuple[Contact, ...]

    def quiet(self, now: datetime) -> Verdict | None:
        """Not in quiet hours."""
        until = self._awake_at(now)
        if until == now:
            return None
        hours = " and ".join(f"{span.from_} to {span.to}" for span in self.policy.quiet_spans(self.kind.channel))
        return Verdict(f"quiet hours, {hours} {self._where()}; {self._next(now, until)}", until)

    def capped(self, now: datetime) -> Verdict | None:
        """Not beyond a cap, nor too soon after the last one."""
        standings = self._standings()
        reached = next((one for one in standings if one.free_at(now) > now), None)
        if reached is None:
            return None
        until = self._free_at(standings, now)
        return Verdict(f"{_said(reached, now)}; {self._next(now, until)}", until)

    def spent(self, now: datetime, charge: Charge, currency: str) -> Verdict:
        """Not beyond a budget: after its period, when the other rules leave room."""
        until = self._free_at(self._standings(), self._awake_at(charge.ends_at))
        said = f"the budget {charge.budget.name} of {charge.budget.limit:f} {currency} is used up"
        return Verdict(f"{said}; {self._next(now, until)}", until)

    def _awake_at(self, moment: datetime) -> datetime:
        """The strictest hours of all the clocks that the customer may live by, if those leave any time."""
        spans = self.policy.quiet_spans(self.kind.channel)
        for clocks in (self.zone.clocks(moment), self.zone.neighbours()):
            if spans and (awake := quiet_until(spans, moment, clocks)):
                return awake
        return moment

    def _free_at(self, standings: list[CapStanding], now: datetime) -> datetime:
        moment = now
        for _ in range(MOST_ROUNDS):
            later = self._awake_at(max((one.free_at(moment) for one in standings), default=moment))
            if later == moment:
                break
            moment = later
        return moment

    def _standings(self) -> list[CapStanding]:
        standings = []
        for cap in _caps(self.policy, self.kind):
            # One message by several channels is one contact as far as gaps go.
            others = (one for one in self.contacts if cap.name != GAP or one.step != self.kind.step)
            standings.append(cap.standing(others, self.zone.zone))
        return standings

    def _where(self) -> str:
        if self.zone.candidates == (self.zone.name,):
            return f"in {self.zone.name}, {self.zone.source}"
        if self.zone.candidates:
            return f"in one of {len(self.zone.candidates)} zones, {self.zone.source}"
        return f"in {self.zone.name} or an hour beside it, {self.zone.source}"

    def _next(self, now: datetime, until: datetime) -> str:
        pattern = "%A %H:%M" if until - now < _WEEK else "%-d %B %H:%M"
        return f"next possible {format_by(until, pattern, zone=self.zone.name, locale='en')}"


GAP = "minimum gap"


def _caps(policy: Policy, kind: Kind) -> list[Cap]:
    """Those that bind a message of this kind; the minimum gap is one message in so long."""
    if kind.is_free:
        return []
    caps = [cap for cap in policy.caps if cap.binds(kind.channel, kind.message_class, kind.topic)]
    if policy.minimum_gap and kind.message_class == "promotional":
        gap = Cap.model_construct(name=GAP, limit=1, per=policy.minimum_gap, class_=("promotional",))
        caps.append(gap)
    return caps


def _said(standing: CapStanding, now: datetime) -> str:
    if standing.cap.name == GAP:
        return f"the last promotional message was less than {standing.cap.span} ago"
    return standing.reason(now)
