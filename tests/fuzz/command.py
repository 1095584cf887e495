"""`scripts/fuzz`: thousands of generated journeys, each by a seed. Faults are shown with the smallest example found."""

import argparse
import sys
from random import Random

from harness.ground import ground, leave_ground
from tests.fuzz.agreement import faults_on
from tests.fuzz.smaller import smallest
from tests.fuzz.writer import Writer, Writing

PATIENCE = 120.0
"""Seconds for one directory on Temporal."""


def main(arguments: list[str] | None = None) -> int:
    """Returns 1 when anything was found."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, metavar="N", help="how many directories are made up")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first seed")
    given = parser.parse_args(arguments)
    found = played = 0
    for seed in range(given.first, given.first + given.seeds):
        writing = Writer(Random(seed)).write()
        faults = faults_of(writing)
        played += faults is not None
        if faults:
            found += 1
            small = smallest(writing, lambda one: bool(faults_of(one)))
            print(f"seed {seed}: {'; '.join(faults)}\n{small}\n{'; '.join(faults_of(small) or [])}", flush=True)
    leave_ground()
    print(f"{played} of {given.seeds} directories are sound and were played; {found} show a fault")
    return int(found > 0)


def faults_of(writing: Writing) -> list[str] | None:
    """What the simulator and the product tell differently, or why it could not be played; None: it has errors."""
    try:
        return ground().submit(faults_on(ground().world, writing)).result(PATIENCE)
    except Exception as error:
        leave_ground()  # whatever still runs there would disturb the next
        return [f"{type(error).__name__}: {error}"]


if __name__ == "__main__":
    sys.exit(main())
