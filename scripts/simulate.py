"""`sojourn simulate`: scenarios in virtual time."""

import json as encoder
import sys
import time
from pathlib import Path

from rich.console import Console

from language.comparison import held_against
from language.library import Library
from language.scenario import Scenario
from language.simulator import simulate
from scripts.directory import read_directories
from scripts.explaining import Played, as_json, headline, plan


def run(paths: list[Path], *, json: bool = False, explain: bool = False, journeys: Path | None = None) -> int:
    """Play every scenario under `paths`; 0 when all expectations hold."""
    missing = [path for path in paths if not path.exists()]
    findings = sys.stderr if json else sys.stdout
    for path in missing:
        print(f"{path}:1: file: there is no such file or directory; check the spelling", file=findings)
    library = read_directories([*(path for path in paths if path.exists()), *([journeys] if journeys else [])])
    for finding in library.errors:
        print(finding, file=findings)
    asked = {file: it for file, it in library.scenarios.items() if _is_asked(Path(file), paths)}
    scenarios = {} if library.errors else asked
    if json:
        results = _play_all(library, scenarios)
        print(encoder.dumps([as_json(played) for played in results], default=str))
    else:
        results = _show_all(library, scenarios, explain)
    return 0 if results and all(played.holds for played in results) and not missing else 1


def _is_asked(file: Path, paths: list[Path]) -> bool:
    return any(file == path or path in file.parents for path in paths)


def _play_all(library: Library, scenarios: dict[str, Scenario]) -> list[Played]:
    return [_play(library, file, scenario) for file, scenario in scenarios.items()]


def _play(library: Library, file: str, scenario: Scenario) -> Played:
    began = time.perf_counter()
    happenings = simulate(library, scenario, tells_all=True)
    took = time.perf_counter() - began
    return Played(file, scenario, happenings, held_against(scenario, happenings), took)


def _show_all(library: Library, scenarios: dict[str, Scenario], explain: bool) -> list[Played]:
    """Of many, only what fails is shown whole: unless the reasons are asked for."""
    console = Console(highlight=False, soft_wrap=True)
    results: list[Played] = []
    for file, scenario in scenarios.items():
        played = _play(library, file, scenario)
        results.append(played)
        console.print(headline(played))
        if explain or len(scenarios) == 1 or not played.holds:
            for line in plan(played, explain=explain):
                console.print(line)
            console.print()
    if not library.errors:
        _sum_up(console, results)
    return results


def _sum_up(console: Console, results: list[Played]) -> None:
    failed = [played for played in results if not played.holds]
    took = sum(played.took for played in results)
    fails = f", {len(failed)} fail{'s' if len(failed) == 1 else ''}" if failed else ""
    console.print(f"{len(results) - len(failed)} of {len(results)} scenarios hold{fails} ({took:.1f} s)")
    for played in failed if len(results) > 1 else ():
        console.print(f"  {played.file}: {played.comparison.mismatches[0].what}", style="red")
