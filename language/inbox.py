"""What comes to a run from outside: events, the end, commands of people. Taken in order, each once."""

from collections.abc import Sequence
from datetime import datetime

from language.delivery import Delivery, Fact
from language.news import News
from language.program import Program
from language.state import State


class Inbox:
    """Takes deliveries into the state at any moment; the run looks at what they left when it can act on it.

    `is_rearmed`, `is_skipped`: a date moved, a person skips the wait. `has_gap`, `is_nudged`: something has not
    arrived, or PostgreSQL does not know what did.
    """

    def __init__(self, program: Program, state: State, news: News) -> None:
        self._program, self._state, self._news = program, state, news
        self.rearmed_at: datetime | None = None
        self.is_rearmed = False
        self.is_skipped = False
        self.has_gap = False
        self.is_nudged = False

    def absorb(self, deliveries: Sequence[Delivery]) -> None:
        """Seen ones are ignored; a gap is filled from PostgreSQL before anything goes on."""
        self.is_nudged = self.is_nudged or all(item.seq <= self._state.seen_seq for item in deliveries)
        for item in sorted(deliveries, key=lambda delivery: delivery.seq):
            if item.seq == self._state.seen_seq + 1:
                self._take(item)
            elif item.seq > self._state.seen_seq:
                self.has_gap = True

    def catch_up(self, unseen: Sequence[Delivery]) -> None:
        """What PostgreSQL answers is all there is after what was seen, in order: nothing is missing in between."""
        self.has_gap = False
        for item in unseen:
            if item.seq > self._state.seen_seq:
                self._take(item)

    @property
    def is_stirred(self) -> bool:
        """Whether there is something to act on, whatever is waited for."""
        state = self._state
        return (
            state.ended_as is not None
            or state.to_stage is not None
            or bool(state.untested)
            or self.has_gap
            or self.is_nudged
            or state.seen_seq > state.written_seq
            or self.is_skipped
        )

    def _take(self, delivery: Delivery) -> None:
        self._state.seen_seq = delivery.seq
        if delivery.rearmed is not None:
            self._state.start.update(delivery.rearmed)
            self.is_rearmed = self._state.may_have_moved = True
            self.rearmed_at = delivery.at
        if delivery.stage is not None:
            self._take_stage(delivery.stage, delivery.fact, delivery.at)
        if delivery.kind == "event" and delivery.fact:
            self._hear(delivery.fact.model_copy(update={"seq": delivery.seq}))
        elif delivery.kind == "end":
            self._end_as(delivery.outcome or "exited")
        elif delivery.kind == "command":
            self._obey(delivery)

    def _hear(self, fact: Fact) -> None:
        self._news.add(fact)
        if self._program.interrupts:
            self._state.untested.append(fact)

    def _take_stage(self, stage: str, fact: Fact | None, at: datetime) -> None:
        """The same stage again changes nothing. One that begins cuts a wait short; `event` is what brought it."""
        state = self._state
        present = state.to_stage or self._program.stage_of(state.step)
        has_begun = bool(state.visits)
        if has_begun and stage == present and not self._program.journey.stages[stage].restart:
            return
        state.event = dict(fact.properties) if fact else state.event
        if has_begun:
            state.to_stage = stage
            if state.is_inside and self._program.place_by_id[state.step or ""].step.is_waiting:
                self._news.cut(at)
        else:
            state.step = self._program.entry_by_stage[stage]

    def _obey(self, delivery: Delivery) -> None:
        match delivery.command:
            case "pause":
                self._state.is_paused = True
            case "resume":
                self._state.is_paused = False
            case "skip_wait" if delivery.step in (None, self._state.step):
                self.is_skipped = True
            case "stop":
                self._end_as(delivery.outcome or "stopped")

    def _end_as(self, outcome: str) -> None:
        self._state.ended_as = self._state.ended_as or outcome
