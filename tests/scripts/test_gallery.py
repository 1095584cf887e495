"""The page of all journeys says what they are now."""

from harness.reading import read
from scripts.gallery import PAGE, ROOT, as_text

LIBRARY = read(ROOT / "journeys")


def test_it_is_current() -> None:
    assert PAGE.read_text("utf-8") == as_text(LIBRARY), "run: .venv/bin/python -m scripts.gallery"


def test_every_journey_and_every_scenario_is_on_it() -> None:
    page = PAGE.read_text("utf-8")
    assert page.count("\n## ") == len(LIBRARY.journeys)
    assert page.count("](../journeys/scenarios/") == len(LIBRARY.scenarios)
