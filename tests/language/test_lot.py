"""Lots: the same for everybody who draws them, and fair."""

from collections import Counter
from math import sqrt

import pytest

from language.lot import draw

TONES = {"friendly": 45.0, "formal": 45.0, "nothing": 10.0}
MANY = 20_000


def is_fair(counts: Counter[str], shares: dict[str, float]) -> bool:
    """Within three standard deviations of what chance would give."""
    total, whole = counts.total(), sum(shares.values())
    return all(
        abs(counts[arm] - total * share / whole) <= 3 * sqrt(total * share / whole * (1 - share / whole))
        for arm, share in shares.items()
    )


def test_the_same_customer_draws_the_same_for_ever() -> None:
    drawn = " ".join(draw(id, "tone", TONES) for id in range(1, 9))
    assert drawn == "formal formal formal nothing friendly formal formal friendly"


@pytest.mark.parametrize("experiment", ["tone", "price", "control/win_back"])
def test_shares_are_kept(experiment: str) -> None:
    assert is_fair(Counter(draw(id, experiment, TONES) for id in range(1, MANY)), TONES)


def test_weights_need_not_make_a_hundred() -> None:
    assert is_fair(Counter(draw(id, "tone", {"a": 1, "b": 3}) for id in range(1, MANY)), {"a": 1, "b": 3})


def test_experiments_know_nothing_of_each_other() -> None:
    half = {"a": 50.0, "b": 50.0}
    others = Counter(draw(id, "price", half) for id in range(1, MANY) if draw(id, "tone", half) == "a")
    assert is_fair(others, half)


def test_those_of_an_arm_that_is_gone_spread_over_all_that_are_left() -> None:
    left = {"friendly": 50.0, "formal": 50.0}
    orphans = [id for id in range(1, MANY) if draw(id, "tone", TONES) == "nothing"]
    assert is_fair(Counter(draw(id, "tone", left, instead_of="nothing") for id in orphans), left)


def test_an_arm_without_a_share_is_not_drawn() -> None:
    assert {draw(id, "tone", {"a": 0, "b": 1, "c": 0}) for id in range(500)} == {"b"}


def test_there_is_something_to_draw() -> None:
    with pytest.raises(ValueError, match="no arm"):
        draw(1, "tone", {"a": 0})
