"""What each finding means, out of the page that explains them."""

import re
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "findings.md"


def explain(code: str) -> str | None:
    """The page's part about a code, as plain text; None when there is no such code."""
    found = re.search(rf"^## {re.escape(code)}\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    if found is None:
        return None
    lines = (f"    {line}" if is_code else line for line, is_code in _lines(found[1].strip()))
    return f"{code}\n\n" + "\n".join(lines)


def _lines(text: str) -> list[tuple[str, bool]]:
    """Each line, and whether it stands in an example; the fences are left out."""
    found: list[tuple[str, bool]] = []
    is_code = False
    for line in text.splitlines():
        if line.startswith("```"):
            is_code = not is_code
        else:
            found.append((line, is_code))
    return found
