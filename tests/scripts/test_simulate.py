"""`sojourn simulate` for people: dated plans in the customer's time, reasons, and the same as JSON."""

import json as encoder
import re
from pathlib import Path

import pytest

from scripts.simulate import run

JOURNEY = """journey: j
title: J
start: {on: Go, where: event.code != null}
exit: {on: Gone, outcome: gone}
steps:
  - send: hello
    via: sms
  - wait_for:
      - {on: Paid, where: event.price > 10, do: [{stop: paid}]}
    within: 2d
  - send: again
    via: sms
    when: profile.vip == true
"""
MESSAGE = "message: {name}\nclass: service\nsms: |\n  Dear {{{{ profile.first_name }}}}\n  more\n"
SCENARIO = """scenario: {name}
journey: j
customer: {{traits: {{first_name: Ana, phone: "+5511987654321", vip: true}}, time_zone: Asia/Tokyo}}
given:
{given}
expect:
{expect}
"""
GO = "  - {at: 0d, on: Go, with: {code: X7}}"
HELLO, AGAIN, END = (
    "  - {at: 0d, send: hello, via: sms}",
    "  - {at: 2d, send: again, via: sms}",
    "  - {at: 2d, outcome: completed}",
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write(tmp_path, "j.yaml", JOURNEY)
    for name in ("hello", "again"):
        write(tmp_path, f"messages/{name}.yaml", MESSAGE.format(name=name))
    return tmp_path


def write(directory: Path, name: str, text: str) -> None:
    path = directory / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def told(
    directory: Path,
    capsys: pytest.CaptureFixture[str],
    given: str = GO,
    expect: str = "\n".join((HELLO, AGAIN, END)),
    *,
    json: bool = False,
    explain: bool = False,
) -> tuple[int, str]:
    write(directory, "scenarios/s.yaml", SCENARIO.format(name="s", given=given, expect=expect))
    code = run([directory / "scenarios"], json=json, explain=explain)
    return code, capsys.readouterr().out


def test_a_plan_has_the_customers_dates_and_marks_what_was_expected(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = told(directory, capsys)

    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert code == 0
    assert "Mon 05 Jan 2026 09:00 0d given Go (code: X7)" in lines
    assert "✓ sent hello by sms: Dear Ana" in lines
    assert "waits for Paid, at most 2d → Wed 07 Jan 2026 09:00" in lines
    assert "Wed 07 Jan 2026 09:00 2d ✓ sent again by sms: Dear Ana" in lines
    assert "✓ ends completed" in lines
    assert "1 of 1 scenarios hold" in out


def test_what_was_not_expected_and_what_was_missed_stand_at_their_time(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = told(directory, capsys, expect="\n".join((HELLO, AGAIN.replace("2d", "1d"), END)))

    lines = [" ".join(line.split()) for line in out.splitlines()]
    missed = "Tue 06 Jan 2026 09:00 1d ✗ expected again by sms, which did not happen then"
    unexpected = "Wed 07 Jan 2026 09:00 2d ✗ sent again by sms: Dear Ana, unexpected"
    assert code == 1
    assert lines.index(missed) < lines.index(unexpected)
    assert "0 of 1 scenarios hold, 1 fails" in out


def test_reasons_name_the_step_the_condition_and_its_values(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = f"{GO}\n  - {{at: 1d, on: Paid, with: {{price: 5}}}}\n  - {{at: 1d, on: Else}}"
    _, out = told(directory, capsys, given=given, explain=True)

    assert "· send_hello: SMS sent; goes on to wait_for_paid" in out
    assert "· wait_for_paid: for Paid, event.price > 10 is false (event.price = 5)" in out
    assert "· wait_for_paid: Paid is not what it waits for" in out
    assert "· Else: changes nothing: the journey does not listen to this" in out
    assert "· wait_for_paid: the time is up" in out
    assert "· send_again: profile.vip == true is true (profile.vip = true)" in out
    assert "goes on to the end: its steps are done" in out


def test_reasons_name_the_event_that_ended_a_wait_or_everything(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paid = f"{GO}\n  - {{at: 1d, on: Paid, with: {{price: 50}}}}"
    gone = f"{GO}\n  - {{at: 1d, on: Gone}}"

    assert "· wait_for_paid: Paid is what it waited for" in told(directory, capsys, given=paid, explain=True)[1]
    assert "· Gone: Gone ends the enrolment as gone" in told(directory, capsys, given=gone, explain=True)[1]


def test_what_starts_nothing_is_said(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out = told(directory, capsys, given="  - {at: 0d, on: Go}", expect="  []", explain=True)

    assert "· Go: starts nothing: no `start` of the journey fits it" in out


def test_without_the_option_reasons_are_left_out(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "·" not in told(directory, capsys)[1]


def test_of_many_only_those_that_fail_are_shown_whole(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(directory, "scenarios/bad.yaml", SCENARIO.format(name="bad", given=GO, expect=HELLO))

    code, out = told(directory, capsys)

    assert code == 1
    assert out.count("hello by sms") == 1
    assert "1 of 2 scenarios hold, 1 fails" in out
    assert f"{directory}/scenarios/bad.yaml: again by sms was sent, unexpected" in out


def test_json_is_complete_and_the_same_each_time(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, first = told(directory, capsys, json=True)
    _, second = told(directory, capsys, json=True)

    (result,) = encoder.loads(first)
    sent = [item for item in result["happenings"] if item["kind"] == "sent"]
    assert first == second
    assert result["holds"] is True
    assert sent[1] == {
        "at": 172800.0,
        "kind": "sent",
        "name": "again",
        "channel": "sms",
        "text": "Dear Ana\nmore",
        "step": "send_again",
        "zone": "Asia/Tokyo",
        "enrolment": 1,
        "local": "2026-01-07T09:00:00+09:00",
        "expected": True,
    }
    assert {"why", "wait"} <= {item["kind"] for item in result["happenings"]}


ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/simulating.md").read_text("utf-8")
SHOWN = [
    ("activation_never.yaml", False, "holds never activates"),
    ("first_touch_busy.yaml", True, "· branch:"),
]


@pytest.mark.parametrize(("scenario", "explain", "begins"), SHOWN, ids=lambda part: str(part))
def test_the_documentation_shows_what_is_printed(
    scenario: str, explain: bool, begins: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    (shown,) = (block for block in re.findall(r"```\n(.*?)```", PAGE, re.DOTALL) if block.startswith(begins))

    run([Path("journeys/scenarios") / scenario], explain=explain)

    assert timeless(shown) <= timeless(capsys.readouterr().out)


def timeless(text: str) -> set[str]:
    """Lines, but for how long it took."""
    return {re.sub(r"\d+ ms|\(\d.* s\)", "", " ".join(line.split())) for line in text.splitlines()}
