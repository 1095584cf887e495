"""`language.port.Port` for one simulated enrolment: PostgreSQL and the providers, in memory."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, cast

from language.cap import Contact
from language.channel import Channel
from language.gate import MessageGate
from language.listening import ACTIVITY
from language.lot import EVERYWHERE, HELD_OUT
from language.port import (
    MOST_EVENTS,
    Answer,
    CallDestination,
    Deed,
    DrawArm,
    Known,
    LookUp,
    OpenTask,
    Progress,
    Receipt,
    SendMessage,
    SetTraits,
    Standing,
    StartJourney,
    TakeCoupon,
)
from language.sending import Addressee, Draft, Hold, Judgement, Refusal
from language.simulated_world import SentMessage, SimulatedEnrolment, SimulatedWorld


class SimulatedPort:
    """Decides as the worker does: by the same gate, over what the simulated world knows."""

    def __init__(self, world: SimulatedWorld, enrolment: SimulatedEnrolment) -> None:
        self.world = self._world = world
        self._enrolment = enrolment
        self._answers: dict[tuple[str, str, str], Answer] = {}

    def now(self) -> datetime:
        return self._world.now

    async def sleep(self, until: datetime | None, wake: Callable[[], bool]) -> None:
        await self._world.time.sleep(until, wake)

    # --- messages

    async def send(self, order: SendMessage) -> Receipt:
        world, enrolment = self._world, self._enrolment
        world.time.calls += 1
        if not enrolment.is_active:
            return Receipt(verdict="closed", reason="the enrolment has ended")
        self._write(order.progress)
        decided = self._decide(order)
        if isinstance(decided, Hold):
            self._told("held", order, why=decided.reason, until=decided.until - world.begins)
            return Receipt(verdict="held", reason=decided.reason, retry_at=decided.until)
        status = "sent" if isinstance(decided, Draft) else decided.verdict
        enrolment.messages.setdefault(order.step, {})[order.channel] = {"status": status}
        if isinstance(decided, Refusal):
            self._told("not_sent", order, why=decided.reason)
            return Receipt(verdict=decided.verdict, reason=decided.reason)
        channel = cast(Channel, order.channel)  # the loader has checked it
        enrolment.sent.append(SentMessage(order.message, order.step, order.visit, channel))
        self._told("sent", order, text=_shown(decided))
        return Receipt(verdict="sent")

    def _told(self, kind: str, order: SendMessage, **more: Any) -> None:
        self._note(kind, order.message, channel=order.channel, step=order.step, **more)

    def _note(self, kind: str, name: str, **more: Any) -> None:
        self._world.note(kind, name, enrolment=self._enrolment.id, **more)

    def _decide(self, order: SendMessage) -> Judgement:
        """The gate's word, with all that was claimed in the scenario so far as the customer's contacts."""
        world = self._world
        message = world.messages[order.message]
        gate = MessageGate(order, message, "simulated", "simulated", world.now, policy=world.policy)
        customer = Addressee(1, world.traits, world.scenario.customer.locale, world.scenario.customer.time_zone)
        since = gate.counts_since
        contacts = tuple(one for one in world.contacts if since is not None and one.at >= since)
        consents = tuple(world.consents.values())
        in_a_row = gate.in_a_row is not None and world.are_in_a_row(gate.in_a_row)
        decided = gate.judge(
            customer,
            gate.recipient(customer),
            consents,
            is_dead=False,
            contacts=contacts,
            is_in_a_row=in_a_row,
            is_held_out=world.scenario.arms.get(EVERYWHERE) == HELD_OUT,
        )
        if isinstance(decided, Draft) and (over := world.spend(gate.charges(decided))):
            return gate.over_budget(over, customer, contacts)
        if isinstance(decided, Draft):
            step = f"{order.progress.enrolment_id}/{order.step}/{order.visit}"
            world.contacts.append(Contact(world.now, order.channel, message.class_, message.topic, step))
        return decided

    # --- facts

    async def look_up(self, question: LookUp) -> Known:
        world = self._world
        return Known(
            profile=world.profile() if question.profile else {},
            journeys={name: facts for name, facts in world.journeys().items() if name in question.journeys},
            messages=self._enrolment.messages if question.messages else {},
            events=tuple(self._recalled(question)),
            last_seen_at=world.last_seen if question.last_seen else None,
            time_zone=world.zone(),
        )

    def _recalled(self, question: LookUp) -> Iterator[dict[str, Any]]:
        all_facts = sorted([*self._world.events, *self._enrolment.reports], key=lambda fact: fact.at)
        facts = (fact for fact in all_facts if question.since and fact.at > question.since)
        named = (it for it in facts if it.name in question.events or (ACTIVITY in question.events and it.is_activity))
        return (fact.model_dump(exclude={"is_goal", "seq"}) for fact in islice(named, MOST_EVENTS))

    async def record(self, progress: Progress) -> Standing:
        self._world.time.calls += 1
        enrolment = self._enrolment
        self._write(progress)
        if progress.pause is not None:
            enrolment.is_paused = True
            self._note("paused", progress.step or "", why=progress.pause)
        if progress.ended_as is not None:
            enrolment.outcome = enrolment.outcome or progress.ended_as
            enrolment.ended_at = enrolment.ended_at or progress.at
            enrolment.state = "ended"
            self._note("ended", enrolment.outcome)
        return Standing(paused=enrolment.is_paused)

    def _write(self, progress: Progress) -> None:
        enrolment = self._enrolment
        enrolment.traces |= {(trace.step, trace.visit): trace for trace in progress.traces}
        if progress.seen_seq >= enrolment.last_seq:
            enrolment.stage = progress.stage or enrolment.stage

    async def set_traits(self, traits: SetTraits) -> None:
        self._world.traits.update(traits.traits)

    def show(self, details: str, step: str | None) -> None:
        return None

    # --- deeds

    async def do(self, deed: Deed) -> Answer:
        self._world.time.calls += 1
        if not self._enrolment.is_active:
            return Answer(verdict="closed", reason="the enrolment has ended")
        self._write(deed.progress)
        # A control group's draw has the key of the step that it concerns.
        name = (deed.key, deed.activity, getattr(deed, "experiment", ""))
        if name not in self._answers:
            self._answers[name] = self._done(deed)
        return self._answers[name]

    def _done(self, deed: Deed) -> Answer:
        match deed:
            case OpenTask():
                self._enrolment.tasks.append(deed)
                self._note("task", deed.task, why=f"for {deed.to}", step=deed.step, values=deed.values)
                return Answer(verdict="done", result={"task_id": len(self._enrolment.tasks)})
            case TakeCoupon(pool=pool):
                return self._take_coupon(pool)
            case DrawArm():
                return Answer(verdict="done", result={"arm": self._arm(deed)})
            case StartJourney(target=target):
                return self._start(target)
            case CallDestination(destination=destination):
                return self._call(destination)
        raise NotImplementedError(deed.activity)

    def _take_coupon(self, pool: str) -> Answer:
        world = self._world
        world.coupons_taken[pool] += 1
        codes = world.coupons.setdefault(pool, []) if pool in world.scenario.coupons else [_made_up(world, pool)]
        if not codes:
            return Answer(verdict="refused", reason=f"the pool {pool} is empty")
        return Answer(verdict="done", result={"code": codes.pop(0)})

    def _arm(self, deed: DrawArm) -> str:
        usual = [arm for arm in deed.shares if arm != HELD_OUT]
        return self._world.scenario.arms.get(deed.experiment, usual[0])

    def _start(self, target: str) -> Answer:
        world = self._world
        if world.others.get(target, {}).get("active"):
            return Answer(verdict="refused", reason="already in this journey")
        world.others[target] = {"active": True, "stage": None, "outcome": None, "ended_at": None}
        self._note("start", target)
        return Answer(verdict="done", result={"enrolment_id": 0})

    def _call(self, destination: str) -> Answer:
        answer: dict[str, Any] | str = self._world.scenario.answers.get(destination, {})
        self._note("call", destination)
        if isinstance(answer, str):
            return Answer(verdict="refused", reason="as the scenario says")
        return Answer(verdict="done", result=answer)


def _made_up(world: SimulatedWorld, pool: str) -> str:
    return f"{pool.upper()}-{world.coupons_taken[pool]:04d}"


def _shown(draft: Draft) -> str:
    return f"{draft.subject}\n\n{draft.text}" if draft.subject else draft.text
