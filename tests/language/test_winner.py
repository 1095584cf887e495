"""Winners, against values that are known."""

import random

import pytest

from language.winner import Count, winner


def test_a_clear_lead_wins() -> None:
    assert winner({"a": (1000, 200), "b": (1000, 150)}, 0.95, 200) == "a"  # z = 2.94
    assert winner({"a": (1000, 150), "b": (1000, 200)}, 0.95, 200) == "b"


@pytest.mark.parametrize(
    ("counts", "confidence", "expected"),
    [
        # 100 and 130 of 1000: z = 2.1027 by the textbook, p = 0.0355 two-sided.
        ({"a": (1000, 130), "b": (1000, 100)}, 0.96, "a"),
        ({"a": (1000, 130), "b": (1000, 100)}, 0.97, None),
        # With a third arm the allowance is halved: z = 2.2414 is needed for 95 %.
        ({"a": (1000, 130), "b": (1000, 100), "c": (1000, 90)}, 0.95, None),
        ({"a": (1000, 133), "b": (1000, 100), "c": (1000, 90)}, 0.95, "a"),
    ],
)
def test_confidence_is_what_the_textbook_says(
    counts: dict[str, Count], confidence: float, expected: str | None
) -> None:
    assert winner(counts, confidence, 200) == expected


def test_better_than_one_is_not_better_than_all() -> None:
    assert winner({"a": (1000, 200), "b": (1000, 195), "c": (1000, 50)}, 0.95, 200) is None


def test_nothing_is_judged_early() -> None:
    assert winner({"a": (199, 150), "b": (5000, 10)}, 0.95, 200) is None
    assert winner({"a": (200, 150), "b": (5000, 10)}, 0.95, 200) == "a"
    assert winner({"a": (0, 0), "b": (0, 0)}, 0.95, 0) is None


@pytest.mark.parametrize("counts", [{"a": (500, 0), "b": (500, 0)}, {"a": (500, 500), "b": (500, 500)}, {"a": (9, 9)}])
def test_where_nothing_differs_nobody_wins(counts: dict[str, Count]) -> None:
    assert winner(counts, 0.95, 1) is None


def test_arms_that_are_alike_rarely_win() -> None:
    dice = random.Random(3)

    def by_chance(arms: int) -> bool:
        counts = {str(arm): (400, sum(dice.random() < 0.2 for _ in range(400))) for arm in range(arms)}
        return winner(counts, 0.95, 200) is not None

    for arms in (2, 3, 4):
        assert sum(by_chance(arms) for _ in range(400)) <= 400 * 0.05 + 3 * (400 * 0.05 * 0.95) ** 0.5
