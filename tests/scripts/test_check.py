"""`sojourn check`: lines, JSON, and explanations of codes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scripts.cli import app

WARNED = "journey: j\nstart: {on: Go}\nsteps: [{wait: 1d}]\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "j.yaml").write_text(WARNED)
    return tmp_path


def check(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", *arguments])
    return result.exit_code, result.output


def test_a_warning_is_shown_and_is_no_failure(directory: Path) -> None:
    code, output = check(str(directory))
    assert code == 0
    assert (
        output
        == f"{directory}/j.yaml:1: journey: warning: the journey has no title; add `title: …` for people to read\n"
    )


def test_an_error_is_a_failure(directory: Path) -> None:
    (directory / "j.yaml").write_text(WARNED.replace("1d", "soon"))
    assert check(str(directory))[0] == 1


def test_json_has_the_codes(directory: Path) -> None:
    code, output = check(str(directory), "--json")
    report = json.loads(output)
    assert code == 0
    assert [(it["code"], it["severity"], it["line"]) for it in report["findings"]] == [("no-title", "warning", 1)]
    assert (report["errors"], report["warnings"], report["checked"]["journeys"]) == (0, 1, 1)


def test_a_file_that_is_not_there_is_an_error() -> None:
    code, output = check("nowhere.yaml")
    assert code == 1
    assert "nowhere.yaml:1: file: there is no such file" in output


def test_a_code_is_explained_without_any_file() -> None:
    code, output = check("--explain", "no-opt-out")
    assert code == 0
    assert output.startswith("no-opt-out\n\nWarning. A promotional SMS")
    assert check("--explain", "nothing")[0] == 1


def test_something_has_to_be_named() -> None:
    assert check()[0] == 2
