"""A journey that waits for digits sends a call that asks for some."""

import pytest

from language.library import read_library

JOURNEY = "journey: j\ntitle: J\nstart: {on: Go}\nexit: {on: Left}\nsteps:\n"
WAIT = "  - wait_for: {on: Call Digits Pressed}\n    within: 1m\n"
OF_FIRST = "  - wait_for: {on: Call Digits Pressed, of: first}\n    within: 1m\n"
FIRST, SECOND = "  - {id: first, send: says}\n", "  - {id: second, send: asks, via: voice}\n"
ASKS = 'voice: {say: "Press 1", gather: {digits: 1}}\n'
MESSAGES = {
    "messages/says.yaml": "message: says\nclass: service\nvoice: {say: Hello}\n",
    "messages/asks.yaml": f"message: asks\nclass: service\n{ASKS}",
}
IN_RUSSIAN = (
    "message: says\nclass: service\nvoice: {say: Hello}\nlocales: {ru: {voice: {say: Один, gather: {digits: 1}}}}\n"
)


def warned(steps: str, **changed: str) -> list[str]:
    files = MESSAGES | {f"messages/{name}.yaml": text for name, text in changed.items()}
    return [
        it.what for it in read_library({"j.yaml": JOURNEY + steps, **files}).findings if it.code == "unasked-digits"
    ]


@pytest.mark.parametrize("steps", [FIRST + WAIT, FIRST + OF_FIRST, FIRST + SECOND + OF_FIRST])
def test_digits_that_no_call_asks_for_are_warned_of(steps: str) -> None:
    assert warned(steps) == ["`Call Digits Pressed` never comes: `says` asks for no digits"]


@pytest.mark.parametrize("steps", [SECOND + WAIT, FIRST + SECOND + WAIT])
def test_one_call_that_asks_is_enough(steps: str) -> None:
    assert warned(steps) == []


def test_a_call_may_ask_in_one_language_only() -> None:
    assert warned(FIRST + OF_FIRST, says=IN_RUSSIAN) == []
