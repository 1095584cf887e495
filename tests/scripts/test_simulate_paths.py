"""`sojourn simulate --all-paths`: every way through a journey, for people and as JSON."""

import json as encoder
from pathlib import Path

import pytest

from scripts.ways import run

JOURNEY = """journey: j
title: The title
start: {on: Go}
exit: {on: Gone, where: event.sure, outcome: gone}
goal: {on: Paid}
steps:
  - send: hello
    via: sms
  - wait_for:
      - {on: Answered, do: [{stop: answered}]}
    within: 2d
  - set: {x: "1"}
    when: profile.y == 1
  - repeat: 3
    every: 1d
    do: [{send: again, via: sms}]
"""
MESSAGE = "message: {name}\nclass: service\nsms: Hello\n"
SHIPPED = Path(__file__).parents[2] / "journeys"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "messages").mkdir()
    (tmp_path / "j.yaml").write_text(JOURNEY)
    (tmp_path / "policy.yaml").write_text("costs: {currency: EUR, sms: 0.05}\n")
    for name in ("hello", "again"):
        (tmp_path / f"messages/{name}.yaml").write_text(MESSAGE.format(name=name))
    return tmp_path


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_each_way_has_its_steps_its_messages_its_days_its_end_and_its_price(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([directory / "j.yaml"]) == 0

    out = lines(capsys)
    assert out[0] == "j The title"
    assert out[2:5] == [
        "1 answered after 0s to 2d, 0.05 EUR",
        "send SMS hello → wait for Answered, at most 2d (on Answered)",
        "day 0: hello by sms",
    ]
    assert "2 completed after 4d, 0.2 EUR" in out
    assert "day 2: again by sms, 3 times, the last on day 4" in out


def test_ways_that_differ_in_nothing_to_be_noticed_are_one(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run([directory / "j.yaml"])

    out = lines(capsys)
    assert out[-2] == "2 ways (3 with those that differ in nothing to be noticed); at most 0.2 EUR"


def test_what_may_happen_at_any_moment_is_said_once(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run([directory / "j.yaml"])

    out = lines(capsys)
    assert "Gone where event.sure → ends as gone" in out
    assert "Paid → ends as converted" in out


def test_how_many_were_left_out_is_said(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sends = "\n".join(f"  - {{id: s{n}, send: hello, via: sms, when: profile.x{n}}}" for n in range(20))
    (directory / "j.yaml").write_text(f"journey: j\ntitle: J\nstart: {{on: Go}}\nsteps:\n{sends}\n")

    assert run([directory / "j.yaml"]) == 0

    out = lines(capsys)
    assert out[-2] == f"2000 ways; {2**20 - 2000:,} paths were left out; at most 1 EUR"
    assert "… 1700 more ways are not shown; --json lists them" in out


def test_a_journey_is_found_by_its_id(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([Path("j")], json=True, journeys=directory) == 0

    (told,) = encoder.loads(capsys.readouterr().out)
    assert (told["journey"], told["is_complete"], told["paths_in_all"], told["worst_cost"]) == (
        "j",
        True,
        3,
        {"steps": 0.2},
    )
    assert told["ways"][0]["messages"] == [
        {"step": "send_hello", "message": "hello", "channel": "sms", "least": 0.0, "most": 0.0}
    ]


def test_a_directory_stands_for_all_its_journeys(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "k.yaml").write_text(JOURNEY.replace("journey: j", "journey: k"))

    assert run([directory], json=True) == 0
    assert [told["journey"] for told in encoder.loads(capsys.readouterr().out)] == ["j", "k"]


def test_a_journey_that_is_not_there_is_named(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([Path("k")], journeys=directory) == 1
    assert "k:1: file: there is no such journey" in capsys.readouterr().out


def test_the_funnel_can_be_read_stage_by_stage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([SHIPPED / "apartment_purchase.yaml"]) == 0

    out = lines(capsys)
    assert "stage missed_meeting" in out
    assert "stage study, joined at studying" in out
    assert any(line.endswith("→ goes to the stage before_meeting") for line in out)
    assert "no limit to what it may cost: it may go round for ever" in out[-2]
