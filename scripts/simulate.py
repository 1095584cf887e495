"""`sojourn simulate`: scenarios in virtual time."""

import json as encoder
import time
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.text import Text

from language.comparison import Mismatch, compare
from language.duration import format_duration
from language.happening import Happening
from language.library import Library
from language.scenario import Scenario
from language.simulator import simulate
from scripts.directory import read_directories

KINDS = {
    "event": ("event", "cyan"),
    "started": ("starts", "bold"),
    "refused": ("no entry", "yellow"),
    "ignored": ("ignored", "yellow"),
    "sent": ("sent", "green"),
    "held": ("held", "yellow"),
    "not_sent": ("not sent", "yellow"),
    "task": ("task", "magenta"),
    "start": ("into", "magenta"),
    "call": ("call", "magenta"),
    "paused": ("paused", "red"),
    "impossible": ("cannot be", "red"),
    "cut_short": ("cut short", "red"),
    "ended": ("ended", "bold"),
}
"""The word and the colour of each kind of happening."""


def run(paths: list[Path], *, json: bool = False, journeys: Path | None = None) -> int:
    """Play every scenario under `paths`; 0 when all expectations hold."""
    missing = [path for path in paths if not path.exists()]
    for path in missing:
        print(f"{path}:1: file: there is no such file or directory; check the spelling")
    library = read_directories([*(path for path in paths if path.exists()), *([journeys] if journeys else [])])
    scenarios = {file: scenario for file, scenario in library.scenarios.items() if _is_asked(Path(file), paths)}
    for finding in library.errors:
        print(finding)
    results = [_play(file, scenario, library, json) for file, scenario in scenarios.items() if not library.errors]
    if json:
        print(encoder.dumps([result for result, _ in results]))
    elif not library.errors:
        print(f"{sum(ok for _, ok in results)} of {len(scenarios)} scenarios hold")
    return 0 if results and all(ok for _, ok in results) and not missing else 1


def _is_asked(file: Path, paths: list[Path]) -> bool:
    return any(file == path or path in file.parents for path in paths)


def _play(file: str, scenario: Scenario, library: Library, json: bool) -> tuple[dict[str, object], bool]:
    began = time.perf_counter()
    happenings = simulate(library, scenario)
    seconds = time.perf_counter() - began
    mismatches = compare(scenario, happenings)
    if not json:
        _show(file, scenario, happenings, mismatches, seconds)
    return _as_json(file, scenario, happenings, mismatches), not mismatches


def _show(
    file: str, scenario: Scenario, happenings: list[Happening], mismatches: list[Mismatch], seconds: float
) -> None:
    console = Console(highlight=False, soft_wrap=True)
    mark = Text("holds ", "bold green") if not mismatches else Text("fails ", "bold red")
    console.print(mark + Text(f"{scenario.scenario}", "bold") + Text(f"  {file}  {seconds * 1000:.0f} ms", "dim"))
    for item in happenings:
        console.print(_line(item))
    for mismatch in mismatches:
        console.print(Text(f"  {_day(mismatch.at):>12}  {mismatch.what}", "red"))
    console.print()


def _line(item: Happening) -> Text:
    channel = f" by {item.channel}" if item.channel else ""
    why = f": {item.why}" if item.why else ""
    word, style = KINDS[item.kind]
    return Text(f"  {_day(item.at):>12}  ", "dim") + Text(f"{word:<9}{item.name}{channel}{why}", style)


def _day(length: timedelta) -> str:
    whole = timedelta(seconds=round(length.total_seconds()))
    return "0d" if not whole else format_duration(whole)


def _as_json(
    file: str, scenario: Scenario, happenings: list[Happening], mismatches: list[Mismatch]
) -> dict[str, object]:
    def plain(values: dict[str, object]) -> dict[str, object]:
        return {k: v.total_seconds() if isinstance(v, timedelta) else v for k, v in values.items() if v is not None}

    return {
        "scenario": scenario.scenario,
        "file": file,
        "journey": scenario.journey,
        "holds": not mismatches,
        "happenings": [plain(asdict(item)) for item in happenings],
        "mismatches": [plain(asdict(item)) for item in mismatches],
    }
