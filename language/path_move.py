"""What may end or move an enrolment wherever it stands: said once, and not multiplied with the paths."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from language.clause import Clause
from language.journey import Journey
from language.program import Program
from language.steps import Until, Wait


class Move(NamedTuple):
    """On what it goes where, both in words."""

    on: str
    to: str


def moves(program: Program) -> tuple[Move, ...]:
    """Exits, the goal, the stages that statuses lead to, dates that are waited for again, and other journeys."""
    return (*_ends(program.journey), *_stages(program.journey), *_dates(program))


def _ends(journey: Journey) -> Iterator[Move]:
    for clause in journey.exit:
        yield Move(_said(clause), f"ends as {clause.outcome}")
    if journey.goal is not None:
        yield Move(
            _said(journey.goal), "ends as converted" if journey.goal.ends else "the goal is counted, and it goes on"
        )
    if journey.group is not None and not journey.locked:
        does = "stands still until it is over" if journey.when_displaced == "suspend" else "ends as displaced"
        yield Move(f"another journey of the group {journey.group} has priority", does)


def _stages(journey: Journey) -> Iterator[Move]:
    names = _named(journey.stage.on) if journey.stage else ""
    for name, stage in journey.stages.items():
        yield Move(f"{names}: {', '.join((name, *stage.statuses))}", f"goes to the stage {name}")


def _dates(program: Program) -> Iterator[Move]:
    for step in program.moving:
        if isinstance(step, Wait) and isinstance(step.wait, Until):
            on = " or ".join(_said(clause) for clause in step.wait.rearm_on)
            yield Move(f"{on}, to a date ahead", f"waits again at {step.id}")


def _said(clause: Clause) -> str:
    where = f" where {' '.join(clause.where.source.split())}" if clause.where is not None else ""
    return f"{_named(clause.on)}{where}"


def _named(names: Sequence[str]) -> str:
    return " or ".join(names)
