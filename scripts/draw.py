"""`sojourn draw`: a journey as a picture."""

import sys
from pathlib import Path

from language.library import Library
from scripts.directory import read_directories
from scripts.drawing.page import draw


def run(path: Path, output: Path | None = None) -> int:
    """Draw the journey of a file, with the messages beside it; 1 when it cannot be read.

    A journey that can be read is drawn as it stands, also when its messages are still to be written.
    """
    library = read_directories([path])
    for finding in library.errors:
        if Path(finding.file) == path:
            print(finding, file=sys.stderr)
    picture = picture_of(library, path.stem)
    if picture is None:
        return 1
    target = output or Path(f"{path.stem}.svg")
    target.write_text(picture, "utf-8")
    print(f"drawn: {target}")
    return 0


def picture_of(library: Library, journey: str) -> str | None:
    """The SVG text; None when there is no such journey, or it cannot be read."""
    found = library.journeys.get(journey)
    return draw(found, library.messages) if found else None
