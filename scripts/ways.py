"""`sojourn simulate --all-paths`: every way through a journey, without a scenario."""

import json as encoder
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from language.duration import format_duration
from language.library import Library
from language.path_cost import cost, prices
from language.path_move import moves
from language.path_route import Route, routes
from language.path_way import PathMessage
from language.paths import Paths, count, walk, worst
from language.program import Program
from language.report import in_words
from language.steps import Branch, GoTo, Stop
from scripts.directory import read_directories

MOST_SHOWN = 300
"""Ways of one journey, or of one stage, that anyone would read."""

DEFAULT_DIRECTORY = Path("journeys")


def run(named: list[Path], *, json: bool = False, journeys: Path | None = None) -> int:
    """List the paths of journeys: a file, a directory or an id each. 0 when all are there and sound."""
    there = [path for path in named if path.exists()]
    library = read_directories([*there, *([] if len(there) == len(named) else [journeys or DEFAULT_DIRECTORY])])
    asked = [name for path in named for name in (library.journeys if path.is_dir() else [path.stem])]
    unknown = [name for name in asked if name not in library.journeys]
    findings = sys.stderr if json else sys.stdout
    for finding in library.errors:
        print(finding, file=findings)
    for name in unknown:
        what = "there is no such journey; name its file, or its id with --journeys <directory>"
        print(f"{name}:1: file: {what}", file=findings)
    found = [name for name in dict.fromkeys(asked) if name in library.journeys and not library.errors]
    _list([Ways(library, name) for name in found], json)
    return 0 if found and not unknown else 1


def _list(journeys: list["Ways"], json: bool) -> None:
    if json:
        print(encoder.dumps([ways.as_json() for ways in journeys]))
        return
    console = Console(highlight=False, soft_wrap=True)
    for ways in journeys:
        ways.show(console)


class Ways:
    """All ways through one journey, as people read them. What they cost is told when the policy says prices."""

    def __init__(self, library: Library, journey: str) -> None:
        self._journey = library.journeys[journey]
        self._program = Program(self._journey)
        self._price = prices(library.messages, library.policy)
        costs = library.policy.costs
        self._currency = costs.currency if "costs" in library.policy.model_fields_set else None
        self._found: Paths = walk(self._program)
        self._count = len(self._found.paths) if self._found.is_complete else count(self._program)
        self._routes = routes(self._program, self._found.paths)
        self._worst = worst(self._program, self._price)

    def show(self, console: Console) -> None:
        console.print(Text(self._journey.journey, "bold") + Text(f"  {self._journey.title}", "dim"))
        number = 0
        for (stage, step), group in groupby(self._routes, key=lambda it: (it.path.stage, it.path.joins_at)):
            ways = list(group)
            if stage is not None:
                at = f", joined at {step}" if step else ""
                console.print(Text(f"\nstage {stage}{at}", "bold blue"))
            for route in ways[:MOST_SHOWN]:
                number += 1
                self._show_route(console, number, route)
            if len(ways) > MOST_SHOWN:
                left = f"{len(ways) - MOST_SHOWN} more ways are not shown; --json lists them"
                console.print(Text(f"  … {left}", "yellow"))
        self._show_moves(console)
        console.print(f"\n{self._summary()}\n")

    def _show_route(self, console: Console, number: int, route: Route) -> None:
        path = route.path
        costs = f", {_money(self._cost(route))} {self._currency}" if self._currency else ""
        end = Text(f"{path.end}", "red" if path.is_endless else "bold")
        console.print(Text(f"\n{number:>4}  ") + end + Text(f"  after {_span(path.least, path.most)}{costs}", "dim"))
        console.print(Text("      " + " → ".join(self._steps(route)), "dim"))
        for line in _message_lines(path.messages):
            console.print(Text(f"      {line}", "green"))

    def _show_moves(self, console: Console) -> None:
        found = moves(self._program)
        if found:
            console.print(Text("\nat any moment", "bold blue"))
        for move in found:
            console.print(f"      {move.on} → {move.to}")

    def _steps(self, route: Route) -> Iterator[str]:
        """The steps of a way in words; of branches and jumps only what was decided."""
        for step_id, words in route.choices:
            step = self._program.place_by_id[step_id].step
            if words == "passed over":
                continue
            if words == "broken off" or words.startswith("not: "):
                yield f"({step_id}: {words})"
            elif isinstance(step, Branch):
                yield f"({words})" if words else "(either way)"
            elif not isinstance(step, GoTo | Stop):
                said = in_words(step)
                yield f"{said} ({words})" if words else said

    def _cost(self, route: Route) -> Decimal:
        return cost(route.path, self._price)

    def _summary(self) -> str:
        found = self._found
        merged = f" ({len(found.paths)} with those that differ in nothing to be noticed)"
        text = f"{len(self._routes)} ways" + (merged if len(found.paths) > len(self._routes) else "")
        if not found.is_complete:
            left = f"{self._count - len(found.paths):,}" if self._count is not None else "an unknown number of"
            text += f"; {left} paths were left out"
        return f"{text}{self._dearest()}"

    def _dearest(self) -> str:
        if not self._currency:
            return ""
        if any(weight is None for weight in self._worst.values()):
            is_endless = any(path.is_endless for path in self._found.paths)
            why = "it may go round for ever" if is_endless else "there are too many ways to tell"
            return f"; no limit to what it may cost: {why}"
        each = " (each stage once)" if len(self._worst) > 1 else ""
        total = sum((it for it in self._worst.values() if it is not None), Decimal(0))
        again = ", and more each time a date moves" if self._program.moving else ""
        return f"; at most {_money(total)} {self._currency}{each}{again}"

    def as_json(self) -> dict[str, Any]:
        """Lengths of time are seconds since the way began; null: no telling."""
        found = self._found
        return {
            "journey": self._journey.journey,
            "is_complete": found.is_complete,
            "paths_found": len(found.paths),
            "paths_in_all": self._count,
            "currency": self._currency,
            "worst_cost": {name or "steps": None if it is None else float(it) for name, it in self._worst.items()},
            "ways": [self._route_as_json(route) for route in self._routes],
            "moves": [move._asdict() for move in moves(self._program)],
        }

    def _route_as_json(self, route: Route) -> dict[str, Any]:
        path = route.path
        return {
            "stage": path.stage,
            "joins_at": path.joins_at,
            "steps": [choice._asdict() for choice in route.choices],
            "messages": [
                {**it._asdict(), "least": _seconds(it.least), "most": _seconds(it.most)} for it in path.messages
            ],
            "least": _seconds(path.least),
            "most": _seconds(path.most),
            "end": path.end,
            "is_endless": path.is_endless,
            "cost": float(self._cost(route)) if self._currency else None,
            "paths": route.count,
        }


def _message_lines(messages: Sequence[PathMessage]) -> Iterator[str]:
    """Each message with its day; the same one again and again in one line."""
    for (name, channel), group in groupby(messages, key=lambda it: (it.message, it.channel)):
        sent = list(group)
        first, last = sent[0], sent[-1]
        when = _day(first.least, first.most)
        often = f", {len(sent)} times, the last on {_day(last.least, last.most)}" if len(sent) > 1 else ""
        yield f"{when}: {name} by {channel}{often}"


def _day(least: timedelta, most: timedelta | None) -> str:
    if most is None:
        return f"day {least.days} or later"
    return f"day {least.days}" if least.days == most.days else f"day {least.days} to {most.days}"


def _span(least: timedelta, most: timedelta | None) -> str:
    if most is None:
        return f"{format_duration(least)} or longer"
    return format_duration(least) if least == most else f"{format_duration(least)} to {format_duration(most)}"


def _money(amount: Decimal) -> str:
    return f"{amount:.4f}".rstrip("0").rstrip(".")


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()
