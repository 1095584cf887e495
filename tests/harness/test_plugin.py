"""The plugin in somebody else's repository."""

import subprocess
import sys
from pathlib import Path

import pytest

JOURNEY = """
journey: trial
start: {on: Trial Started}
goal: {on: Paid}
steps:
  - {send: trial_welcome, via: email}
  - wait: 3d
  - {send: trial_nudge, via: sms}
"""
SCENARIO = """
scenario: pays nothing for three days, and is reminded
journey: trial
customer:
  traits: {{first_name: Ana, email: ana@example.com, phone: "+5511987654321"}}
  time_zone: America/Sao_Paulo
given:
  - {{at: 0d, on: Trial Started, with: {{plan: pro}}}}
expect:
  - {{at: 0d, send: trial_welcome, via: email}}
  - {{at: {at}, send: trial_nudge, via: sms}}
  - {{at: 3d, outcome: completed}}
"""
FILES = {
    "funnel/trial.yaml": JOURNEY,
    "funnel/messages/trial_welcome.yaml": "{message: trial_welcome, class: transactional, "
    "email: {subject: Welcome, body: Hello}}",
    "funnel/messages/trial_nudge.yaml": "{message: trial_nudge, class: transactional, sms: Still there?}",
    "funnel/scenarios/reminded.yaml": SCENARIO.format(at="3d"),
    "tests/test_own.py": "def test_own():\n    assert True\n",
}
WITHOUT = [word for name in ("schemathesis", "hypothesispytest", "xdist") for word in ("-p", f"no:{name}")]
"""Plugins that are only here because our own tests need them; loading them takes longer than all the rest."""

INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, text in {**FILES, "pytest.ini": INI}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(repository: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output."""
    command = [sys.executable, "-m", "pytest", "-q", "--color=no", *WITHOUT, *arguments]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def test_nothing_is_collected_unless_it_is_asked_for(repository: Path) -> None:
    code, output = run(repository)

    assert code == 0
    assert "1 passed" in output


@pytest.mark.parametrize("asked", ["funnel", "funnel/scenarios/reminded.yaml"])
def test_what_is_named_is_collected(repository: Path, asked: str) -> None:
    code, output = run(repository, "--simulate", asked)

    assert code == 0
    assert "1 passed" in output


def test_setting_adds_scenarios_to_everything(repository: Path) -> None:
    (repository / "pytest.ini").write_text(f"{INI}testpaths = tests\nsojourn_journeys = funnel\n")

    assert "2 passed" in run(repository, "--simulate")[1]
    assert "1 passed" in run(repository, "--simulate", "tests")[1]


def test_both_play_and_agree(repository: Path) -> None:
    code, output = run(repository, "--both", "funnel")

    assert code == 0, output
    assert "1 passed" in output


def test_failure_is_what_a_marketer_can_read(repository: Path) -> None:
    (repository / "funnel/scenarios/reminded.yaml").write_text(SCENARIO.format(at="2d"))

    code, output = run(repository, "--simulate", "funnel")

    assert code == 1
    assert "Traceback" not in output
    assert "funnel/scenarios/reminded.yaml: pays nothing for three days, and is reminded\n" in output
    assert "  Mon 05 Jan 2026 09:00  day 0    given: Trial Started plan pro\n" in output
    assert "  Thu 08 Jan 2026 09:00  day 3    trial_nudge by sms was sent, unexpected\n" in output


def test_broken_file_fails_with_its_findings_and_no_other(repository: Path) -> None:
    (repository / "funnel/scenarios/broken.yaml").write_text("scenario: broken\njourney: trail\ngivn: []\n")

    code, output = run(repository, "--simulate", "funnel")

    assert code == 1
    assert "1 failed, 1 passed" in output
    assert "funnel/scenarios/broken.yaml:3: givn: there is no field `givn` here; did you mean `given`?" in output
    assert "Traceback" not in output


def test_broken_journey_fails_its_scenarios(repository: Path) -> None:
    (repository / "funnel/trial.yaml").write_text(JOURNEY.replace("trial_nudge", "trial_nudg"))

    code, output = run(repository, "funnel")

    assert code == 1
    assert "funnel/trial.yaml:8: " in output
    assert "trial_nudg" in output
