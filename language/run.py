"""One run of an enrolment: its parts, and what it agrees on with PostgreSQL about going on."""

from datetime import datetime, timedelta

from language.circles import Circles
from language.inbox import Inbox
from language.inquiry import Inquiry
from language.journal import Journal
from language.news import News
from language.port import Answer, Port, Progress, Receipt, Standing
from language.program import Program
from language.report import report
from language.state import Enrolment, State

A_WHILE = timedelta(minutes=5)
"""Until the next try where nobody says when."""


class Ended(Exception):
    """An exit, a goal or a person ended the enrolment; what runs is left where it stands."""


class Closed(Exception):
    """Another run has the enrolment, or it has ended already: stop without a word."""


class Run:
    """What the loop, its waits and its sends share. `state` alone outlives the run; the rest is made anew from it.

    `is_wait_shown`: people and PostgreSQL are told what the present visit waits for.
    """

    def __init__(self, program: Program, enrolment: Enrolment, state: State, port: Port) -> None:
        self.program = program
        self.enrolment = enrolment
        self.state = state
        self.port = port
        self.inquiry = Inquiry(program, enrolment, state, port)
        self.news = News(state)
        self.inbox = Inbox(program, state, self.news)
        self.journal = Journal(program, enrolment, state)
        self.circles = Circles(program)
        self.is_wait_shown = False

    @property
    def now(self) -> datetime:
        return self.port.now()

    def show(self) -> None:
        """Tell people where it stands."""
        self.port.show(report(self.program, self.state), self.state.step)

    def stop_if_ended(self) -> None:
        if self.state.ended_as is not None:
            raise Ended

    async def write(self, *, ended_as: str | None = None, pause: str | None = None) -> Standing:
        """Write what is unwritten and take in what had not arrived; raises `Closed` when the enrolment is not ours."""
        progress = self.journal.progress(self.now, ended_as=ended_as, pause=pause)
        self.inbox.is_nudged = False
        standing = await self.port.record(progress)
        if standing.taken:
            raise Closed
        self.journal.written(progress)
        if self.state.seen_seq == progress.seen_seq:
            self.state.is_paused = standing.paused
        self.inbox.catch_up(standing.unseen)
        return standing

    async def take_verdict(self, answer: Receipt | Answer, progress: Progress) -> datetime | None:
        """What PostgreSQL said about going on now. Returns when to try again, if that is not at once."""
        if answer.verdict == "closed":
            await self.write()
            self.stop_if_ended()
            return self.now + A_WHILE
        self.journal.written(progress)
        has_heard_more = self.state.seen_seq > progress.seen_seq
        match answer.verdict:
            case "behind":
                self.inbox.catch_up(answer.unseen)
                return None if self.state.seen_seq > progress.seen_seq else self.now + A_WHILE
            case "paused":
                self.state.is_paused = self.state.is_paused or not has_heard_more
            case "held":
                return answer.retry_at or self.now + A_WHILE
        return None
