"""The lane of each message, and whom it stands behind."""

import pytest

from language.channel import CHANNELS
from language.library import read_library
from language.message import MessageClass
from language.program import define, program
from workflows.lanes import LANES, lane, place, urgency

FILES = {
    "welcome.yaml": "journey: welcome\ntitle: W\nstart: {on: Begun}\nsteps: [{send: code}, {send: offer}]\n",
    "messages/code.yaml": "message: code\nclass: transactional\nsms: A code\n",
    "messages/offer.yaml": "message: offer\nclass: promotional\ntopic: news\nsms: An offer\n",
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_whatever_is_transactional_shares_one_lane(channel: str) -> None:
    assert lane(channel, "transactional") == "send-transactional"
    assert lane(channel, "service") == lane(channel, "promotional") == lane(channel, None)
    assert lane(channel, None) in set(LANES) - {"send-transactional"}


def test_a_version_older_than_lanes_counts_as_service() -> None:
    library = read_library(FILES)
    older = define(library.journeys["welcome"])
    assert program(older).classes == {}
    assert urgency(older) == place(None) == place("service")


def test_a_definition_says_the_classes_of_its_messages() -> None:
    [compiled] = read_library(FILES).compiled()
    assert program(compiled.definition).classes == {"code": "transactional", "offer": "promotional"}
    assert urgency(compiled.definition) == place("transactional")


@pytest.mark.parametrize(("message_class", "key"), [("transactional", 1), ("service", 2), ("promotional", 4)])
def test_whoever_has_queued_before_goes_ahead_of_its_class(message_class: MessageClass, key: int) -> None:
    assert place(message_class, has_queued=True).priority_key == key
    assert (place(message_class).priority_key or 0) >= key
