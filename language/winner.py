"""When an arm of an experiment has won."""

from collections.abc import Mapping
from math import sqrt
from statistics import NormalDist

Count = tuple[int, int]
"""Enrolled, and how many of them converted."""


def winner(counts: Mapping[str, Count], confidence: float, at_least: int) -> str | None:
    """The arm that converts better than every other one; None while none is, or while one has under `at_least`.

    Each pair is judged by a two-sided test of two proportions. The allowance for error, `1 - confidence`, is divided
    by the number of others (Bonferroni): whichever arm is best by accident beats all others at most that often. It
    holds for one look; whoever looks many times should ask for more confidence.
    """
    if len(counts) < 2 or any(enrolled < max(at_least, 1) for enrolled, _ in counts.values()):
        return None
    best = max(counts, key=lambda arm: counts[arm][1] / counts[arm][0])
    others = [count for arm, count in counts.items() if arm != best]
    needed = NormalDist().inv_cdf(1 - (1 - confidence) / (2 * len(others)))
    return best if all(_lead(counts[best], other) >= needed for other in others) else None


def _lead(one: Count, other: Count) -> float:
    """By how many standard errors one proportion is larger than the other."""
    (enrolled, converted), (other_enrolled, other_converted) = one, other
    pooled = (converted + other_converted) / (enrolled + other_enrolled)
    error = sqrt(pooled * (1 - pooled) * (1 / enrolled + 1 / other_enrolled))
    return (converted / enrolled - other_converted / other_enrolled) / error if error else 0.0
