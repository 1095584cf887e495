"""Functions are registered by modules that the settings name; docs/calls.md shows how, and works."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from activities import functions
from activities.functions import FunctionCall, function, registered
from language.library import read_library
from runtime.settings import SettingsInvalid
from store.database import Database
from tests.activities.calling import call_desk
from worker.functions import import_functions

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "calls.md").read_text("utf-8")
HEAD = "journey: lead\ntitle: A lead\nstart: {on: Lead Created}\nsteps:\n"


@pytest.fixture(autouse=True)
def _no_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "_function_by_name", {})


def example(language: str, number: int = 0) -> str:
    return str(re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[number])


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """What the page tells its reader to write, with the journeys in `journeys/`."""
    (tmp_path / "scoring.py").write_text(example("python"))
    journeys = tmp_path / "journeys"
    journeys.mkdir()
    (journeys / "destinations.yaml").write_text(example("yaml", 1))
    for number in (0, 2):
        steps = "".join(f"  {line}\n" for line in example("yaml", number).splitlines())
        (journeys / f"lead_{number}.yaml").write_text(HEAD.replace("lead", f"lead_{number}") + steps)
    return tmp_path


def check(directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.cli", "check", "journeys"]
    told = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, cwd=directory, env=told, capture_output=True, text=True, timeout=60)


def test_what_the_page_shows_is_accepted(directory: Path) -> None:
    checked = check(directory, SOJOURN_FUNCTIONS="scoring")
    assert (checked.stdout, checked.returncode) == ("2 journeys, 0 messages, 0 scenarios: fine\n", 0)


def test_without_its_module_a_function_is_unknown(directory: Path) -> None:
    checked = check(directory)
    assert checked.returncode == 1
    assert "there is no destination `credit_score`" in checked.stdout


def test_a_module_that_is_not_there_is_a_wrong_setting(directory: Path) -> None:
    checked = check(directory, SOJOURN_FUNCTIONS="skoring")
    assert checked.returncode == 2
    assert "SOJOURN_FUNCTIONS: skoring cannot be imported" in checked.stderr


async def test_the_function_of_the_page_is_called(
    db: Database, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(directory)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert "credit_score" in import_functions(["scoring"])
    async with call_desk(db) as desk:
        desk.functions["credit_score"] = sys.modules["scoring"].credit_score
        order = desk.order(destination="credit_score", values={"income": 50_000})
        assert (await desk.attempt(order)).result == {"score": 800}
        order = desk.order(destination="credit_score", values={"income": None}, key="other")
        assert (await desk.attempt(order)).reason == "no income is known"


async def test_a_destination_hears_what_the_page_shows(db: Database) -> None:
    library = read_library({"destinations.yaml": example("yaml", 1)})
    assert list(library.destinations["crm_lead"].variables()) == ["CRM_SECRET"]
    async with call_desk(db, secret_env="CRM_SECRET") as desk:
        await desk.attempt(desk.order())
    assert desk.crm.heard[0].told.keys() == json.loads(example("json")).keys()


def test_a_name_is_registered_once() -> None:
    @function("twice")
    def twice(call: FunctionCall) -> None:
        return None

    assert "twice" in registered()
    function("twice")(twice)
    with pytest.raises(ValueError, match="two functions"):
        function("twice")(lambda call: None)


def test_a_name_is_one_that_a_journey_can_say() -> None:
    with pytest.raises(ValueError, match="small letters"):
        function("Credit Score")


def test_a_module_that_fails_is_a_wrong_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "failing_module.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SettingsInvalid, match="failing_module cannot be imported: ZeroDivisionError"):
        import_functions(["failing_module"])
