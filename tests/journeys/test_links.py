"""No link in the documentation leads nowhere: neither a file nor a heading is missing."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
LINK = re.compile(r"\]\((?!\w+:|<)([^)\s]+)\)")


def without_code(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """As GitHub names headings, and those that are written out."""
    text = without_code(page)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="(\w+)">', text))


def dead(page: Path) -> Iterator[str]:
    for link in LINK.findall(re.sub(r"`[^`\n]*`", "", without_code(page))):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert list(dead(page)) == []


def test_every_page_is_on_the_first_one() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    assert {page.name for page in PAGES if page.parent.name == "docs" and f"]({page.name})" not in index} == {
        "index.md"
    }
