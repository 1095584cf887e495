"""Pictures of journeys: nothing overlaps, every text fits, and those in docs/ show the journeys as they are.

Draw those anew with `SOJOURN_DRAW=1 scripts/test tests/scripts/test_draw.py`.
"""

import os
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.reading import read
from language.library import read_library
from scripts.draw import picture_of, run
from scripts.drawing.building import MARK_SIZE
from scripts.drawing.card import INDENT, LEADING, SIZE, weight_of
from scripts.drawing.lanes import Point
from scripts.drawing.measure import BOLD, PLAIN, width_of
from scripts.drawing.page import lay_out
from scripts.drawing.sheet import Box, Sheet
from scripts.drawing.ways import SIZE as LABEL_SIZE
from scripts.drawing.words import excerpt, phrase

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
LIBRARY = read(ROOT / "journeys")
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


def crosses(one: Point, two: Point, box: Box) -> bool:
    """Whether a line runs through a box; touching its edge is fine."""
    is_across = min(one[0], two[0]) < box.right - 1 and max(one[0], two[0]) > box.x + 1
    return is_across and min(one[1], two[1]) < box.bottom - 1 and max(one[1], two[1]) > box.y + 1


@pytest.mark.parametrize("name", JOURNEYS)
def test_the_picture_in_the_docs_shows_the_journey_as_it_is(name: str) -> None:
    picture, file = picture_of(LIBRARY, name), PICTURES / f"{name}.svg"
    assert picture is not None
    if IS_DRAWING:
        file.write_text(picture)
    assert " object at 0x" not in picture
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
        for one, two in zip(stroke.points, stroke.points[1:], strict=False):
            for box, card in sheet.cards:
                assert not crosses(one, two, box), card.name


@pytest.mark.parametrize("name", JOURNEYS)
def test_every_text_fits_its_card(name: str) -> None:
    for box, card in sheet_of(name).cards:
        assert sum(LEADING[line.kind] for line in card.lines) <= box.height, card.name
        for line in card.lines:
            assert INDENT + width_of(line.text, SIZE[line.kind], weight_of(line.kind)) <= box.width, line.text


@pytest.mark.parametrize("name", JOURNEYS)
def test_every_text_fits_its_mark_and_its_label(name: str) -> None:
    sheet = sheet_of(name)
    texts = [(it.box, line, MARK_SIZE, BOLD) for it in sheet.marks for line in it.lines]
    texts += [(it.box, line, LABEL_SIZE, PLAIN) for it in sheet.labels for line in it.lines]
    for box, line, size, weight in texts:
        assert width_of(line, size, weight) < box.width, line


@pytest.mark.parametrize("name", JOURNEYS)
def test_lines_cross_no_mark(name: str) -> None:
    sheet = sheet_of(name)
    for stroke in sheet.strokes:
        for one, two in zip(stroke.points, stroke.points[1:], strict=False):
            assert not [mark.lines for mark in sheet.marks if crosses(one, two, mark.box)]


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


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('profile.segment in ["A", "B"]', "profile.segment is A or B"),
        ("start.expires_at - duration('24h')", "24 hours before expires_at"),
        ('event.to != "a == b" && profile.phone != null', "“to” is not a == b and profile.phone is known"),
        ('steps.robot_call.voice.status == "no_answer"', "robot_call.voice is no_answer"),
        ("start.date + duration('1w')", "7 days after date"),
        ("profile.value >= 500 ? 75 : 60", "75 if profile.value is at least 500, otherwise 60"),
    ],
)
def test_conditions_are_told_in_words(source: str, said: str) -> None:
    assert phrase(source) == said


def test_a_template_is_told_by_its_first_case() -> None:
    text = "{% if a %}Hi{% else %}Ho{% endif %} {{ profile.first_name | default: 'you' }}, [see]({{ 'x' | link }})"
    assert excerpt(text) == "Hi [first name], see"


def test_a_jump_leads_its_line_to_the_card_that_it_names() -> None:
    """Up the left of the inner column, out above the fork, up the left of the outer one, into the card."""
    sheet = sheet_of("win_back")
    entry = sheet.entry_by_step["silent_week"]
    ends = [stroke.points[-1] for stroke in sheet.strokes if stroke.is_back]
    assert ends == [entry, entry]
