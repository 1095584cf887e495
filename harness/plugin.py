"""The pytest plugin: plays scenarios of journeys as tests. Nothing is collected unless it is asked for.

Imports little: it is loaded in every session of whoever has Sojourn installed.
"""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("sojourn", "scenarios of customer journeys")
    for option, where, how in (
        ("--simulate", "simulator", "Play scenarios in the simulator, without servers."),
        ("--both", "both", "Play scenarios in the simulator and on Temporal; both must agree."),
    ):
        group.addoption(option, dest="sojourn_on", action="store_const", const=where, default="temporal", help=how)
    parser.addini("sojourn_journeys", "Directories of journeys whose scenarios are tests.", type="paths", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Where only `testpaths` says what to test, the journeys' directories belong to it."""
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        config.args += [str(directory) for directory in config.getini("sojourn_journeys")]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix != ".yaml" or file_path.parent.name != "scenarios" or not _is_asked(parent.config, file_path):
        return None
    from harness.scenario_item import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path)


def pytest_sessionfinish() -> None:
    """Leave no server behind."""
    import sys

    if "harness.ground" in sys.modules:
        from harness.ground import leave_ground

        leave_ground()


def _is_asked(config: pytest.Config, file: Path) -> bool:
    """By the setting, or by naming the file, its directory, or the journeys' directory above it."""
    given = {(config.invocation_params.dir / arg.partition("::")[0]).resolve() for arg in config.args}
    named = {file, file.parent, file.parent.parent}
    return bool(given & named) or any(directory in file.parents for directory in config.getini("sojourn_journeys"))
