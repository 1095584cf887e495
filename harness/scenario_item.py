"""Scenario files as pytest's items."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.agreement import disagreements
from harness.plan import faults, plan
from harness.reading import errors_about, read
from language.comparison import Mismatch, compare
from language.happening import Happening
from language.library import Library
from language.scenario import Scenario
from language.simulator import Simulator
from scripts.directory import journeys_root

SIMULATOR, TEMPORAL, BOTH = "simulator", "temporal", "both"


class ScenarioFailed(Exception):
    """Its text is all that there is to say."""


class ScenarioFile(pytest.File):
    """One file, one scenario."""

    def collect(self) -> Iterator["ScenarioItem"]:
        yield ScenarioItem.from_parent(self, name="holds")


class ScenarioItem(pytest.Item):
    """A scenario that has to hold."""

    def runtest(self) -> None:
        library, scenario = self._read()
        on = self.config.getoption("sojourn_on")
        simulated = asyncio.run(Simulator(library, scenario).run()) if on != TEMPORAL else []
        played = _play(library, scenario) if on != SIMULATOR else []
        if on != TEMPORAL:
            self._check("in the simulator", library, scenario, simulated, compare(scenario, simulated))
        if on != SIMULATOR:
            self._check("on Temporal", library, scenario, played, compare(scenario, played))
        if on == BOTH:
            wrong = disagreements(simulated, played)
            self._check("where simulator and Temporal disagree", library, scenario, played, wrong)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, ScenarioFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self._shown

    def _read(self) -> tuple[Library, Scenario]:
        root = journeys_root(self.path)
        library = read(root)
        scenario = library.scenarios.get(str(self.path))
        wrong = errors_about(library, root, scenario.journey if scenario else None, self.path)
        if wrong or scenario is None:
            text = "\n".join(map(str, wrong)) or f"{self._shown}:1: file: this is no scenario"
            raise ScenarioFailed(text.replace(f"{self.config.rootpath}/", ""))
        return library, scenario

    @property
    def _shown(self) -> str:
        root = self.config.rootpath
        return str(self.path.relative_to(root) if self.path.is_relative_to(root) else self.path)

    def _check(
        self, where: str, library: Library, scenario: Scenario, told: list[Happening], wrong: list[Mismatch]
    ) -> None:
        if wrong:
            head = f"{self._shown}: {scenario.scenario}\n({scenario.journey}, {where})"
            what = faults(scenario, wrong, library.policy)
            raise ScenarioFailed(f"{head}\n\n{plan(scenario, told, library.policy)}\n\nbut it does not hold:\n{what}")


def _play(library: Library, scenario: Scenario) -> list[Happening]:
    """On the servers of this session. What fails there for other reasons may leave them in disorder: leave them."""
    from harness.ground import ground, leave_ground
    from harness.play import play

    here = ground()
    try:
        with here.turn:
            return here.submit(play(here.world, library, scenario)).result()
    except Exception:
        leave_ground()
        raise
