"""What a customer can choose on the preference page, how it stands, and what their choice means for the ledger."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from language.address import NoAddress, address
from language.channel import CHANNELS, Channel
from language.consent import EVERY_TOPIC, is_given
from language.policy import Policy
from language.sending import Consent
from language.topic import Topic


class Cell(NamedTuple):
    """A topic by a channel: what a box of the page stands for."""

    topic: str
    channel: Channel


class Word(NamedTuple):
    """What the choice adds to the ledger."""

    channel: str | None
    topic: str | None
    state: Literal["opted_in", "opted_out"]


@dataclass(frozen=True, slots=True)
class Choices:
    """`channels` are those that the customer can be reached by; `pending` is asked for and not confirmed."""

    topics: Mapping[str, Topic]
    channels: tuple[Channel, ...]
    consents: tuple[Consent, ...]
    pending: frozenset[tuple[str | None, str | None]] = frozenset()

    @classmethod
    def of(
        cls,
        policy: Policy,
        traits: Mapping[str, Any],
        consents: tuple[Consent, ...],
        pending: Iterable[tuple[str | None, str | None]] = (),
    ) -> "Choices":
        """`pending`: channel and topic of each request."""
        channels = tuple(channel for channel in CHANNELS if _reaches(channel, traits))
        return cls(policy.topics, channels, consents, frozenset(pending))

    def cells(self, topic: str) -> tuple[Cell, ...]:
        """The boxes of a topic."""
        own = self.topics[topic].channels
        return tuple(Cell(topic, channel) for channel in self.channels if not own or channel in own)

    @property
    def shown(self) -> tuple[Cell, ...]:
        return tuple(cell for topic in self.topics for cell in self.cells(topic))

    def is_stopped(self, channel: Channel) -> bool:
        """Whether nothing goes by the channel, whatever it is about."""
        return self._says_no({None, channel}, {None})

    @property
    def is_all_off(self) -> bool:
        return self._says_no({None}, {EVERY_TOPIC})

    def is_wanted(self, topic: str, channel: str) -> bool:
        """Whether nothing was said against it."""
        return not self._says_no({None, channel}, {None, EVERY_TOPIC, topic})

    def is_on(self, cell: Cell) -> bool:
        """Whether messages about it come, but for the channel being stopped."""
        if self._says_no({None, cell.channel}, {EVERY_TOPIC, cell.topic}):
            return False
        return not self.topics[cell.topic].double_opt_in or is_given(self.consents, cell.topic, cell.channel)

    def is_pending(self, cell: Cell) -> bool:
        """Whether a click in a mail is still to come."""
        return not self.is_on(cell) and bool({(cell.channel, cell.topic), (None, cell.topic)} & self.pending)

    def saving(self, wanted: Collection[Cell], shown: Collection[Cell], again: Collection[Channel]) -> list[Word]:
        """What changes when of the boxes `shown` those `wanted` are ticked, and channels come `again`."""
        known = [cell for cell in self.shown if cell in shown]
        on = [cell for cell in known if cell in wanted]
        lifted = [*self._channels_again(again), *self._lifted(on)]
        consents = (*self._but(lifted), *(Consent(*word) for word in lifted))
        after = Choices(self.topics, self.channels, consents, self.pending)
        return [*lifted, *after._changed(known, on)]

    def _changed(self, known: Iterable[Cell], on: Collection[Cell]) -> Iterator[Word]:
        for cell in known:
            if (self.is_on(cell) or self.is_pending(cell)) != (cell in on):
                yield Word(cell.channel, cell.topic, "opted_in" if cell in on else "opted_out")

    def _channels_again(self, again: Collection[Channel]) -> list[Word]:
        stopped = [channel for channel in again if self.is_stopped(channel)]
        wide = [Word(None, None, "opted_in")] if stopped and self._says_no({None}, {None}) else []
        return [*wide, *(Word(one, None, "opted_in") for one in stopped if self._says_no({one}, {None}))]

    def _lifted(self, on: Iterable[Cell]) -> list[Word]:
        """Wider refusals that stand in the way of what is wanted."""
        wider = {
            (channel, topic): None
            for cell in on
            for channel, topic in ((None, EVERY_TOPIC), (cell.channel, EVERY_TOPIC), (None, cell.topic))
        }
        return [Word(channel, topic, "opted_in") for channel, topic in wider if self._says_no({channel}, {topic})]

    def _but(self, words: Iterable[Word]) -> Iterator[Consent]:
        anew = {(word.channel, word.topic) for word in words}
        return (one for one in self.consents if (one.channel, one.topic) not in anew)

    def _says_no(self, channels: Collection[str | None], topics: Collection[str | None]) -> bool:
        return any(
            one.state == "opted_out" and one.channel in channels and one.topic in topics for one in self.consents
        )


def _reaches(channel: str, traits: Mapping[str, Any]) -> bool:
    try:
        address(channel, traits)
    except NoAddress:
        return False
    return True
