"""Which of the events that came are still new to an enrolment's waits."""

from collections.abc import Sequence
from datetime import datetime

from language.delivery import Fact
from language.state import MOST_NEWS, State


class News:
    """The part of a state that holds events for waits to come. `is_fresh`: something came since a wait last asked."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.is_fresh = False

    def add(self, fact: Fact) -> None:
        """Keep what came; not what is known only now though it came before the last wait was left."""
        state = self._state
        if state.deaf_until is not None and fact.at <= state.deaf_until:
            return
        state.news.append(fact)
        self.is_fresh = True
        if len(state.news) > MOST_NEWS:
            state.has_lost_news = True
            del state.news[: len(state.news) - MOST_NEWS]

    def is_new(self, fact: Fact) -> bool:
        """Whether it came after the last wait was left."""
        return self._state.heard_until is None or fact.at >= self._state.heard_until

    def pass_event(self, fact: Fact) -> None:
        """A wait ended with this new event: what came after it is new to the next wait."""
        if fact.seq:
            self._keep([kept for kept in self._state.news if kept.seq > fact.seq], fact.at)
            self._state.deaf_until = None
        else:
            self.pass_moment(fact.at)

    def pass_moment(self, until: datetime) -> None:
        """A wait ended otherwise: what came until then is no longer new, also when it is known only later."""
        self._keep([kept for kept in self._state.news if kept.at > until], until)
        self._state.deaf_until = until

    def cut(self, at: datetime) -> None:
        """A wait was cut short by what comes now: what came before is no longer new."""
        self._keep([], at)
        self._state.deaf_until = None

    def ignore(self, facts: Sequence[Fact]) -> None:
        """These were tested in vain."""
        tested = {fact.seq for fact in facts}
        heard_until = max([fact.at for fact in facts], default=self._state.heard_until)
        self._keep([kept for kept in self._state.news if kept.seq not in tested], heard_until)

    def _keep(self, kept: list[Fact], heard_until: datetime | None) -> None:
        # Lost events are older than all that are kept, and tested or passed before them.
        state = self._state
        state.news, state.heard_until = kept, heard_until
        state.has_lost_news = state.has_lost_news and len(kept) == MOST_NEWS
