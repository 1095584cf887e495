"""The customers of one run: who begins when, who answers, who leaves or opts out, and who shares a telephone."""

import random
from dataclasses import dataclass

from scripts.crash.weather import WITHHELD

SHARERS = 4
"""Customers on one telephone, who get the same words: a look-up cannot tell their messages apart."""

PATIENCE = 6.0
"""Seconds; `within` of the journey."""

RINGS = 20.0
"""Seconds; `wait` for the call of the journey."""

WAYS = ("answers", "is silent", "leaves", "stops", "withdraws")


@dataclass(frozen=True, slots=True)
class Person:
    """`mark` stands in every message to them; seconds count from the run's beginning, and for the others from the
    answer to the first event. Who withdraws wants no mail any more, who stops no SMS."""

    user: str
    mark: str
    phone: str
    email: str
    begins_after: float
    answers_after: float | None = None
    leaves_after: float | None = None
    stops_after: float | None = None
    withdraws_after: float | None = None


def cast(run: int, size: int, over: float, chance: random.Random) -> list[Person]:
    """Who takes part in run number `run` of this stack, in the order in which they begin, within `over` seconds.

    A quarter of them share telephones, and of those nobody leaves or opts out, so that it is known what they are due.
    """
    sharers = size // 4 // SHARERS * SHARERS
    places = [*range(size - sharers), *(size + number // SHARERS for number in range(sharers))]
    people = [_person(f"r{run}-u{n}", run, place, place >= size, over, chance) for n, place in enumerate(places)]
    return sorted(people, key=lambda person: person.begins_after)


def _person(user: str, run: int, place: int, shares: bool, over: float, chance: random.Random) -> Person:
    way = chance.choices(WAYS, (45, 25, 0, 0, 0) if shares else (45, 25, 12, 9, 9))[0]
    domain = WITHHELD if place % 10 == 0 else "@example.com"
    return Person(
        user,
        f"r{run}-{place}",
        f"+1500{run * 10_000 + place:07}",
        f"r{run}-{place}{domain}",
        chance.uniform(0, over),
        answers_after=chance.uniform(0, PATIENCE / 2) if way in ("answers", "withdraws") else None,
        leaves_after=chance.uniform(0, PATIENCE * 4) if way == "leaves" else None,
        stops_after=chance.uniform(0, PATIENCE * 4) if way == "stops" else None,
        withdraws_after=chance.uniform(0, PATIENCE / 2) if way == "withdraws" else None,
    )
