"""Pictures of journeys: nothing overlaps, every text fits, and those in docs/ show the journeys as they are.

Draw those anew with `SOJOURN_DRAW=1 scripts/test tests/scripts/test_draw.py`.
"""

import os
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from language.library import read_library
from scripts.directory import read_directories
from scripts.draw import picture_of, run
from scripts.drawing.measure import BOLD, width_of
from scripts.drawing.page import lay_out
from scripts.drawing.sheet import Sheet

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
LIBRARY = read_directories([ROOT / "journeys"])
JOURNEYS = sorted(LIBRARY.journeys)
IS_DRAWING = bool(os.environ.get("SOJOURN_DRAW"))
SVG = "{http://www.w3.org/2000/svg}"

EVERY_STEP = """
journey: j
title: Everything at once
start: {on: Go}
goal: {on: Paid, ends: false}
steps:
  - cascade: m
    via: [{email: {wait: 6h}}, {sms: {wait: 1h, until: goal}}, voice]
  - split: tone
    arms:
      - {arm: a, share: 50, do: [{send: m, via: [email, voice]}]}
      - {arm: b, share: 50}
  - task: ask
    to: sales
    within: 1d
    results: {A: [{stop: a}], B: [{set: {x: "1"}}]}
    otherwise: [{call: crm, otherwise: [{coupon: c}]}]
  - repeat: 3
    every: 1d
    until: Paid
    do:
      - {send: m, via: web_push, when: profile.a_rather_long_name_of_a_trait_that_no_card_can_hold == null}
  - id: again
    wait_for: {on: X, do: [{go_to: again}]}
    within: 2d
    reset_on: Y
  - branch: [{when: profile.x > 1, do: [{start: other}]}]
  - {wait: {window: "Mon-Fri 09:00-18:00"}}
"""


def sheet_of(name: str) -> Sheet:
    return lay_out(LIBRARY.journeys[name], LIBRARY.messages)


@pytest.mark.parametrize("name", JOURNEYS)
def test_the_picture_in_the_docs_shows_the_journey_as_it_is(name: str) -> None:
    picture, file = picture_of(LIBRARY, name), PICTURES / f"{name}.svg"
    assert picture is not None
    if IS_DRAWING:
        file.write_text(picture)
    assert file.read_text() == picture, "draw it anew: SOJOURN_DRAW=1 scripts/test tests/scripts/test_draw.py"


def test_there_are_no_pictures_of_journeys_that_are_gone() -> None:
    assert {file.stem for file in PICTURES.glob("*.svg")} == set(JOURNEYS)


@pytest.mark.parametrize("name", JOURNEYS)
def test_no_two_things_stand_in_the_same_place(name: str) -> None:
    sheet = sheet_of(name)
    solid = [*(box for box, _ in sheet.cards), *(it.box for it in sheet.marks), *(it.box for it in sheet.labels)]
    assert not [(one, other) for one, other in combinations(solid, 2) if one.overlaps(other)]


@pytest.mark.parametrize("name", JOURNEYS)
def test_lines_cross_no_card(name: str) -> None:
    """A line may touch the card it begins or ends at, never run through one."""
    sheet = sheet_of(name)
    for stroke in sheet.strokes:
        for (x1, y1), (x2, y2) in zip(stroke.points, stroke.points[1:], strict=False):
            for box, card in sheet.cards:
                is_across = min(x1, x2) < box.right - 1 and max(x1, x2) > box.x + 1
                is_inside = min(y1, y2) < box.bottom - 1 and max(y1, y2) > box.y + 1
                assert not (is_across and is_inside), card.name


@pytest.mark.parametrize("name", JOURNEYS)
def test_every_text_fits_its_card(name: str) -> None:
    for box, card in sheet_of(name).cards:
        for line in card.lines:
            assert width_of(line.text, 13, BOLD) * 0.9 <= box.width, line.text


def test_every_step_of_the_language_is_drawn_and_the_picture_is_sound() -> None:
    library = read_library({"j.yaml": EVERY_STEP})
    picture = picture_of(library, "j")
    assert picture is not None
    assert picture == picture_of(library, "j")
    root = ElementTree.fromstring(picture)
    words = " ".join("".join(text.itertext()) for text in root.iter(f"{SVG}text"))
    for said in ("Everything at once", "Goal", "Task for sales", "3 times", "crm", "E-mail", "6 hours"):
        assert said in words, said
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title") is not None
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")


def test_what_an_author_writes_cannot_break_the_picture() -> None:
    text = 'journey: j\ntitle: "<script>&\\" ☃"\nstart: {on: "<b>"}\nsteps: [{stop: x, note: "]]>"}]\n'
    picture = picture_of(read_library({"j.yaml": text}), "j")
    assert picture is not None
    assert "<script>" not in picture
    ElementTree.fromstring(picture)


def test_the_command_writes_a_file_or_says_why_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("journey: broken\nstart: {on: Go}\nsteps: [{sned: m}]\n")
    assert run(broken, tmp_path / "x.svg") == 1
    assert "did you mean `send`?" in capsys.readouterr().err
    assert run(ROOT / "journeys" / "reservation.yaml", tmp_path / "x.svg") == 0
    assert (tmp_path / "x.svg").read_text().startswith("<svg")
